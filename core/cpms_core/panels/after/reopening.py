"""Take a closed panel up again on new data: the submitter asks, the lead or the network decides."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.orm import Session

from cpms_core.actor import Actor
from cpms_core.audit import Event
from cpms_core.clock import clock
from cpms_core.errors import ConflictError
from cpms_core.identity.models import User
from cpms_core.panels.after.models import Reopening
from cpms_core.panels.guards import with_a_reason
from cpms_core.panels.moves import take
from cpms_core.panels.noting import note_of_panel
from cpms_core.panels.scope import PanelScope, find_panel
from cpms_core.panels.stages import Stage


class Asking(Struct, frozen=True, kw_only=True):
    """Somebody asked, or was answered."""

    id: UUID
    reason: str
    who: str
    asked_at: datetime
    state: str
    """asked, granted, refused."""
    answer: str
    decided_at: datetime | None


def ask_to_reopen(session: Session, actor: Actor, panel_id: UUID, reason: str) -> Reopening:
    """The submitter has new data; once at a time."""
    scope = find_panel(session, actor, panel_id, "panel.ask_to_reopen")
    reason = reason.strip()
    with_a_reason(session, scope, reason)
    _ensure_closed(scope)
    if find_asked(session, panel_id) is not None:
        raise ConflictError("Somebody has asked already; the panel's lead has not answered yet.")
    asked = _add(session, actor, panel_id, reason)
    note_of_panel(session, actor, scope, Event.REOPENING_ASKED)
    return asked


def reopen_panel(session: Session, actor: Actor, panel_id: UUID, reason: str) -> None:
    """Without being asked: the lead or the network knows of something new."""
    scope = find_panel(session, actor, panel_id, "panel.reopen")
    _ensure_closed(scope)
    reason = reason.strip()
    take(session, actor, scope, _step(scope), said=reason)
    _decide(session, actor, _add(session, actor, panel_id, reason), "granted", "")
    note_of_panel(session, actor, scope, Event.REOPENING_DECIDED, decided="granted")


def decide_reopening(
    session: Session,
    actor: Actor,
    panel_id: UUID,
    asking: UUID,
    *,
    granted: bool,
    answer: str = "",
) -> None:
    """Grant what was asked, and the panel is open again; or refuse it and say why."""
    scope = find_panel(session, actor, panel_id, "panel.reopen")
    asked = find_asked(session, panel_id)
    if asked is None or asked.id != asking:
        raise ConflictError("This was decided in the meantime; nothing was changed.")
    answer = answer.strip()
    if granted:
        _ensure_closed(scope)
        take(session, actor, scope, _step(scope), said=asked.reason)
    else:
        with_a_reason(session, scope, answer)
    decided = "granted" if granted else "refused"
    _decide(session, actor, asked, decided, answer)
    note_of_panel(session, actor, scope, Event.REOPENING_DECIDED, decided=decided)


def find_asked(session: Session, panel_id: UUID) -> Reopening | None:
    """The one that waits for a decision."""
    return session.scalar(
        select(Reopening).where(Reopening.panel_id == panel_id, Reopening.state == "asked").limit(1)
    )


def read_reopenings(session: Session, panel_id: UUID) -> Sequence[Asking]:
    """Newest first; the caller has asked who may."""
    rows = session.execute(
        select(Reopening, User.name)
        .join(User, User.id == Reopening.asked_by)
        .where(Reopening.panel_id == panel_id)
        .order_by(Reopening.asked_at.desc())
    )
    return [
        Asking(
            id=row.id,
            reason=row.reason,
            who=name,
            asked_at=row.asked_at,
            state=row.state,
            answer=row.answer,
            decided_at=row.decided_at,
        )
        for row, name in rows
    ]


def _ensure_closed(scope: PanelScope) -> None:
    if scope.panel.stage == Stage.ARCHIVED:
        raise ConflictError(
            "This panel is archived and stays as it is. Send the case again, with what is new."
        )
    if scope.panel.stage != Stage.CLOSED:
        raise ConflictError("This panel is not closed, so it need not be reopened.")


def _step(scope: PanelScope) -> str:
    return "reopen_quick" if scope.panel.workflow == "quick" else "reopen"


def _add(session: Session, actor: Actor, panel_id: UUID, reason: str) -> Reopening:
    asked = Reopening(panel_id=panel_id, reason=reason, asked_by=actor.user_id, state="asked")
    session.add(asked)
    session.flush()
    return asked


def _decide(session: Session, actor: Actor, asked: Reopening, state: str, answer: str) -> None:
    asked.state, asked.answer = state, answer
    asked.decided_by, asked.decided_at = actor.user_id, clock.now()
    session.flush()
