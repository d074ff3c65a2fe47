"""Invitations that nobody answers: marked once, then the lead is told to invite others.

There is no mail yet: Home of whoever was asked, and the lead's list of members, say so.
"""

from datetime import datetime, timedelta
from functools import cache

from sqlalchemy import ColumnElement, and_, func, or_, select, update
from sqlalchemy.orm import Session

from cpms_core import audit, me, words
from cpms_core.audit import Event
from cpms_core.cases.models import Case
from cpms_core.clock import clock
from cpms_core.db import before_now
from cpms_core.panels.models import ConsultationRequest, Panel, PanelMember
from cpms_core.panels.scope import is_in_time, is_shown_to_others
from cpms_core.panels.stages import ENDED
from cpms_core.patients.models import Patient
from cpms_core.rows import AnyQuery

TIMES = {"urgent": timedelta(hours=24), "routine": timedelta(hours=72)}
"""Until a reminder, by urgency. After twice as long others are to be invited."""
_ENDED = [str(stage) for stage in ENDED]


def remind_of_invitations(session: Session) -> int:
    """Mark those whose time is over now; how many they were."""
    case, open_panels = Case, Panel.stage.not_in(_ENDED)
    late = (
        select(PanelMember.id)
        .join(Panel, Panel.id == PanelMember.panel_id)
        .join(ConsultationRequest, ConsultationRequest.id == Panel.request_id)
        .join(case, case.id == Panel.case_id)
        .where(_waits_for(1), open_panels, is_in_time(), is_shown_to_others())
    )
    # One statement: of two workers that come at once, the second finds nothing left.
    reminded = session.execute(
        update(PanelMember)
        .where(
            PanelMember.id.in_(late),
            PanelMember.state == "invited",
            PanelMember.reminded_at.is_(None),
        )
        .values(reminded_at=clock.now())
        .returning(PanelMember.panel_id, PanelMember.user_id)
        .execution_options(synchronize_session=False)
    ).all()
    for panel_id, user_id in reminded:
        panel = session.get_one(Panel, panel_id)
        audit.record(
            session,
            None,
            Event.MEMBER_REMINDED,
            case_id=panel.case_id,
            hcp_id=panel.request.case.hcp_id,
            ern_id=panel.ern_id,
            subject_id=panel_id,
            person=str(user_id),
        )
    return len(reminded)


@cache
def unanswered_for_lead() -> AnyQuery:
    """For Home: panels I lead, where some are silent for twice the time of a reminder.

    How many, and since when the first of them is.
    """
    request = ConsultationRequest
    return (
        select(
            *(Panel.id, request.urgency, Patient.pseudonym, Patient.sex),
            *(Patient.birth_year, Patient.birth_month, func.count().label("asked")),
            func.min(PanelMember.invited_at, type_=PanelMember.invited_at.type).label("since"),
        )
        .join(PanelMember, PanelMember.panel_id == Panel.id)
        .join(request, request.id == Panel.request_id)
        .join(Case, Case.id == Panel.case_id)
        .join(Patient, Patient.id == Case.patient_id)
        .where(
            Panel.lead_id == me.ID,
            Panel.stage.not_in(_ENDED),
            PanelMember.state == "invited",
            _waits_for(2),
            is_in_time(),
            is_shown_to_others(),
        )
        .group_by(Panel.id, request.urgency, Patient.id)
        .order_by("since")
    )


def reminded(at: datetime | None) -> str:
    """`reminded yesterday`; empty if nobody was."""
    if at is None:
        return ""
    days = (clock.today() - at.date()).days
    when = {0: "today", 1: "yesterday"}.get(days) or f"on {words.day(at)}"
    return f"reminded {when}"


def _waits_for(times: int) -> ColumnElement[bool]:
    """Asked so many times the time of a reminder ago, by the urgency of the request."""
    is_urgent = ConsultationRequest.urgency == "urgent"
    return or_(
        and_(is_urgent, PanelMember.invited_at <= before_now(times * TIMES["urgent"])),
        and_(~is_urgent, PanelMember.invited_at <= before_now(times * TIMES["routine"])),
    )
