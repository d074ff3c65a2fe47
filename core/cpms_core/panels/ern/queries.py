"""What an ERN's page shows: requests to triage, its open panels fifty at a time, what ended lately.

Columns only, no objects, and a few statements whatever the page holds.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from msgspec import Struct
from sqlalchemy import Connection, Select, bindparam, select
from sqlalchemy.orm import Session

from cpms_core import audit, words
from cpms_core.access import Subject, ensure
from cpms_core.actor import Actor, Role
from cpms_core.audit import Event
from cpms_core.cases.models import Case
from cpms_core.directory.areas import area_titles
from cpms_core.directory.models import Ern, Hcp
from cpms_core.errors import NotFoundError
from cpms_core.panels.clock.clocks import Clock, request_clock
from cpms_core.panels.clock.late_triage import TOLD
from cpms_core.panels.clock.promises import read_promises
from cpms_core.panels.ern.panels import (
    Counted,
    Filter,
    Found,
    count_open,
    ended_panels,
    open_panels,
)
from cpms_core.panels.ern.rows import PanelRow
from cpms_core.panels.models import ConsultationRequest
from cpms_core.panels.panel_columns import origin_of, patient_columns
from cpms_core.panels.scope import is_shown_to_others
from cpms_core.patients.models import Patient
from cpms_core.registry import Registry
from cpms_core.rows import fetch

ENDED_LATELY = 5
MOST_TO_TRIAGE = 50
_ERN = select(Ern.id, Ern.name, Ern.scope, Ern.promises, Ern.calendar).where(
    Ern.id == bindparam("ern_id")
)
_NOTHING = Found((), has_more=False)
_ALL = Filter()


class TriageRow(Struct, frozen=True, kw_only=True):
    id: UUID
    pseudonym: str
    person: str
    origin: str
    area: str
    question: str
    is_urgent: bool
    clock: Clock
    told: str
    """Who was told that it is late; empty if nobody was."""
    row_version: int


class ErnPage(Struct, frozen=True, kw_only=True):
    id: str
    name: str
    scope: str
    triage_hours: int
    """What is promised for triage."""
    to_triage: tuple[TriageRow, ...]
    """None on a page of panels that ended."""
    has_more_to_triage: bool
    panels: tuple[PanelRow, ...]
    has_more: bool
    page: int
    ended: tuple[PanelRow, ...]
    next_after: UUID | None
    """The last panel of this page of ended ones, if there are more."""
    counted: Counted


def my_erns(session: Session, actor: Actor) -> list[tuple[str, str]]:
    """(id, name) of the ERNs whose requests this person handles."""
    ids = actor.erns(Role.COORDINATOR, Role.DISPATCHER)
    rows = session.execute(select(Ern.id, Ern.name).where(Ern.id.in_(ids)).order_by(Ern.name))
    return [(key, name) for key, name in rows]


def read_ern_page(
    session: Session,
    actor: Actor,
    registry: Registry,
    ern_id: str,
    chosen: Filter = _ALL,
    page: int = 1,
    after: UUID | None = None,
) -> ErnPage:
    """`page` is one of open panels; `after` the panel that a page of ended ones goes on behind."""
    store = session.connection()  # plain rows cost half of what the session's do
    ern = store.execute(_ERN, {"ern_id": ern_id}).one_or_none()
    if ern is None:
        raise NotFoundError
    ensure(actor, "ern.read", Subject(erns=frozenset({ern_id})))
    audit.record(session, actor, Event.ERN_READ, ern_id=ern_id, page=page)
    areas = area_titles(session, registry, ern_id)
    page, going_on = _open_page(store, ern_id, chosen, page, areas)
    ended = _ended_page(store, ern_id, chosen, after, areas)
    is_whole = page == 1 and not going_on.has_more and not any(chosen)
    to_triage = () if chosen.is_of_ended else _to_triage(store, ern_id, areas)
    return ErnPage(
        id=ern.id,
        name=ern.name,
        scope=ern.scope,
        triage_hours=read_promises(ern.promises, ern.calendar).promises.triage_hours,
        to_triage=to_triage[:MOST_TO_TRIAGE],
        has_more_to_triage=len(to_triage) > MOST_TO_TRIAGE,
        panels=going_on.rows,
        has_more=going_on.has_more,
        page=page,
        ended=ended.rows,
        next_after=ended.rows[-1].id if ended.has_more else None,
        counted=_count_rows(going_on) if is_whole else count_open(store, ern_id),
    )


def _open_page(
    store: Connection, ern_id: str, chosen: Filter, page: int, areas: Mapping[str, str]
) -> tuple[int, Found]:
    """Which page it is (the first if there is none of that number), and what is on it."""
    if chosen.is_of_ended:
        return 1, _NOTHING
    page = max(page, 1)
    found = open_panels(store, ern_id, chosen, page, areas)
    if found.rows or page == 1:
        return page, found
    return 1, open_panels(store, ern_id, chosen, 1, areas)


def _ended_page(
    store: Connection, ern_id: str, chosen: Filter, after: UUID | None, areas: Mapping[str, str]
) -> Found:
    """A page of their own, or the newest few below the open ones."""
    if chosen.is_of_ended:
        return ended_panels(store, ern_id, chosen, after, areas)
    if chosen.stage or chosen.only_late:
        return _NOTHING
    return ended_panels(store, ern_id, chosen, None, areas, ENDED_LATELY)


def _count_rows(found: Found) -> Counted:
    """All that are open are on the page."""
    late = sum(one.clock.state == "late" for one in found.rows)
    return Counted(len(found.rows), late)


class _Request(Struct, array_like=True):
    """The columns of `_triage_statement`."""

    id: UUID
    area: str
    question: str
    urgency: str
    state: str
    due_at: datetime | None
    decided_at: datetime | None
    row_version: int
    escalated: int
    pseudonym: str
    sex: str
    birth_year: int | None
    birth_month: int | None
    code: str
    city: str
    centre: str


def _to_triage(store: Connection, ern_id: str, areas: Mapping[str, str]) -> tuple[TriageRow, ...]:
    rows = fetch(store, _triage_statement(), _Request, {"ern_id": ern_id})
    return tuple(_triage_row(row, areas) for row in rows)


@cache
def _triage_statement() -> Select[Any]:
    request = ConsultationRequest
    return (
        select(
            *(request.id, request.area, request.question, request.urgency, request.state),
            *(request.due_at, request.decided_at, request.row_version),
            request.escalated,
            *patient_columns(),
        )
        .join(Case, Case.id == request.case_id)
        .join(Patient, Patient.id == Case.patient_id)
        .join(Hcp, Hcp.id == Case.hcp_id)
        .where(
            request.ern_id == bindparam("ern_id"),
            request.state == "submitted",
            is_shown_to_others(),
        )
        .order_by(request.urgency.desc(), request.due_at, request.id)
        .limit(MOST_TO_TRIAGE + 1)
    )


def _triage_row(row: _Request, areas: Mapping[str, str]) -> TriageRow:
    return TriageRow(
        id=row.id,
        pseudonym=row.pseudonym,
        person=words.person(row.sex, row.birth_year, row.birth_month),
        origin=origin_of(row),
        area=areas.get(row.area, row.area),
        question=row.question,
        is_urgent=row.urgency == "urgent",
        clock=request_clock(row.state, row.due_at, row.decided_at),
        told=TOLD.get(row.escalated, ""),
        row_version=row.row_version,
    )
