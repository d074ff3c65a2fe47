"""phenotypicFeatures → findings, excluded ones as absent."""

import re

from cpms_core import Finding, Term
from cpms_ern_ithaca.phenopacket.ages import coded, take_time
from cpms_ern_ithaca.phenopacket.tree import Node, is_empty

_HPO = re.compile(r"^HP:\d{7}$")


def take_findings(packet: Node) -> tuple[tuple[Finding, ...], list[str]]:
    """The findings, and a sentence on those that no HPO term tells."""
    findings, odd = [], []
    for feature in packet.children("phenotypicFeatures"):
        kind = feature.child("type")
        if _HPO.match(kind.text("id")):
            findings.append(_finding(feature, kind))
        elif kind.data:
            odd.append(kind.text("label") or kind.text("id") or "one without a name")
    remarks = [f"Not coded in HPO, so not among the findings: {'; '.join(odd)}."] if odd else []
    return tuple(findings), remarks


def _finding(feature: Node, kind: Node) -> Finding:
    about = dict(kind.data)
    code = kind.take_text("id")
    finding = Finding(
        term=Term("hpo", code, kind.take_text("label") or code),
        # Version 1 of the format said `negated`.
        absent=feature.flag("excluded") | feature.flag("negated"),
        onset=take_time(feature, "onset"),
        note=_note(feature),
    )
    if not is_empty(feature):
        feature.data["about"] = about  # else nobody could tell what the rest belongs to
    return finding


def _note(feature: Node) -> str:
    modifiers = [coded(one) for one in feature.children("modifiers")]
    parts = [coded(feature.child("severity")), *modifiers, feature.take_text("description")]
    return "; ".join(part for part in parts if part)
