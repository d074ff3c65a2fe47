"""The quick workflow: a request is open to the experts at once, answered, and closed with a note.

There is no triage: sending or forwarding a request there opens it. A coordinator or dispatcher of
the network holds the panel as its lead, and everybody who follows the area is asked. Nobody who
could hold it: then it waits for triage like any other request, and opens when a lead is named.
"""

from uuid import UUID

from msgspec import Struct
from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session, aliased

from cpms_core.access import Subject, may
from cpms_core.actor import Actor, Role
from cpms_core.audit import Event
from cpms_core.directory.models import Ern
from cpms_core.errors import ConflictError
from cpms_core.identity.models import RoleGrant, SecurityKey, User
from cpms_core.panels.guards import count_contributors
from cpms_core.panels.models import ConsultationRequest, Contribution, Panel
from cpms_core.panels.moves import take
from cpms_core.panels.noting import note_of_panel
from cpms_core.panels.requests.experts import list_experts
from cpms_core.panels.requests.opening import open_panel
from cpms_core.panels.scope import PanelScope, RequestScope, find_panel
from cpms_core.panels.seats.members import note, seat
from cpms_core.panels.stages import ENDED
from cpms_core.registry import Registry

_MOST_ASKED = 8
"""Followers of the area who are asked at once; the holder asks more."""


class QuickPart(Struct, frozen=True, kw_only=True):
    """What a quick panel's page shows instead of the way to a signed outcome."""

    stage: str
    answers: int
    """How many experts have answered."""
    closing_note: str
    row_version: int
    may_close: bool


def open_at_once(
    session: Session, actor: Actor, registry: Registry, request: ConsultationRequest
) -> Panel | None:
    """The panel of a request to a quick network; None if it has to wait for triage.

    The actor has put it to that network, and need not stand to the panel in any way.
    """
    holder = _holder(session, request.ern_id, request.submitted_by)
    if holder is None:
        return None
    case, subject = request.case, Subject()
    panel = open_panel(session, actor, registry, RequestScope(request, case, subject), holder)
    asked = PanelScope(panel, request, case, subject)
    away = frozenset({holder, request.submitted_by})
    followers = (
        one
        for one in list_experts(session, {request.ern_id}, request.case_id, away, registry=registry)
        if one.follows_area
    )
    for one, _ in zip(followers, range(_MOST_ASKED), strict=False):
        seat(session, actor, asked, session.get_one(User, one.id), "member")
        note(session, actor, asked, Event.EXPERT_INVITED, one.id, role="member")
    return panel


def opens_at_once(session: Session, ern_id: str, submitter_id: UUID) -> bool:
    """Whether a request of this person to this network would not wait for triage."""
    return _holder(session, ern_id, submitter_id) is not None


def close_with_note(session: Session, actor: Actor, panel_id: UUID, text: str, seen: int) -> None:
    """End an answered panel; the note says what the submitter takes away."""
    scope = _quick_panel(session, actor, panel_id)
    text = text.strip()
    take(session, actor, scope, "close", seen=seen, said=text)
    scope.panel.closing_note = text


def ask_again(session: Session, actor: Actor, panel_id: UUID, text: str, seen: int) -> None:
    """The submitter needs more than the answers say: the panel is open again."""
    scope = _quick_panel(session, actor, panel_id)
    text = text.strip()
    take(session, actor, scope, "ask_again", seen=seen, said=text)
    asked = Contribution(panel_id=panel_id, author_id=actor.user_id, text=text, kind="question")
    session.add(asked)
    session.flush()
    note_of_panel(session, actor, scope, Event.CONTRIBUTED, asked.id)


def quick_part(session: Session, actor: Actor, panel_id: UUID) -> QuickPart | None:
    """None for a panel of the full workflow."""
    scope = find_panel(session, actor, panel_id, "case.summary")
    if scope.panel.workflow != "quick":
        return None
    return QuickPart(
        stage=scope.panel.stage,
        answers=count_contributors(session, scope),
        closing_note=scope.panel.closing_note,
        row_version=scope.panel.row_version,
        may_close=may(actor, "panel.close", scope.subject),
    )


def _quick_panel(session: Session, actor: Actor, panel_id: UUID) -> PanelScope:
    scope = find_panel(session, actor, panel_id, "panel.close")
    if scope.panel.workflow != "quick":
        raise ConflictError("This panel ends with a signed outcome, not with a note.")
    return scope


def _holder(session: Session, ern_id: str, submitter_id: UUID) -> UUID | None:
    """Who assigns a quick network's requests and may lead: with the fewest open panels."""
    if session.get_one(Ern, ern_id).workflow != "quick":
        return None
    assigns, professional = aliased(RoleGrant), aliased(RoleGrant)
    held = (
        select(func.count())
        .where(Panel.lead_id == User.id, Panel.stage.not_in([str(one) for one in ENDED]))
        .scalar_subquery()
    )
    return session.scalar(
        select(User.id)
        .join(assigns, assigns.user_id == User.id)
        .where(
            assigns.ern_id == ern_id,
            assigns.role.in_((Role.COORDINATOR, Role.DISPATCHER)),
            assigns.revoked_at.is_(None),
            exists().where(
                professional.user_id == User.id,
                professional.role == Role.PROFESSIONAL,
                professional.revoked_at.is_(None),
            ),
            exists().where(SecurityKey.user_id == User.id, SecurityKey.revoked_at.is_(None)),
            User.disabled_at.is_(None),
            User.id != submitter_id,
        )
        .order_by(held, User.name)
        .limit(1)
    )
