"""What an ERN's page shows: requests to triage, and its panels, fifty at a time.

Five statements whatever the page holds; columns only, no objects. Building a statement costs more
than running it, so those that do not depend on the filter are built once.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from msgspec import Struct
from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    bindparam,
    case,
    func,
    or_,
    select,
)
from sqlalchemy.orm import Session, aliased

from cpms_core import audit, words
from cpms_core.access import Subject, ensure
from cpms_core.actor import Actor, Role
from cpms_core.audit import Event
from cpms_core.cases.models import Case
from cpms_core.directory.areas import area_titles
from cpms_core.directory.models import Ern, Hcp
from cpms_core.errors import NotFoundError
from cpms_core.identity.models import User
from cpms_core.panels import stages
from cpms_core.panels.clocks import Clock, request_clock
from cpms_core.panels.models import ConsultationRequest, Panel
from cpms_core.panels.panel_columns import (
    ball_of,
    clock_columns,
    clock_of,
    count_columns,
    origin_of,
    panel_clock,
    patient_columns,
)
from cpms_core.panels.scope import is_shown_to_others
from cpms_core.panels.stages import Stage
from cpms_core.patients.models import Patient
from cpms_core.registry import Registry
from cpms_core.rows import fetch

PAGE = 50
_MOST_TO_TRIAGE = 100
_ERN = select(Ern.id, Ern.name, Ern.scope).where(Ern.id == bindparam("ern_id"))
_ENDED = [str(stage) for stage in stages.ENDED]


class TriageRow(Struct, frozen=True, kw_only=True):
    id: UUID
    pseudonym: str
    person: str
    origin: str
    area: str
    question: str
    is_urgent: bool
    clock: Clock
    row_version: int


class PanelRow(Struct, frozen=True, kw_only=True):
    id: UUID
    number: str
    pseudonym: str
    person: str
    area: str
    origin: str
    stage: str
    badge: str
    ball: str
    waits_for_submitter: bool
    is_urgent: bool
    is_open: bool
    clock: Clock
    answered: int
    asked: int


class ErnPage(Struct, frozen=True, kw_only=True):
    id: str
    name: str
    scope: str
    to_triage: tuple[TriageRow, ...]
    panels: tuple[PanelRow, ...]
    open_count: int
    late_count: int
    found: int
    """Panels that fit the filter, on all pages."""
    page: int
    last: int


class Filter(NamedTuple):
    search: str = ""
    stage: str = ""
    only_late: bool = False


_ALL = Filter()


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
) -> ErnPage:
    store = session.connection()  # plain rows cost half of what the session's do
    ern = store.execute(_ERN, {"ern_id": ern_id}).one_or_none()
    if ern is None:
        raise NotFoundError
    ensure(actor, "ern.read", Subject(erns=frozenset({ern_id})))
    audit.record(session, actor, Event.ERN_READ, ern_id=ern_id, page=page)
    areas = area_titles(session, registry, ern_id)
    running = _open_panels(store, ern_id) if any(chosen) else None
    late = [key for key, is_late in running.items() if is_late] if running else []
    wanted = _wanted(chosen, areas, late)
    page, rows, found = _one_page(store, ern_id, wanted, max(page, 1))
    panels = tuple(_panel_row(row, areas) for row in rows)
    if running is None and found == len(rows):  # all of them are on the page
        running = {one.id: one.clock.state == "late" for one in panels if one.is_open}
    elif running is None:
        running = _open_panels(store, ern_id)
    return ErnPage(
        id=ern.id,
        name=ern.name,
        scope=ern.scope,
        to_triage=_to_triage(store, ern_id, areas),
        panels=panels,
        open_count=len(running),
        late_count=sum(running.values()),
        found=found,
        page=page,
        last=max(1, -(-found // PAGE)),
    )


class _Request(Struct, array_like=True):
    """The columns of `_triage_statement`."""

    id: UUID
    area: str
    question: str
    urgency: str
    state: str
    submitted_at: datetime
    decided_at: datetime | None
    paused_seconds: int
    row_version: int
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
            *(request.submitted_at, request.decided_at, request.paused_seconds),
            request.row_version,
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
        .order_by(request.urgency.desc(), request.submitted_at)
        .limit(_MOST_TO_TRIAGE)
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
        clock=request_clock(
            row.state, row.urgency, row.submitted_at, row.decided_at, row.paused_seconds
        ),
        row_version=row.row_version,
    )


def _open_panels(store: Connection, ern_id: str) -> dict[UUID, bool]:
    """Every open panel, and whether it is late: for the counts, and for who asks for those."""
    rows = store.execute(_open_statement(), {"ern_id": ern_id})
    return {row.id: panel_clock(row).is_late for row in rows}


@cache
def _open_statement() -> Select[Any]:
    return (
        select(Panel.id, *clock_columns())
        .join(ConsultationRequest, ConsultationRequest.id == Panel.request_id)
        .join(Case, Case.id == Panel.case_id)
        .where(
            Panel.ern_id == bindparam("ern_id"), Panel.stage.not_in(_ENDED), is_shown_to_others()
        )
    )


def _wanted(
    chosen: Filter, areas: Mapping[str, str], late: list[UUID]
) -> list[ColumnElement[bool]]:
    wanted: list[ColumnElement[bool]] = []
    if chosen.stage in set(Stage):
        wanted.append(Panel.stage == chosen.stage)
    if chosen.only_late:
        wanted.append(Panel.id.in_(late))
    for word in chosen.search.split()[:8]:
        lowered = word.casefold()
        keys = [key for key, name in areas.items() if lowered in name.casefold()]
        texts = (Patient.pseudonym, Panel.number, Hcp.code, Hcp.city, Hcp.name)
        wanted.append(
            or_(
                *(func.lower(text).contains(lowered, autoescape=True) for text in texts),
                ConsultationRequest.area.in_(keys),
            )
        )
    return wanted


class _Panel(Struct, array_like=True):
    """The columns of `_panel_statement`."""

    id: UUID
    number: str
    area: str
    stage: Stage
    stage_at: datetime
    urgency: str
    submitted_at: datetime
    paused_seconds: int
    first_response_at: datetime | None
    closed_at: datetime | None
    pseudonym: str
    sex: str
    birth_year: int | None
    birth_month: int | None
    code: str
    city: str
    centre: str
    lead_city: str | None
    lead_name: str
    answered: int
    asked: int
    invited: int
    judges: int
    judged: int


def _one_page(
    store: Connection, ern_id: str, wanted: list[ColumnElement[bool]], page: int
) -> tuple[int, list[_Panel], int]:
    """Which page it is (the first if there is none of that number), its rows, and how many fit."""
    rows = _panel_rows(store, ern_id, wanted, page)
    if not rows and page > 1:
        page, rows = 1, _panel_rows(store, ern_id, wanted, 1)
    if page == 1 and len(rows) <= PAGE:
        return page, rows, len(rows)
    counted = _panel_statement().where(*wanted).with_only_columns(func.count())
    found = store.scalar(counted.order_by(None).limit(None).offset(None), {"ern_id": ern_id})
    return page, rows[:PAGE], found or 0


def _panel_rows(
    store: Connection, ern_id: str, wanted: list[ColumnElement[bool]], page: int
) -> list[_Panel]:
    """Open ones first, the oldest on top; then those that ended, the newest on top."""
    statement = _panel_statement().where(*wanted) if wanted else _panel_statement()
    return fetch(store, statement, _Panel, {"ern_id": ern_id, "skip": (page - 1) * PAGE})


@cache
def _panel_statement() -> Select[Any]:
    lead, lead_hcp = aliased(User), aliased(Hcp)
    ended = case((Panel.stage.in_(_ENDED), 1), else_=0)
    since = case((Panel.stage.in_(_ENDED), None), else_=ConsultationRequest.submitted_at)
    return (
        select(
            *(Panel.id, Panel.number, ConsultationRequest.area),
            *clock_columns(),
            *patient_columns(),
            lead_hcp.city.label("lead_city"),
            lead.name.label("lead_name"),
            *count_columns(),
        )
        .join(ConsultationRequest, ConsultationRequest.id == Panel.request_id)
        .join(Case, Case.id == Panel.case_id)
        .join(Patient, Patient.id == Case.patient_id)
        .join(Hcp, Hcp.id == Case.hcp_id)
        .join(lead, lead.id == Panel.lead_id)
        .outerjoin(lead_hcp, lead_hcp.id == lead.hcp_id)
        .where(Panel.ern_id == bindparam("ern_id"), is_shown_to_others())
        .order_by(ended, since, Panel.closed_at.desc(), Panel.id)
        .limit(PAGE + 1)  # one more tells whether there is another page
        .offset(bindparam("skip"))
    )


def _panel_row(row: _Panel, areas: Mapping[str, str]) -> PanelRow:
    return PanelRow(
        id=row.id,
        number=row.number,
        pseudonym=row.pseudonym,
        person=words.person(row.sex, row.birth_year, row.birth_month),
        area=areas.get(row.area, row.area),
        origin=origin_of(row),
        stage=stages.title(row.stage),
        badge=stages.badge(row.stage),
        ball=ball_of(row),
        waits_for_submitter=row.stage == Stage.DATA_COMPLETION,
        is_urgent=row.urgency == "urgent",
        is_open=row.stage not in stages.ENDED,
        clock=clock_of(row),
        answered=row.answered,
        asked=row.asked,
    )
