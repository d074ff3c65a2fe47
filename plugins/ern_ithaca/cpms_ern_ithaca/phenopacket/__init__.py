"""GA4GH Phenopackets (version 2, JSON) as draft cases.

What a file says either becomes a record or is left over and named in a remark; nothing is lost in
between, because placing a value is taking it out of the tree that in the end is the leftover.
"""

from typing import Any

import msgspec
from msgspec import Struct

from cpms_core import ImportedCase, Importer
from cpms_ern_ithaca.datasets.findings import Findings
from cpms_ern_ithaca.phenopacket.diagnoses import take_diagnoses
from cpms_ern_ithaca.phenopacket.features import take_findings
from cpms_ern_ithaca.phenopacket.opening import open_tree
from cpms_ern_ithaca.phenopacket.person import take_birth, take_person, take_sex
from cpms_ern_ithaca.phenopacket.remarks import remarks_on
from cpms_ern_ithaca.phenopacket.summary import summarise
from cpms_ern_ithaca.phenopacket.tree import Node, pruned


def read(content: bytes) -> ImportedCase:
    """One file as a draft case; ValueError with a sentence if it cannot be read."""
    tree = open_tree(content)
    packet = Node(tree, "")
    subject = packet.child("subject")
    sex = take_sex(subject)
    year, month = take_birth(subject)
    person = take_person(subject)
    findings, odd = take_findings(packet)
    diagnoses, genetics = take_diagnoses(packet)
    records = {
        "ithaca.findings": Findings(findings=findings),
        "ithaca.person": person,
        "ithaca.genetics": genetics,
        "ithaca.diagnosis": diagnoses,
    }
    leftover: dict[str, Any] = pruned(tree) or {}
    return ImportedCase(
        sex=sex,
        birth_year=year,
        birth_month=month,
        summary=summarise(sex, person, findings, diagnoses),
        records={key: _checked(key, one) for key, one in records.items() if one != type(one)()},
        remarks=(*odd, *remarks_on(leftover)),
        leftover=leftover,
    )


def _checked(key: str, record: Struct) -> Struct:
    """The record as a form would have accepted it."""
    try:
        return msgspec.convert(msgspec.to_builtins(record), type(record))
    except msgspec.ValidationError as error:
        raise ValueError(f"Something in it does not fit into {key}: {error}") from error


PHENOPACKET = Importer(
    key="ithaca.phenopacket",
    title="GA4GH Phenopacket",
    suffixes=(".json",),
    read=read,
)
