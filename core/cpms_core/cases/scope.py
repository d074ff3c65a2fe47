"""Who sees a case: its own centre, and whom it was shared with. Find it for an actor."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from uuid import UUID

from msgspec import Struct, structs
from sqlalchemy import ColumnElement, Select, and_, bindparam, or_, select, update
from sqlalchemy.orm import Session

from cpms_core.access import Standing, Subject, ensure, may
from cpms_core.actor import Actor
from cpms_core.cases.models import Case, CaseShare
from cpms_core.clock import clock
from cpms_core.db import now
from cpms_core.directory.models import Ern
from cpms_core.errors import ConflictError, ConsentMissingError, NotFoundError
from cpms_core.patients.consent_rules import covers, has_consent, living, reaches
from cpms_core.patients.team import patient_subject


class Scope(Struct, frozen=True):
    case: Case
    subject: Subject


def find_case(session: Session, actor: Actor, case_id: UUID, permission: str) -> Scope:
    """The case if the actor may do this with it; NotFoundError if it must stay unknown.

    Without the patient's care consent only the own centre sees a case: others lose it at once.
    """
    case = session.get(Case, case_id)
    if case is None:
        raise NotFoundError
    subject = case_subject(session, actor, case)
    is_own = may(actor, "patient.read", subject)
    if not is_own and (case.withdrawn_at or not has_consent(case.patient.consents, "care")):
        raise NotFoundError
    ensure(actor, permission, subject, visible=may(actor, "case.summary", subject))
    return Scope(case, subject)


def case_subject(session: Session, actor: Actor, case: Case) -> Subject:
    shares = session.execute(_shares(), {"case_id": case.id}).all()
    consents = case.patient.consents
    return structs.replace(
        patient_subject(session, actor, case.patient),
        erns=frozenset(
            share.ern_id
            for share in shares
            if share.ern_id and covers(consents, "text", share.ern_id)
        ),
        on_panel=frozenset(
            Standing(share.standing) for share in shares if share.user_id == actor.user_id
        ),
    )


@cache
def _shares() -> Select[str | None, UUID | None, str]:
    return select(CaseShare.ern_id, CaseShare.user_id, CaseShare.standing).where(
        CaseShare.case_id == bindparam("case_id"), is_current_share()
    )


def is_current_share() -> ColumnElement[bool]:
    """For a query over shares: those that count now; a guest's ends by itself."""
    return and_(
        CaseShare.ended_at.is_(None),
        or_(CaseShare.until.is_(None), CaseShare.until > now()),
    )


def shown_to(session: Session, case_ids: Sequence[UUID]) -> tuple[int, list[str]]:
    """How many experts see one of these cases now, and which ERNs, by name."""
    shares = session.execute(
        select(CaseShare.user_id, Ern.name)
        .outerjoin(Ern, Ern.id == CaseShare.ern_id)
        .where(CaseShare.case_id.in_(case_ids), is_current_share())
    ).all()
    experts = {user_id for user_id, _ in shares if user_id}
    return len(experts), sorted({name for _, name in shares if name})


def find_case_to_edit(session: Session, actor: Actor, case_id: UUID) -> Scope:
    """A case whose content may still change; says plainly why it may not."""
    scope = find_case(session, actor, case_id, "case.edit")
    if scope.case.withdrawn_at:
        raise ConflictError("This case was withdrawn, so it no longer changes.")
    if scope.case.closed_at:
        raise ConflictError("Its panel is closed, so the case no longer changes.")
    if not has_consent(scope.case.patient.consents, "care"):
        raise ConsentMissingError(
            "The consent for care is missing or was withdrawn, so the case cannot go on. "
            "Record the consent on the patient's page first."
        )
    return scope


def share_with_ern(session: Session, case_id: UUID, ern_id: str) -> None:
    """Every way to an ERN leads through here, so that none goes past the consent's limits."""
    beyond = beyond_consent(session, session.get_one(Case, case_id), ern_id)
    if beyond:
        raise ConsentMissingError(f"{beyond} Nothing was sent; what was entered is kept.")
    session.add(CaseShare(case_id=case_id, ern_id=ern_id))


def beyond_consent(session: Session, case: Case, ern_id: str) -> str:
    """Why a consent for care that is limited to other ERNs keeps the case from this one."""
    care = living(case.patient.consents, "care")
    if care is None or reaches(care.erns, ern_id):
        return ""
    named = select(Ern.name).where(Ern.id.in_(care.erns)).order_by(Ern.name)
    limits = " and ".join(session.scalars(named))
    return (
        f"The patient's consent for care is limited to {limits}, so the case cannot go to "
        f"{session.get_one(Ern, ern_id).name}."
    )


def share_with_expert(
    session: Session,
    case_id: UUID,
    user_id: UUID,
    standing: Standing,
    until: datetime | None = None,
) -> None:
    """Let one expert see the case as this; replaces what the expert was before."""
    end_share(session, case_id, user_id=user_id)
    session.add(CaseShare(case_id=case_id, user_id=user_id, standing=standing, until=until))


def end_share(
    session: Session, case_id: UUID, *, user_id: UUID | None = None, ern_id: str | None = None
) -> None:
    """From the next request on, this expert or ERN no longer sees the case."""
    whom = CaseShare.user_id == user_id if user_id else CaseShare.ern_id == ern_id
    session.execute(
        update(CaseShare)
        .where(CaseShare.case_id == case_id, whom, CaseShare.ended_at.is_(None))
        .values(ended_at=clock.now())
    )
