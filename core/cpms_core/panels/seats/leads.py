"""Another lead for a panel whose lead has left: named by the ERN, or by whoever hands over."""

from collections.abc import Mapping
from functools import cache
from uuid import UUID

from sqlalchemy import ColumnElement, exists, select
from sqlalchemy.orm import Session, aliased

from cpms_core import audit, me
from cpms_core.actor import Actor, Role
from cpms_core.audit import Event
from cpms_core.clock import clock
from cpms_core.directory.models import Ern
from cpms_core.errors import ConflictError, InvalidError
from cpms_core.identity.models import RoleGrant, User
from cpms_core.panels.models import ConsultationRequest, Panel, PanelErn, PanelMember
from cpms_core.panels.requests.experts import list_experts
from cpms_core.panels.requests.triage import ensure_expert
from cpms_core.panels.scope import (
    find_member,
    find_panel,
    is_seated,
    networks_of,
    renew_share,
)
from cpms_core.panels.stages import ENDED
from cpms_core.rows import AnyQuery


@cache
def leadless_panels() -> AnyQuery:
    """For Home: open panels of my ERNs whose lead has no account or no role any more."""
    ours = select(PanelErn.panel_id).where(
        PanelErn.ern_id.in_(me.TRIAGED), PanelErn.ended_at.is_(None)
    )
    return (
        select(Panel.id, Panel.number, Ern.name.label("ern"), User.name.label("lead"))
        .join(Ern, Ern.id == Panel.ern_id)
        .join(User, User.id == Panel.lead_id)
        .where(
            Panel.id.in_(ours),
            is_open_panel(),
            ~_can_lead(Panel.lead_id),
        )
        .order_by(Panel.number)
    )


def replace_lead(session: Session, actor: Actor, panel_id: UUID, lead_id: UUID) -> None:
    """For a coordinator or dispatcher, and only where the lead is gone."""
    scope = find_panel(session, actor, panel_id, "request.triage")
    if scope.panel.stage in ENDED:
        raise ConflictError("This panel is closed; it needs no lead any more.")
    if session.scalar(select(Panel.id).where(Panel.id == panel_id, _can_lead(Panel.lead_id))):
        raise ConflictError("This panel has a lead. Nothing was changed.")
    set_lead(session, actor, scope.panel, lead_id)


def set_lead(session: Session, actor: Actor, panel: Panel, lead_id: UUID) -> None:
    """The caller has asked who may. The lead of before is off the panel."""
    if lead_id == panel.request.submitted_by:
        raise InvalidError("Whoever asks cannot lead the panel.", {"lead": "Choose another one."})
    ensure_expert(session, lead_id, Role.PROFESSIONAL)
    unseat(session, panel, panel.lead_id)
    member = find_member(session, panel.id, lead_id)
    if member is None:
        member = PanelMember(panel_id=panel.id, user_id=lead_id, invited_by=actor.user_id)
        session.add(member)
    member.role, member.state, member.until = "lead", "accepted", None
    member.answered_at = member.answered_at or clock.now()
    panel.lead_id, panel.row_version = lead_id, panel.row_version + 1
    renew_share(session, panel.case_id, lead_id)
    note_panel(session, actor, panel, Event.LEAD_CHANGED, lead_id)


def unseat(session: Session, panel: Panel, user_id: UUID) -> None:
    """They no longer see the case by this panel; what they contributed stays."""
    member = find_member(session, panel.id, user_id)
    if member is not None and member.state in {"invited", "accepted"}:
        member.state, member.answered_at = "removed", clock.now()
        renew_share(session, panel.case_id, user_id)


def choices_of_lead(session: Session, panel: Panel) -> Mapping[UUID, str]:
    """Members who may lead; if there is none, the ERN's other health professionals."""
    submitter = select(ConsultationRequest.submitted_by).where(
        ConsultationRequest.id == panel.request_id
    )
    rows = session.execute(
        select(User.id, User.name)
        .join(PanelMember, PanelMember.user_id == User.id)
        .where(
            PanelMember.panel_id == panel.id,
            PanelMember.state == "accepted",
            PanelMember.role != "lead",
            is_seated(),
            _can_lead(User.id),
            User.id.not_in(submitter),
        )
        .order_by(User.name)
    )
    members = {row[0]: f"{row[1]}, on the panel" for row in rows}
    if members:
        return members
    away = frozenset({panel.lead_id, *session.scalars(submitter)})
    experts = list_experts(session, networks_of(session, panel.id), panel.case_id, away)
    return {one.id: f"{one.name}, {one.centre}" for one in experts if one.may_lead}


def is_open_panel() -> ColumnElement[bool]:
    return Panel.stage.not_in([str(stage) for stage in ENDED])


def note_panel(session: Session, actor: Actor, panel: Panel, event: Event, user_id: UUID) -> None:
    audit.record(
        session,
        actor,
        event,
        case_id=panel.case_id,
        hcp_id=panel.request.case.hcp_id,
        ern_id=panel.ern_id,
        subject_id=panel.id,
        person=str(user_id),
    )


def _can_lead(user_id: object) -> ColumnElement[bool]:
    person, grant = aliased(User), aliased(RoleGrant)
    return exists().where(
        person.id == user_id,
        person.disabled_at.is_(None),
        grant.user_id == person.id,
        grant.role == Role.PROFESSIONAL,
        grant.revoked_at.is_(None),
    )
