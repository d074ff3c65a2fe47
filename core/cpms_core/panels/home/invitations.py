"""What waits on Home around invitations: new cases of the areas one follows, offers, silence."""

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from cpms_core import words
from cpms_core.actor import Actor
from cpms_core.cases.models import Case
from cpms_core.identity.models import User
from cpms_core.panels.clock.clocks import Clock
from cpms_core.panels.home.waiting import Item
from cpms_core.panels.models import ConsultationRequest, Panel, PanelMember
from cpms_core.panels.requests.areas_followed import cases_in_my_areas
from cpms_core.panels.scope import is_shown_to_others
from cpms_core.panels.seats.reminders import unanswered_for_lead
from cpms_core.panels.stages import ENDED
from cpms_core.patients.models import Patient
from cpms_core.registry import Registry


def about_invitations(session: Session, actor: Actor, registry: Registry) -> Iterable[Item]:
    return (
        *_offers(session, actor),
        *_unanswered(session, actor),
        *_new_in_my_areas(session, actor, registry),
    )


def _offers(session: Session, actor: Actor) -> Iterable[Item]:
    rows = session.execute(
        select(
            *(Panel.id, User.name, PanelMember.reason, PanelMember.invited_at),
            *(Patient.pseudonym, ConsultationRequest.urgency),
        )
        .join(PanelMember, PanelMember.panel_id == Panel.id)
        .join(User, User.id == PanelMember.user_id)
        .join(ConsultationRequest, ConsultationRequest.id == Panel.request_id)
        .join(Case, Case.id == Panel.case_id)
        .join(Patient, Patient.id == Case.patient_id)
        .where(
            Panel.lead_id == actor.user_id,
            PanelMember.state == "offered",
            Panel.stage.not_in([str(stage) for stage in ENDED]),
            is_shown_to_others(),
        )
        .order_by(PanelMember.invited_at)
    )
    for row in rows:
        yield Item(
            title=f"{row.name} offers to take part: {row.pseudonym}",
            text=f"“{row.reason}”" if row.reason else "",
            note="Follows the area of the case, and sees nothing of it until you accept",
            action="Decide",
            href=f"/panels/{row.id}/members#offers",
            clock=Clock(state="", words=f"waiting {words.since(row.invited_at)}"),
            is_urgent=row.urgency == "urgent",
        )


def _unanswered(session: Session, actor: Actor) -> Iterable[Item]:
    for one in unanswered_for_lead(session, actor):
        yield Item(
            title=f"{words.plural(one.count, 'invitation')} unanswered: {one.pseudonym}, "
            + one.person,
            text="Do not wait any longer: invite others.",
            note="Those who are silent stay invited and were reminded",
            action="Invite others",
            href=f"/panels/{one.panel_id}/members#invite",
            clock=Clock(state="late", words=f"silent for {words.since(one.since)}"),
            is_urgent=one.is_urgent,
        )


def _new_in_my_areas(session: Session, actor: Actor, registry: Registry) -> Iterable[Item]:
    for one in cases_in_my_areas(session, actor, registry):
        yield Item(
            title=f"Your offer was not needed: {one.area}"
            if one.state
            else f"A new case in your area: {one.area}",
            text=f"“{one.question}”",
            note=f"{one.ern} · {one.person} · from {one.country}",
            action="Look at it" if one.state else "Offer to take part",
            href=f"/panels/{one.panel_id}/offer",
            clock=Clock(state="", words="declined" if one.state else "new"),
            is_urgent=one.is_urgent and not one.state,
        )
