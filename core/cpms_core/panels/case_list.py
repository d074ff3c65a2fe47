"""The cases a person may read, for a machine that acts for them: nothing clinical is in it."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct
from sqlalchemy import func, select
from sqlalchemy.orm import Session, selectinload

from cpms_core import audit
from cpms_core.actor import Actor
from cpms_core.audit import Event
from cpms_core.cases.finding import readable_by
from cpms_core.cases.models import Case, Record
from cpms_core.panels.models import ConsultationRequest, Panel
from cpms_core.patients.models import Patient

PAGE = 200


class ListedCase(Struct, frozen=True, kw_only=True):
    id: UUID
    pseudonym: str
    numbers: tuple[str, ...]
    """Of its panels, `ITH-2026-0147`: the ERNs' own names for it."""
    state: str
    """draft, sent, closed or withdrawn."""
    changed: datetime
    """When something of it was last saved, sent, decided or moved on."""


class CasePage(Struct, frozen=True, kw_only=True):
    cases: tuple[ListedCase, ...]
    next_after: UUID | None
    """The last one's id, if there are more."""


def list_cases(session: Session, actor: Actor, after: UUID | None = None) -> CasePage:
    """In the order in which they were opened; `after` is the last id of the page before."""
    wanted = select(Case).join(Patient, Patient.id == Case.patient_id).where(readable_by(actor))
    if after is not None:
        wanted = wanted.where(Case.id > after)
    found = session.scalars(
        wanted.order_by(Case.id).limit(PAGE + 1).options(selectinload(Case.patient))
    ).all()
    cases = found[:PAGE]
    audit.record(session, actor, Event.CASES_LISTED, cases=len(cases))
    ids = [case.id for case in cases]
    saved = _newest_saves(session, ids)
    asked: dict[UUID, list[Any]] = {}
    for row in _requests(session, ids):
        asked.setdefault(row.case_id, []).append(row)
    return CasePage(
        cases=tuple(_listed(one, asked.get(one.id, ()), saved.get(one.id)) for one in cases),
        next_after=cases[-1].id if len(found) > PAGE else None,
    )


def _listed(case: Case, requests: Iterable[Any], saved: datetime | None) -> ListedCase:
    rows = list(requests)
    times = [case.created_at, case.withdrawn_at, case.closed_at, saved]
    for row in rows:
        times += [row.submitted_at, row.decided_at, row.stage_at]
    return ListedCase(
        id=case.id,
        pseudonym=case.patient.pseudonym,
        numbers=tuple(row.number for row in rows if row.number),
        state=_state(case, is_sent=bool(rows)),
        changed=max(time for time in times if time),
    )


def _state(case: Case, *, is_sent: bool) -> str:
    if case.withdrawn_at:
        return "withdrawn"
    if case.closed_at:
        return "closed"
    return "sent" if is_sent else "draft"


def _requests(session: Session, ids: list[UUID]) -> Iterable[Any]:
    request = ConsultationRequest
    return session.execute(
        select(
            *(request.case_id, request.submitted_at, request.decided_at),
            *(Panel.number, Panel.stage_at),
        )
        .outerjoin(Panel, Panel.request_id == request.id)
        .where(request.case_id.in_(ids))
        .order_by(request.submitted_at, request.id)
    )


def _newest_saves(session: Session, ids: list[UUID]) -> dict[UUID, datetime]:
    rows = session.execute(
        select(Record.case_id, func.max(Record.saved_at, type_=Record.saved_at.type))
        .where(Record.case_id.in_(ids))
        .group_by(Record.case_id)
    )
    return {row[0]: row[1] for row in rows}
