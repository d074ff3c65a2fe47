"""Who sits on a panel: invite, answer, remove."""

from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import CursorResult, update
from sqlalchemy.orm import Session

from cpms_core.actor import Actor, Role
from cpms_core.audit import Event
from cpms_core.clock import clock
from cpms_core.errors import ConflictError, InvalidError, NotFoundError
from cpms_core.identity.models import User
from cpms_core.panels.models import PanelMember
from cpms_core.panels.moves import ensure_open
from cpms_core.panels.noting import note_of_panel
from cpms_core.panels.requests.triage import ensure_expert
from cpms_core.panels.scope import (
    PanelScope,
    find_member,
    find_panel,
    renew_share,
    standing_of,
)

ROLES = {"member": "Member", "observer": "Observer"}


def invite_expert(
    session: Session, actor: Actor, panel_id: UUID, user_id: UUID, role: str = "member"
) -> PanelMember:
    """Ask somebody to join; from now on they may read the case in order to decide."""
    scope = find_panel(session, actor, panel_id, "panel.invite")
    ensure_open(scope)
    return seat_expert(session, actor, scope, user_id, role)


def seat_expert(
    session: Session, actor: Actor, scope: PanelScope, user_id: UUID, role: str
) -> PanelMember:
    """The caller has asked who may invite."""
    if role not in ROLES:
        raise InvalidError("Choose member or observer.", {"role": "Choose one."})
    if user_id == scope.request.submitted_by:
        raise InvalidError("The submitter takes part as such and need not be invited.")
    user = ensure_expert(session, user_id, Role.PROFESSIONAL, Role.GUEST)
    member = seat(session, actor, scope, user, role)
    note(session, actor, scope, Event.EXPERT_INVITED, user_id, role=role)
    return member


def seat(
    session: Session,
    actor: Actor,
    scope: PanelScope,
    user: User,
    role: str,
    until: datetime | None = None,
) -> PanelMember:
    """Ask a person to the panel, a guest `until` then.

    A guest who sits there already keeps the answer given: what changes is the role and the end.
    """
    member = find_member(session, scope.panel.id, user.id)
    if member is None:
        member = PanelMember(panel_id=scope.panel.id, user_id=user.id)
        session.add(member)
    is_seated = standing_of(member) is not None
    if is_seated and member.until is None:
        raise InvalidError(f"{user.name} is on this panel already.")
    if not is_seated:
        member.state = "invited"
        member.invited_by, member.invited_at, member.answered_at = actor.user_id, clock.now(), None
        member.reason, member.deputy_for, member.reminded_at = "", None, None
    member.role, member.until = role, until
    renew_share(session, scope.case.id, user.id)
    return member


def answer_invitation(session: Session, actor: Actor, panel_id: UUID, *, accept: bool) -> None:
    """Join, or decline and lose sight of the case at once."""
    scope = find_panel(session, actor, panel_id, "panel.answer")
    ensure_open(scope)
    take_answer(session, actor, scope, accept=accept)


def take_answer(
    session: Session, actor: Actor, scope: PanelScope, *, accept: bool, reason: str = ""
) -> None:
    state = "accepted" if accept else "declined"
    if not answered(session, scope, actor.user_id, "invited", state=state, reason=reason):
        raise ConflictError("This invitation was answered or taken back already.")
    renew_share(session, scope.case.id, actor.user_id)
    note(session, actor, scope, Event.INVITATION_ANSWERED, actor.user_id, answer=state)


def answered(
    session: Session, scope: PanelScope, user_id: UUID, before: str, **values: str
) -> bool:
    """Whether the seat was still as it was before; then it is answered now."""
    done = session.execute(
        update(PanelMember)
        .where(
            PanelMember.panel_id == scope.panel.id,
            PanelMember.user_id == user_id,
            PanelMember.state == before,
        )
        .values(answered_at=clock.now(), **values)
    )
    return cast("CursorResult[Any]", done).rowcount == 1


def remove_member(session: Session, actor: Actor, panel_id: UUID, user_id: UUID) -> None:
    """They no longer see the case; what they contributed stays."""
    scope = find_panel(session, actor, panel_id, "panel.invite")
    ensure_open(scope)
    member = find_member(session, panel_id, user_id)
    if member is None or standing_of(member) is None:
        raise NotFoundError("This person is not on the panel.")
    if member.role == "lead":
        raise InvalidError("The lead cannot be removed from the panel.")
    member.state, member.answered_at = "removed", clock.now()
    renew_share(session, scope.case.id, user_id)
    note(session, actor, scope, Event.MEMBER_REMOVED, user_id)


def note(
    session: Session,
    actor: Actor,
    scope: PanelScope,
    event: Event,
    user_id: UUID,
    *,
    role: str | None = None,
    answer: str | None = None,
    until: datetime | None = None,
) -> None:
    note_of_panel(
        session,
        actor,
        scope,
        event,
        person=str(user_id),
        role=role,
        answer=answer,
        until=until.isoformat() if until else None,
    )
