"""Columns and words that every table of panels shares."""

from functools import cache
from typing import Any

from sqlalchemy import Label, distinct, exists, func, or_, select

from cpms_core import words
from cpms_core.directory.models import Hcp
from cpms_core.panels.clock.clocks import Clock, PanelClock
from cpms_core.panels.models import (
    ConsultationRequest,
    Contribution,
    Outcome,
    Panel,
    PanelMember,
    Position,
)
from cpms_core.panels.scope import is_in_time, is_seated
from cpms_core.panels.stages import Stage
from cpms_core.patients.models import Patient


@cache
def patient_columns() -> tuple[Any, ...]:
    return (
        Patient.pseudonym,
        Patient.sex,
        Patient.birth_year,
        Patient.birth_month,
        Hcp.code,
        Hcp.city,
        Hcp.name.label("centre"),
    )


@cache
def clock_columns() -> tuple[Any, ...]:
    return (
        Panel.stage,
        Panel.stage_at,
        ConsultationRequest.urgency,
        ConsultationRequest.submitted_at,
        ConsultationRequest.paused_seconds,
        Panel.first_response_at,
        Panel.closed_at,
        Panel.due_at,
    )


@cache
def count_columns() -> tuple[Label[int], ...]:
    """Contributors, members that are asked, those invited and silent, positions still open."""
    of_panel = PanelMember.panel_id == Panel.id
    answered = select(func.count(distinct(Contribution.author_id))).where(
        Contribution.panel_id == Panel.id, Contribution.kind == "opinion"
    )
    has_judged = exists().where(
        Position.user_id == PanelMember.user_id,
        Position.outcome_id == Outcome.id,
        Outcome.panel_id == PanelMember.panel_id,
        Outcome.state == "sign_off",
    )
    members = select(func.count()).select_from(PanelMember).where(of_panel)
    asked = members.where(is_seated(), PanelMember.role != "observer")
    invited = members.where(PanelMember.state == "invited", is_in_time())
    accepted = members.where(PanelMember.state == "accepted", PanelMember.role == "member")
    # A guest's word counts beyond the guest's time; silence does not.
    judges = accepted.where(or_(is_in_time(), has_judged))
    judged = accepted.where(has_judged)
    return (
        answered.correlate(Panel).scalar_subquery().label("answered"),
        asked.correlate(Panel).scalar_subquery().label("asked"),
        invited.correlate(Panel).scalar_subquery().label("invited"),
        judges.correlate(Panel).scalar_subquery().label("judges"),
        judged.correlate(Panel).scalar_subquery().label("judged"),
    )


def clock_of(row: Any) -> Clock:
    """Of a row with `clock_columns`."""
    return clock_of_panel(row, row)


def clock_of_panel(panel: Any, request: Any) -> Clock:
    return PanelClock(
        stage=panel.stage,
        stage_at=panel.stage_at,
        submitted_at=request.submitted_at,
        paused_seconds=request.paused_seconds,
        first_response_at=panel.first_response_at,
        closed_at=panel.closed_at,
        due_at=panel.due_at,
    ).read()


def origin_of(row: Any) -> str:
    """`FR30 Rennes`."""
    return f"{row.code} {row.city or row.centre}"


def ball_of(row: Any) -> str:
    """With whom the next step lies."""
    lead = f"lead, {row.lead_city or row.lead_name}"
    match Stage(row.stage):
        case Stage.PANEL_SELECTION | Stage.OPEN if row.invited:
            return f"{words.plural(row.invited, 'expert')} invited"
        case Stage.DATA_COMPLETION:
            return f"submitter, {words.since(row.stage_at)}"
        case Stage.ANSWERED:
            return "submitter"
        case Stage.SIGN_OFF if row.judges > row.judged:
            return words.plural(row.judges - row.judged, "member")
        case Stage.CLOSED | Stage.ARCHIVED | Stage.WITHDRAWN:
            return "–"  # noqa: RUF001 - the sign tables show for nothing
        case _:
            return lead
