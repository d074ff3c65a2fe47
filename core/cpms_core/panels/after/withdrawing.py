"""Withdraw a case: what it ends, said before; then its requests and open panels end with it."""

from uuid import UUID

from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.orm import Session

from cpms_core import audit, words
from cpms_core.actor import Actor
from cpms_core.audit import Event
from cpms_core.cases.models import Case
from cpms_core.cases.scope import find_case, shown_to
from cpms_core.cases.service import withdraw_case
from cpms_core.directory.models import Ern
from cpms_core.errors import ConflictError
from cpms_core.panels.after.stopping import going_on, stop_for_withdrawal
from cpms_core.panels.models import Panel


class CaseWithdrawal(Struct, frozen=True, kw_only=True):
    pseudonym: str
    effects: tuple[str, ...]
    """What it does, a sentence each."""


def preview_case_withdrawal(session: Session, actor: Actor, case_id: UUID) -> CaseWithdrawal:
    """Who loses what, counted from the store as it is now."""
    scope = find_case(session, actor, case_id, "case.withdraw")
    if scope.case.withdrawn_at:
        raise ConflictError("This case was withdrawn already; nothing changed now.")
    experts, erns = shown_to(session, [case_id])
    losing = [words.plural(experts, "expert")] if experts else []
    losing += [f"the people who assign requests at {name}" for name in erns]
    audit.record(session, actor, Event.CASE_READ, case_id=case_id, hcp_id=scope.case.hcp_id)
    effects = [
        f"At once, {' and '.join(losing)} no longer see anything of this case."
        if losing
        else "Nobody outside your centre sees this case now, so nobody loses sight of anything.",
        *_ended_in_words(session, case_id),
        "Your centre keeps reading what it entered and what the experts have written so far.",
        "It cannot be undone. The patient stays enrolled, and a new case can be opened.",
    ]
    return CaseWithdrawal(pseudonym=scope.case.patient.pseudonym, effects=tuple(effects))


def withdraw(session: Session, actor: Actor, case_id: UUID) -> None:
    """The case, and everything of it that is still under way."""
    scope = find_case(session, actor, case_id, "case.withdraw")
    if scope.case.withdrawn_at:
        raise ConflictError("This case was withdrawn already; nothing changed now.")
    stop_for_withdrawal(session, actor, case_id)
    withdraw_case(session, actor, case_id)


def _ended_in_words(session: Session, case_id: UUID) -> list[str]:
    under_way = going_on(session, Case.id == case_id)
    told = [
        f"The request to {session.get_one(Ern, one.ern_id).name} is withdrawn."
        for one in under_way.requests
    ]
    told += [
        f"The panel {one.number} ends without an outcome; what was contributed is kept."
        for one in under_way.panels
    ]
    closed = session.scalars(
        select(Panel.number).where(Panel.case_id == case_id, Panel.closed_at.is_not(None))
    ).all()
    told += [f"The outcome of panel {number} stays signed, and counts." for number in closed]
    return told
