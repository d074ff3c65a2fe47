"""Find cases by what one may type: pseudonym, a coded finding; only those the actor may read."""

from uuid import UUID

from msgspec import Struct
from sqlalchemy import ColumnElement, exists, or_, select
from sqlalchemy.orm import Session, selectinload

from cpms_core.access import may
from cpms_core.actor import Actor
from cpms_core.cases.centre import questions_of
from cpms_core.cases.covered import is_code_covered
from cpms_core.cases.models import Case, CaseShare, CodedValue
from cpms_core.cases.scope import is_current_share
from cpms_core.patients.models import Consent, Patient
from cpms_core.patients.team import is_open_to, patient_subject
from cpms_core.registry import Registry

MOST = 25
"""Cases found at once."""
_FEWEST_LETTERS = 2


class FoundCase(Struct, frozen=True, kw_only=True):
    id: UUID
    pseudonym: str
    sex: str
    birth_year: int | None
    birth_month: int | None
    centre: str
    question: str
    why: str
    """What of it fits, if it is not the pseudonym."""


def find_cases(session: Session, actor: Actor, registry: Registry, text: str) -> list[FoundCase]:
    """The newest that fit; others than the own centre find no code that they may not read."""
    text = text.strip()
    if len(text) < _FEWEST_LETTERS or "\0" in text:
        return []
    wanted = (
        select(Case)
        .join(Patient, Patient.id == Case.patient_id)
        .where(readable_by(actor), or_(_named(text), _coded(text)))
        .order_by(Case.created_at.desc(), Case.id.desc())
        .limit(MOST)
        .options(selectinload(Case.patient), selectinload(Case.hcp))
    )
    cases = [
        case
        for case in session.scalars(wanted)
        if _is_named(case, text) or _may_know(session, actor, registry, case, text)
    ]
    questions = questions_of(session, [case.id for case in cases])
    return [
        FoundCase(
            id=case.id,
            pseudonym=case.patient.pseudonym,
            sex=case.patient.sex,
            birth_year=case.patient.birth_year,
            birth_month=case.patient.birth_month,
            centre=case.hcp.name,
            question=questions.get(case.id, ""),
            why="" if _is_named(case, text) else f"has the finding {text}",
        )
        for case in cases
    ]


def readable_by(actor: Actor) -> ColumnElement[bool]:
    """Of the own centre, or shared with this expert while the consent for care holds.

    For a query of cases that joins patients.
    """
    shared = exists().where(
        CaseShare.case_id == Case.id,
        CaseShare.user_id == actor.user_id,
        is_current_share(),
    )
    consented = exists().where(
        Consent.patient_id == Case.patient_id,
        Consent.kind == "care",
        Consent.withdrawn_at.is_(None),
    )
    is_open = Case.withdrawn_at.is_(None)
    return or_(is_open_to(actor), shared & consented & is_open)


def _is_named(case: Case, text: str) -> bool:
    return text.casefold() in case.patient.pseudonym.casefold()


def _may_know(session: Session, actor: Actor, registry: Registry, case: Case, text: str) -> bool:
    """Whether the code stands in a field that this actor reads."""
    if may(actor, "patient.read", patient_subject(session, actor, case.patient)):
        return True
    known = exists().where(
        CodedValue.case_id == case.id, *_has_code(text), is_code_covered(registry)
    )
    return bool(session.scalar(select(known)))


def _named(text: str) -> ColumnElement[bool]:
    return Patient.pseudonym.icontains(text, autoescape=True)


def _coded(text: str) -> ColumnElement[bool]:
    return exists().where(CodedValue.case_id == Case.id, *_has_code(text))


def _has_code(text: str) -> tuple[ColumnElement[bool], ...]:
    label = CodedValue.label.ilike(_escaped(text), escape="\\")
    return (CodedValue.absent.is_(False), or_(CodedValue.code == text.upper(), label))


def _escaped(text: str) -> str:
    """The whole label, in any case: `%` and `_` stand for themselves."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
