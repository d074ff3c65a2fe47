"""Requests that came back, requests to triage, and drafts that could be sent."""

from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, exists, or_, select

from cpms_core import me, words
from cpms_core.cases.models import Case, Record
from cpms_core.directory.models import Ern, Hcp
from cpms_core.identity.absence import is_mine_now
from cpms_core.panels.clock.clocks import Clock, request_clock
from cpms_core.panels.clock.late_triage import is_told
from cpms_core.panels.home.waiting import Item, Part, Reader
from cpms_core.panels.models import ConsultationRequest
from cpms_core.panels.panel_columns import origin_of, patient_columns
from cpms_core.panels.requests import request_form
from cpms_core.panels.scope import has_consent_of, is_shown_to_others
from cpms_core.patients.models import Patient
from cpms_core.patients.team import is_open_to_me
from cpms_core.rows import AnyQuery

_MOST = 30
_STILL = Clock(state="stopped", words="draft")


@cache
def _returned() -> AnyQuery:
    """Mine, and at the centre those of whom I stand in for."""
    mine = or_(is_mine_now(ConsultationRequest.submitted_by), is_mine_now(Case.created_by))
    return _requests(ConsultationRequest.state == "returned", mine, is_open_to_me())


@cache
def _to_triage() -> AnyQuery:
    mine = ConsultationRequest.ern_id.in_(me.TRIAGED)
    return _requests(ConsultationRequest.state == "submitted", mine, is_shown_to_others())


@cache
def _ready() -> AnyQuery:
    """Drafts that hold a question and a summary, mine and of those whom I stand in for."""
    return (
        select(Case.id.label("case_id"), Case.created_by, *patient_columns())
        .join(Patient, Patient.id == Case.patient_id)
        .join(Hcp, Hcp.id == Case.hcp_id)
        .where(
            is_mine_now(Case.created_by),
            is_open_to_me(),
            Case.withdrawn_at.is_(None),
            Case.closed_at.is_(None),
            has_consent_of("care"),
            exists().where(Record.case_id == Case.id, Record.dataset == request_form.KEY),
            ~exists().where(ConsultationRequest.case_id == Case.id),
        )
        .order_by(Case.created_at.desc())
        .limit(_MOST)
    )


def _requests(*where: ColumnElement[bool]) -> AnyQuery:
    request = ConsultationRequest
    return (
        select(
            *(request.id, request.question, request.urgency, request.state, request.reason),
            *(request.submitted_by, request.submitted_at, request.decided_at, request.due_at),
            *(request.ern_id, request.escalated, Ern.name.label("ern")),
            *(Case.id.label("case_id"), Case.created_by, *patient_columns()),
        )
        .join(Case, Case.id == request.case_id)
        .join(Patient, Patient.id == Case.patient_id)
        .join(Hcp, Hcp.id == Case.hcp_id)
        .join(Ern, Ern.id == request.ern_id)
        .where(*where)
        .order_by(request.urgency.desc(), request.submitted_at)
        .limit(_MOST)
    )


def _returned_item(row: Any, reader: Reader) -> Item:
    name = reader.for_whom(row.created_by, row.submitted_by)
    returned = f"For {name}: Returned" if name else "Returned to you"
    return Item(
        title=f"{returned}: {row.pseudonym}",
        text=f"“{row.reason}”",
        note=f"{row.ern} asks; the clock stands still until you send it again",
        action="Answer",
        href=f"/cases/{row.case_id}",
        clock=request_clock(row.state, row.due_at, row.decided_at),
        is_urgent=row.urgency == "urgent",
    )


def _triage_item(row: Any, reader: Reader) -> Item:
    is_late = is_told(reader.actor, row.ern_id, row.escalated)
    return Item(
        title=f"{'Late' if is_late else 'New'} request: {row.pseudonym}, "
        + words.person(row.sex, row.birth_year, row.birth_month),
        text=f"“{row.question}”",
        note=f"{row.ern} · from {origin_of(row)}",
        action="Name a lead",
        href=f"/requests/{row.id}",
        clock=request_clock(row.state, row.due_at, row.decided_at),
        is_urgent=row.urgency == "urgent",
    )


def _ready_item(row: Any, reader: Reader) -> Item:
    name = reader.for_whom(row.created_by)
    return Item(
        title=f"{f'For {name}: Case' if name else 'Your case'} {row.pseudonym}",
        text="Question and summary are there. Send it when the record is as you want it.",
        note="",
        action="Continue",
        href=f"/cases/{row.case_id}",
        clock=_STILL,
    )


PARTS = (
    Part(_returned, _returned_item, "case.submit"),
    Part(_to_triage, _triage_item, "request.triage"),
    Part(_ready, _ready_item, "case.submit"),
)
