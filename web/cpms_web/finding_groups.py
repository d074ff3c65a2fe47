"""Findings as clinicians read them: by part of the body, each in the order of its entering."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from cpms_core.datasets.records import Shown
from cpms_core.terminology.branches import branches_of
from cpms_web.case_frame import Section

Groups = tuple[tuple[str, tuple[Shown, ...]], ...]
_FEWEST = 4
"""Below this a list needs no headings."""
_OTHER = "Other"


def finding_groups(session: Session, sections: Sequence[Section]) -> dict[str, Groups]:
    """By the path of the field within its section: `ithaca.findings/findings`."""
    fields = {
        f"{section.key}/{node.path}": node
        for section in sections
        for node in section.shown
        if node.kind == "findings" and len(node.children) >= _FEWEST
    }
    codes = {finding.code for node in fields.values() for finding in node.children}
    branches = branches_of(session, codes) if codes else {}
    return {key: _grouped(node, branches) for key, node in fields.items()}


def _grouped(node: Shown, branches: dict[str, str]) -> Groups:
    """A finding of several parts of the body stands in the first; what has no part comes last."""
    groups: dict[str, list[Shown]] = {}
    for finding in node.children:
        part = branches.get(finding.code, "").partition("; ")[0] or _OTHER
        groups.setdefault(part, []).append(finding)
    other = groups.pop(_OTHER, [])
    if other:
        groups[_OTHER] = other
    return tuple((part, tuple(found)) for part, found in groups.items())
