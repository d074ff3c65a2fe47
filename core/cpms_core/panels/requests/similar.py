"""Who has contributed to cases like this one: by codes alone, for no case of them is ever shown.

Alike is a case with the same diagnosis, or with some of the same findings. What the centre has
taken back, or the patient's consent does not open to others, does not count.
"""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from msgspec import Struct
from sqlalchemy import ColumnElement, Select, and_, distinct, func, or_, select
from sqlalchemy.orm import Session

from cpms_core import words
from cpms_core.cases.covered import is_code_covered
from cpms_core.cases.models import Case, CodedValue
from cpms_core.panels.models import Contribution, Panel
from cpms_core.panels.scope import is_shown_to_others
from cpms_core.registry import Registry

_DISEASES = ("orpha", "omim")
_FINDINGS = "hpo"
ENOUGH_SHARED = 3
"""Findings that another case shares with this one before it counts as alike."""
_MOST_CODES = 60


class Experience(Struct, frozen=True, kw_only=True):
    cases: int
    diagnosis: str
    """The one they share with this case; empty if only findings are alike."""

    def __str__(self) -> str:
        cases = words.plural(self.cases, "case")
        return f"contributed to {cases} with {self.diagnosis or 'similar findings'}"


def experience_with(
    session: Session, registry: Registry, case_id: UUID
) -> Mapping[UUID, Experience]:
    """By person; the same diagnosis says more than findings. Three statements, two without one."""
    covered = is_code_covered(registry)
    titles: dict[tuple[str, str], str] = {}
    findings = []
    for system, code, label in _codes(session, case_id, covered):
        if system == _FINDINGS:
            findings.append(code)
        else:
            titles[system, code] = label
    found = _by_findings(session, case_id, findings, covered) if findings else {}
    return {**found, **(_by_diagnosis(session, case_id, titles, covered) if titles else {})}


def _codes(session: Session, case_id: UUID, covered: ColumnElement[bool]) -> Iterable[Any]:
    return session.execute(
        select(CodedValue.system, CodedValue.code, CodedValue.label)
        .where(
            CodedValue.case_id == case_id,
            CodedValue.system.in_((*_DISEASES, _FINDINGS)),
            ~CodedValue.absent,
            covered,
        )
        .distinct()
        .order_by(CodedValue.system.desc(), CodedValue.code)
        .limit(_MOST_CODES)
    )


def _by_diagnosis(
    session: Session,
    case_id: UUID,
    titles: Mapping[tuple[str, str], str],
    covered: ColumnElement[bool],
) -> dict[UUID, Experience]:
    """A person's most frequent one of them."""
    is_same = or_(
        *(and_(CodedValue.system == system, CodedValue.code == code) for system, code in titles)
    )
    rows = session.execute(
        _contributions(case_id)
        .join(CodedValue, CodedValue.case_id == Panel.case_id)
        .where(is_same, ~CodedValue.absent, covered)
        .add_columns(CodedValue.system, CodedValue.code)
        .group_by(Contribution.author_id, CodedValue.system, CodedValue.code)
        .order_by("cases")
    )
    return {
        row.author_id: Experience(cases=row.cases, diagnosis=titles[row.system, row.code])
        for row in rows
    }


def _by_findings(
    session: Session, case_id: UUID, codes: list[str], covered: ColumnElement[bool]
) -> dict[UUID, Experience]:
    alike = (
        select(CodedValue.case_id)
        .where(
            CodedValue.system == _FINDINGS,
            CodedValue.code.in_(codes),
            CodedValue.case_id != case_id,
            ~CodedValue.absent,
            covered,
        )
        .group_by(CodedValue.case_id)
        .having(func.count(distinct(CodedValue.code)) >= ENOUGH_SHARED)
    )
    rows = session.execute(
        _contributions(case_id).where(Panel.case_id.in_(alike)).group_by(Contribution.author_id)
    )
    return {row.author_id: Experience(cases=row.cases, diagnosis="") for row in rows}


def _contributions(case_id: UUID) -> Select[UUID, int]:
    """To panels of other cases."""
    return (
        select(Contribution.author_id, func.count(distinct(Panel.case_id)).label("cases"))
        .join(Panel, Panel.id == Contribution.panel_id)
        .join(Case, Case.id == Panel.case_id)
        .where(Panel.case_id != case_id, is_shown_to_others())
    )
