"""The panels somebody sits on or is asked to: what each wants of them next."""

from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import exists, or_, select
from sqlalchemy.orm import aliased

from cpms_core import me, words
from cpms_core.cases.models import Case
from cpms_core.directory.models import Ern, Hcp
from cpms_core.identity.models import User
from cpms_core.panels import stages
from cpms_core.panels.clock.clocks import Clock
from cpms_core.panels.guards import ENOUGH
from cpms_core.panels.home.waiting import Item, Part, Reader
from cpms_core.panels.models import (
    ConsultationRequest,
    Contribution,
    Outcome,
    Panel,
    PanelMember,
    Position,
)
from cpms_core.panels.panel_columns import clock_columns, clock_of, count_columns, patient_columns
from cpms_core.panels.scope import is_seated, is_shown_to_others, last_day
from cpms_core.panels.seats.reminders import reminded
from cpms_core.panels.stages import Stage
from cpms_core.patients.models import Patient
from cpms_core.rows import AnyQuery


class _Seat(NamedTuple):
    """A row with the words that every item about it shares."""

    row: Any
    who: str
    note: str
    clock: Clock


def _seat_item(row: Any, _: Reader) -> Item | None:
    seat = _Seat(
        row,
        f"{row.pseudonym}, {words.person(row.sex, row.birth_year, row.birth_month)}",
        f"{row.ern} · lead {row.lead_name} · {row.answered} of {row.asked} answered",
        clock_of(row),
    )
    is_asked = row.state == "invited" and row.stage not in stages.ENDED
    item = _invitation(seat) if is_asked else _ROLES[row.role](seat)
    return _guest_item(seat) if item is None and row.until else item


@cache
def _seats() -> AnyQuery:
    lead = aliased(User)
    ended = [str(stage) for stage in stages.ENDED]
    contributed = exists().where(
        Contribution.panel_id == Panel.id,
        Contribution.author_id == me.ID,
        Contribution.kind == "opinion",
    )
    judged = (
        select(Position.id)
        .join(Outcome, Outcome.id == Position.outcome_id)
        .where(
            Outcome.panel_id == Panel.id,
            Outcome.state == "sign_off",
            Position.user_id == me.ID,
        )
        .exists()
    )
    return (
        select(
            *(Panel.id, PanelMember.role, PanelMember.state, PanelMember.until),
            *(PanelMember.reminded_at, Ern.name.label("ern")),
            *(ConsultationRequest.question, lead.name.label("lead_name")),
            *(contributed.label("has_contributed"), judged.label("has_judged")),
            *clock_columns(),
            *(Case.id.label("case_id"), *patient_columns()),
            *count_columns(),
        )
        .join(Panel, Panel.id == PanelMember.panel_id)
        .join(ConsultationRequest, ConsultationRequest.id == Panel.request_id)
        .join(Case, Case.id == Panel.case_id)
        .join(Patient, Patient.id == Case.patient_id)
        .join(Hcp, Hcp.id == Case.hcp_id)
        .join(Ern, Ern.id == Panel.ern_id)
        .join(lead, lead.id == Panel.lead_id)
        .where(
            PanelMember.user_id == me.ID,
            is_seated(),
            or_(Panel.stage.not_in(ended), PanelMember.until.is_not(None)),
            is_shown_to_others(),
        )
        .order_by(ConsultationRequest.submitted_at)
        .limit(100)
    )


def _invitation(seat: _Seat) -> Item:
    note = " · ".join(filter(None, (seat.note, reminded(seat.row.reminded_at))))
    return _item(
        seat._replace(note=note),
        f"Invitation: {seat.who}",
        f"“{seat.row.question}”",
        "Read and answer",
        decline=f"/panels/{seat.row.id}/answer",
        quick=f"/panels/{seat.row.id}/quick",
    )


def _lead_item(seat: _Seat) -> Item | None:
    row = seat.row
    match Stage(row.stage):
        case Stage.SIGN_OFF if row.judged >= row.judges:
            text = "Every member has answered. Needs your security key."
            return _item(seat, f"Sign the outcome: {seat.who}", text, "Review and sign", "/outcome")
        case Stage.OUTCOME:
            text = "The draft is yours to finish and to put to the members."
            return _item(seat, f"Finish the outcome: {seat.who}", text, "Go on", "/outcome")
        case Stage.ASSESSMENT if row.answered >= ENOUGH:
            text = f"{words.plural(row.answered, 'member')} have contributed."
            return _item(seat, f"Draft the outcome: {seat.who}", text, "Open the panel")
        case Stage.ASSESSMENT | Stage.PANEL_SELECTION:
            text = f"“{row.question}”"
            return _item(seat, f"You lead the panel: {seat.who}", text, "Open the panel")
        case _:
            return None


def _member_item(seat: _Seat) -> Item | None:
    row = seat.row
    if row.stage == Stage.SIGN_OFF and not row.has_judged:
        text = "The outcome is drafted. Say whether you agree."
        return _item(
            seat, f"Your word on the outcome: {seat.who}", text, "Read and answer", "/outcome"
        )
    if row.stage in stages.DISCUSSED and not row.has_contributed:
        text, quick = f"“{row.question}”", f"/panels/{row.id}/quick"
        return _item(seat, f"Your opinion: {seat.who}", text, "Contribute", quick=quick)
    return None


def _no_item(seat: _Seat) -> Item | None:
    """An observer only looks on."""
    del seat
    return None


def _guest_item(seat: _Seat) -> Item:
    """The only way of a guest back to the panel: others find it by search."""
    text = f"You are a guest here until {words.day(last_day(seat.row.until))}."
    if seat.row.stage in stages.ENDED:
        return _item(seat, f"The outcome: {seat.who}", text, "Read the outcome", "/outcome")
    return _item(seat, f"Your panel: {seat.who}", text, "Open the panel")


_ROLES = {"lead": _lead_item, "member": _member_item, "observer": _no_item}


def _item(
    seat: _Seat,
    title: str,
    text: str,
    action: str,
    page: str = "",
    *,
    decline: str = "",
    quick: str = "",
) -> Item:
    return Item(
        title=title,
        text=text,
        note=seat.note,
        action=action,
        href=f"/panels/{seat.row.id}{page}",
        clock=seat.clock,
        is_urgent=seat.row.urgency == "urgent",
        decline=decline,
        quick=quick,
    )


PARTS = (Part(_seats, _seat_item),)
