"""What waits for one person, over all panels and cases."""

from collections.abc import Iterable
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from msgspec import Struct, structs
from sqlalchemy import BindParameter, Executable, Uuid, bindparam, exists, or_, select
from sqlalchemy.orm import Session, aliased

from cpms_core import words
from cpms_core.actor import Actor, Role
from cpms_core.cases.models import Case, Record
from cpms_core.directory.models import Ern, Hcp
from cpms_core.identity.absence import absent_for
from cpms_core.identity.models import User
from cpms_core.panels import stages
from cpms_core.panels.clock.clocks import Clock, request_clock
from cpms_core.panels.guards import ENOUGH
from cpms_core.panels.models import (
    ConsultationRequest,
    Contribution,
    Outcome,
    Panel,
    PanelMember,
    Position,
)
from cpms_core.panels.panel_columns import (
    clock_columns,
    clock_of,
    count_columns,
    origin_of,
    patient_columns,
)
from cpms_core.panels.requests import request_form
from cpms_core.panels.scope import has_consent_of, is_seated, is_shown_to_others, last_day
from cpms_core.panels.seats.reminders import reminded
from cpms_core.panels.stages import Stage
from cpms_core.patients.models import Patient
from cpms_core.patients.team import is_open_to

_MOST = 30
_STILL = Clock(state="stopped", words="draft")


class Item(Struct, frozen=True, kw_only=True):
    """One thing to do: what it is, its clock, and the one act."""

    title: str
    text: str
    note: str
    action: str
    href: str
    clock: Clock
    is_urgent: bool = False
    decline: str = ""
    """Where an invitation is declined."""
    quick: str = ""
    """Where a telephone answers in sixty seconds."""


class _Seat(NamedTuple):
    """A row of `_seats` with the words that every item about it shares."""

    row: Any
    who: str
    note: str
    clock: Clock


def waiting_for(session: Session, actor: Actor) -> tuple[Item, ...]:
    """Urgent first, then by what is due next."""
    items = [
        *_of_seats(session, actor),
        *_returned(session, actor, actor.user_id),
        *_to_triage(session, actor),
        *_ready(session, actor, actor.user_id),
        *_for_absent(session, actor),
    ]
    return tuple(sorted(items, key=lambda item: (not item.is_urgent, item.clock.order)))


def _for_absent(session: Session, actor: Actor) -> Iterable[Item]:
    """What waits at the centre for those for whom the actor stands in; never a panel's."""
    for user_id, name in absent_for(session, actor).items():
        for item in (*_returned(session, actor, user_id), *_ready(session, actor, user_id)):
            yield structs.replace(item, title=f"For {name}: {item.title}")


# --- panels ---


def _of_seats(session: Session, actor: Actor) -> Iterable[Item]:
    for row in _seats(session, actor):
        seat = _Seat(
            row,
            f"{row.pseudonym}, {words.person(row.sex, row.birth_year, row.birth_month)}",
            f"{row.ern} · lead {row.lead_name} · {row.answered} of {row.asked} answered",
            clock_of(row),
        )
        is_asked = row.state == "invited" and row.stage not in stages.ENDED
        item = _invitation(seat) if is_asked else _SEATS[row.role](seat)
        if item is None and row.until:
            item = _guest_item(seat)
        if item is not None:
            yield item


def _seats(session: Session, actor: Actor) -> Iterable[Any]:
    return session.execute(_seats_statement(), {"me": actor.user_id})


@cache
def _seats_statement() -> Executable:
    """Built once: that costs more than running it."""
    me: BindParameter[UUID] = bindparam("me", type_=Uuid())
    lead = aliased(User)
    ended = [str(stage) for stage in stages.ENDED]
    contributed = exists().where(
        Contribution.panel_id == Panel.id,
        Contribution.author_id == me,
        Contribution.kind == "opinion",
    )
    judged = (
        select(Position.id)
        .join(Outcome, Outcome.id == Position.outcome_id)
        .where(
            Outcome.panel_id == Panel.id,
            Outcome.state == "sign_off",
            Position.user_id == me,
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
            PanelMember.user_id == me,
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


_SEATS = {"lead": _lead_item, "member": _member_item, "observer": _no_item}


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


# --- requests and drafts ---


def _returned(session: Session, actor: Actor, whose: UUID) -> Iterable[Item]:
    mine = or_(ConsultationRequest.submitted_by == whose, Case.created_by == whose)
    at_my_centres = is_open_to(actor)
    for row in _requests(session, ConsultationRequest.state == "returned", mine, at_my_centres):
        yield Item(
            title=f"Returned{' to you' if whose == actor.user_id else ''}: {row.pseudonym}",
            text=f"“{row.reason}”",
            note=f"{row.ern} asks; the clock stands still until you send it again",
            action="Answer",
            href=f"/cases/{row.case_id}",
            clock=clock_of_request(row),
            is_urgent=row.urgency == "urgent",
        )


def _to_triage(session: Session, actor: Actor) -> Iterable[Item]:
    erns = actor.erns(Role.COORDINATOR, Role.DISPATCHER)
    if not erns:
        return
    to_triage = ConsultationRequest.state == "submitted"
    mine = ConsultationRequest.ern_id.in_(erns)
    for row in _requests(session, to_triage, mine, is_shown_to_others()):
        yield Item(
            title=f"New request: {row.pseudonym}, "
            + words.person(row.sex, row.birth_year, row.birth_month),
            text=f"“{row.question}”",
            note=f"{row.ern} · from {origin_of(row)}",
            action="Name a lead",
            href=f"/requests/{row.id}",
            clock=clock_of_request(row),
            is_urgent=row.urgency == "urgent",
        )


def _requests(session: Session, *where: Any) -> Iterable[Any]:
    request = ConsultationRequest
    return session.execute(
        select(
            *(request.id, request.question, request.urgency, request.state, request.reason),
            *(request.submitted_at, request.decided_at, request.due_at),
            Ern.name.label("ern"),
            *(Case.id.label("case_id"), *patient_columns()),
        )
        .join(Case, Case.id == request.case_id)
        .join(Patient, Patient.id == Case.patient_id)
        .join(Hcp, Hcp.id == Case.hcp_id)
        .join(Ern, Ern.id == request.ern_id)
        .where(*where)
        .order_by(request.urgency.desc(), request.submitted_at)
        .limit(_MOST)
    )


def clock_of_request(row: Any) -> Clock:
    return request_clock(row.state, row.due_at, row.decided_at)


def _ready(session: Session, actor: Actor, whose: UUID) -> Iterable[Item]:
    """Somebody's drafts that hold a question and a summary, as far as the actor sees them."""
    rows = session.execute(
        select(Case.id.label("case_id"), *patient_columns())
        .join(Patient, Patient.id == Case.patient_id)
        .join(Hcp, Hcp.id == Case.hcp_id)
        .where(
            Case.created_by == whose,
            is_open_to(actor),
            Case.withdrawn_at.is_(None),
            Case.closed_at.is_(None),
            has_consent_of("care"),
            exists().where(Record.case_id == Case.id, Record.dataset == request_form.KEY),
            ~exists().where(ConsultationRequest.case_id == Case.id),
        )
        .order_by(Case.created_at.desc())
        .limit(_MOST)
    )
    for row in rows:
        yield Item(
            title=f"{'Your case' if whose == actor.user_id else 'Case'} {row.pseudonym}",
            text="Question and summary are there. Send it when the record is as you want it.",
            note="",
            action="Continue",
            href=f"/cases/{row.case_id}",
            clock=_STILL,
        )
