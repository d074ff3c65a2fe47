"""Decline an invitation with a word, and name a deputy who is invited instead."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from cpms_core.actor import Actor
from cpms_core.errors import InvalidError
from cpms_core.identity.models import User
from cpms_core.panels.models import PanelMember
from cpms_core.panels.moves import ensure_open
from cpms_core.panels.requests.experts import ExpertRow, list_experts, may_be_asked
from cpms_core.panels.scope import PanelScope, find_member, find_panel, networks_of
from cpms_core.panels.seats.members import seat_expert, take_answer

LONGEST = 500


def decline_invitation(
    session: Session, actor: Actor, panel_id: UUID, word: str, deputy_id: UUID | None
) -> User | None:
    """The deputy, if one was named. Lead and ERN see both the word and the deputy."""
    scope = find_panel(session, actor, panel_id, "panel.answer")
    ensure_open(scope)
    word = word.strip()
    if len(word) > LONGEST or "\x00" in word:
        said = f"Use at most {LONGEST} characters, without control characters."
        raise InvalidError("Your answer was not taken yet.", {"reason": said})
    mine = find_member(session, panel_id, actor.user_id)
    assert mine is not None  # whoever may answer was invited
    if deputy_id is not None:
        _ensure_deputy(session, scope, mine, deputy_id)
    take_answer(session, actor, scope, accept=False, reason=word)
    if deputy_id is None:
        return None
    deputy = seat_expert(session, actor, scope, deputy_id, mine.role)
    deputy.deputy_for = actor.user_id
    return session.get_one(User, deputy_id)


def list_deputies(session: Session, actor: Actor, panel_id: UUID) -> tuple[ExpertRow, ...]:
    """Whom somebody who is invited may name; a guest names nobody."""
    scope = find_panel(session, actor, panel_id, "panel.answer")
    mine = find_member(session, panel_id, actor.user_id)
    if mine is None or mine.until is not None:
        return ()
    asked = select(PanelMember.user_id).where(
        PanelMember.panel_id == panel_id, PanelMember.state != "offered"
    )
    away = {scope.request.submitted_by, *session.scalars(asked)}
    return list_experts(session, networks_of(session, panel_id), scope.case.id, away)


def _ensure_deputy(session: Session, scope: PanelScope, mine: PanelMember, deputy_id: UUID) -> None:
    problem = ""
    known = find_member(session, scope.panel.id, deputy_id)
    if mine.until is not None:
        problem = "A guest cannot name a deputy."
    elif known is not None and known.state != "offered":
        problem = "This person was asked already. Choose somebody else."
    elif not may_be_asked(session, networks_of(session, scope.panel.id), deputy_id):
        problem = "Choose a health professional of the list."
    if problem:
        raise InvalidError("Your answer was not taken yet.", {"deputy": problem})
