"""What waits on Home around invitations: new cases of the areas one follows, offers, silence."""

from functools import cache
from typing import Any

from sqlalchemy import select

from cpms_core import me, words
from cpms_core.actor import Role
from cpms_core.cases.models import Case
from cpms_core.identity.models import User
from cpms_core.panels.clock.clocks import Clock
from cpms_core.panels.home.waiting import Item, Part, Reader
from cpms_core.panels.models import ConsultationRequest, Panel, PanelMember
from cpms_core.panels.requests.areas_followed import cases_in_my_areas
from cpms_core.panels.scope import is_shown_to_others
from cpms_core.panels.seats.reminders import unanswered_for_lead
from cpms_core.panels.stages import ENDED
from cpms_core.patients.models import Patient
from cpms_core.rows import AnyQuery


@cache
def _offers() -> AnyQuery:
    return (
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
            Panel.lead_id == me.ID,
            PanelMember.state == "offered",
            Panel.stage.not_in([str(stage) for stage in ENDED]),
            is_shown_to_others(),
        )
        .order_by(PanelMember.invited_at)
    )


def _offer_item(row: Any, _: Reader) -> Item:
    return Item(
        title=f"{row.name} offers to take part: {row.pseudonym}",
        text=f"“{row.reason}”" if row.reason else "",
        note="Follows the area of the case, and sees nothing of it until you accept",
        action="Decide",
        href=f"/panels/{row.id}/members#offers",
        clock=Clock(state="", words=f"waiting {words.since(row.invited_at)}"),
        is_urgent=row.urgency == "urgent",
    )


def _unanswered_item(row: Any, _: Reader) -> Item:
    return Item(
        title=f"{words.plural(row.asked, 'invitation')} unanswered: {row.pseudonym}, "
        + words.person(row.sex, row.birth_year, row.birth_month),
        text="Do not wait any longer: invite others.",
        note="Those who are silent stay invited and were reminded",
        action="Invite others",
        href=f"/panels/{row.id}/members#invite",
        clock=Clock(state="late", words=f"silent for {words.since(row.since)}"),
        is_urgent=row.urgency == "urgent",
    )


def _area_item(row: Any, reader: Reader) -> Item | None:
    if Role.PROFESSIONAL not in reader.actor.roles:
        return None
    area = reader.areas.get((row.ern_id, row.area), row.area)
    person = words.person(row.sex, row.birth_year, row.birth_month)
    return Item(
        title=f"Your offer was not needed: {area}"
        if row.state
        else f"A new case in your area: {area}",
        text=f"“{row.question}”",
        note=f"{row.ern} · {person} · from {row.country}",
        action="Look at it" if row.state else "Offer to take part",
        href=f"/panels/{row.id}/offer",
        not_for_me="" if row.state else f"/panels/{row.id}/offer/not-for-me",
        clock=Clock(state="", words="declined" if row.state else "new"),
        is_urgent=row.urgency == "urgent" and not row.state,
    )


PARTS = (
    Part(_offers, _offer_item),
    Part(unanswered_for_lead, _unanswered_item),
    Part(cases_in_my_areas, _area_item, "panel.offer"),
)
