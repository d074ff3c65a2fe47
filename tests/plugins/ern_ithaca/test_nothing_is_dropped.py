"""Every leaf of every published file is in a record, in a column of the case, or left over."""

import re
from collections import Counter
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from cpms_core import ImportedCase
from cpms_ern_ithaca.phenopacket import read
from tests.plugins.ern_ithaca.published import as_bytes, leaves, make_packet, published_files

_UNITS = {"Y": "y", "M": "m", "W": "w", "D": "d"}
_WORDS = {
    "MALE": "male",
    "FEMALE": "female",
    "UNKNOWN_SEX": "unknown",
    "DECEASED": "deceased",
    "CAUSATIVE": "causative",
    "PATHOGENIC": "5 pathogenic",
    "GENO:0000134": "hemizygous",
    "GENO:0000135": "heterozygous",
    "hg38": "GRCh38",
    "SOLVED": "yes",
}


def _age(duration: Any) -> str:
    parts = re.findall(r"(\d+)([YMWD])", str(duration))
    return " ".join(f"{number} {_UNITS[unit]}" for number, unit in parts if number != "0")


def _word(value: Any) -> str:
    return _WORDS.get(str(value), str(value))


# Where a leaf has to be found, and as what, unless it is left over.
_PLACES: list[tuple[str, str, Callable[[Any], str]]] = [
    (r"phenotypicFeatures\..*iso8601duration", "ithaca.findings", _age),
    (r"phenotypicFeatures\.(type|onset\.ontologyClass)\..*", "ithaca.findings", str),
    (r"phenotypicFeatures\.excluded", "ithaca.findings", str),
    (r"subject\.sex", "sex", _word),
    (r"subject\.timeAtLastEncounter\.age\.iso8601duration", "ithaca.person", _age),
    (r"subject\.vitalStatus\.status", "ithaca.person", _word),
    (r"diseases\.onset\.age\.iso8601duration", "ithaca.diagnosis", _age),
    (r"diseases\..*", "ithaca.diagnosis", str),
    (r"interpretations\.progressStatus", "ithaca.diagnosis", _word),
    (r"interpretations\.diagnosis\.disease\..*", "ithaca.diagnosis", str),
    (r"metaData\.externalReferences\..*", "ithaca.diagnosis", str),
    (r"interpretations\..*expressions\.syntax", "ithaca.genetics", lambda _: ""),
    (r"interpretations\.diagnosis\.genomicInterpretations\..*", "ithaca.genetics", _word),
]


def _texts(case: ImportedCase, where: str) -> list[str]:
    if where == "sex":
        return [case.sex]
    record = msgspec.to_builtins(case.records.get(where, {}))
    return [str(value) for _, value in leaves(record)]


def _missing(packet: Any, case: ImportedCase) -> list[str]:
    kept = Counter((path, str(value)) for path, value in leaves(case.leftover))
    missing = []
    for path, value in leaves(packet):
        if kept[path, str(value)] > 0:
            kept[path, str(value)] -= 1
            continue
        for pattern, where, told in _PLACES:
            if re.fullmatch(pattern, path):
                texts = _texts(case, where)
                if not any(told(value) in text for text in texts):
                    missing.append(f"{path} = {value!r} is not in {where}")
                break
        else:
            missing.append(f"{path} = {value!r} is nowhere")
    return missing


def test_every_leaf_of_every_published_case_is_placed_or_left_over() -> None:
    for path in published_files():
        content = path.read_bytes()
        assert _missing(msgspec.json.decode(content), read(content)) == [], path.name


def test_findings_keep_their_order_and_the_excluded_ones_are_absent() -> None:
    for path in published_files():
        packet = msgspec.json.decode(path.read_bytes())
        told = [(f["type"]["id"], f.get("excluded", False)) for f in packet["phenotypicFeatures"]]
        record = read(path.read_bytes()).records["ithaca.findings"]
        kept = [(one.term.code, one.absent) for one in record.findings]  # type: ignore[attr-defined]  # Findings
        assert kept == told, path.name


def test_whatever_is_added_anywhere_is_left_over_and_named_in_a_remark() -> None:
    packet = make_packet()
    added = _add_everywhere(packet, 0)
    case = read(as_bytes(packet))
    kept = Counter(value for _, value in leaves(case.leftover))
    assert {f"novelty {number}" for number in range(added)} <= kept.keys()
    told = [remark for remark in case.remarks if "novelty" in remark]
    assert len(told) == 6  # the file itself, person, findings, variants, diagnoses, its making
    assert added > 20


@pytest.mark.parametrize("dropped", ["phenotypicFeatures", "diseases", "metaData", "subject"])
def test_the_check_itself_sees_what_is_dropped(dropped: str) -> None:
    packet = make_packet()
    case = read(as_bytes({key: part for key, part in packet.items() if key != dropped}))
    if dropped == "diseases":
        case.records["ithaca.diagnosis"] = type(case.records["ithaca.diagnosis"])()
    assert _missing(packet, case) != []


def _add_everywhere(value: Any, count: int) -> int:
    """A key that no version of the format knows, in every object; returns how many."""
    if isinstance(value, list):
        for one in value:
            count = _add_everywhere(one, count)
    elif isinstance(value, dict):
        for one in list(value.values()):
            count = _add_everywhere(one, count)
        value["novelty"] = f"novelty {count}"
        count += 1
    return count
