"""The panels of an ERN as its page lists them: open ones by what is due next; those that ended.

However many there were, a page reads about as many rows as it shows: both lists follow an index of
`panel_ern`, and counts stop at `MOST_COUNTED`. Building a statement costs more than running it, so
those that do not depend on the filter are built once.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Uuid,
    and_,
    bindparam,
    case,
    func,
    or_,
    select,
)
from sqlalchemy.orm import aliased

from cpms_core.cases.models import Case
from cpms_core.clock import clock
from cpms_core.db import UtcDateTime
from cpms_core.directory.models import Hcp
from cpms_core.identity.models import User
from cpms_core.panels import stages
from cpms_core.panels.ern.rows import PanelRow, StoredPanel, panel_row, panel_row_columns
from cpms_core.panels.models import ConsultationRequest, Panel, PanelErn
from cpms_core.panels.scope import is_shown_to_others
from cpms_core.panels.stages import Stage
from cpms_core.patients.models import Patient
from cpms_core.rows import fetch

PAGE = 50
MOST_COUNTED = 500
_NOW = bindparam("now", type_=UtcDateTime())


class Filter(NamedTuple):
    search: str = ""
    stage: str = ""
    only_late: bool = False
    only_ended: bool = False

    @property
    def is_of_ended(self) -> bool:
        return self.only_ended or self.stage in stages.ENDED


class Found(NamedTuple):
    rows: tuple[PanelRow, ...]
    has_more: bool


class Counted(NamedTuple):
    """Each at most one more than `MOST_COUNTED`."""

    open: int
    late: int


def open_panels(
    store: Connection, ern_id: str, chosen: Filter, page: int, areas: Mapping[str, str]
) -> Found:
    """What is due first is on top; what waits for its submitter comes last."""
    values = {"ern_id": ern_id, "skip": (page - 1) * PAGE, "most": PAGE}
    return _find(store, _open_statement(), chosen, values, areas)


def ended_panels(
    store: Connection,
    ern_id: str,
    chosen: Filter,
    after: UUID | None,
    areas: Mapping[str, str],
    most: int = PAGE,
) -> Found:
    """The newest on top; `after` is the last one of the page before."""
    values: dict[str, Any] = {"ern_id": ern_id, "most": most}
    statement = _ended_statement()
    last = _ended_at(store, ern_id, after) if after else None
    if last is not None:
        values |= {"last_at": last, "last_id": after}
        statement = _ended_later_statement()
    return _find(store, statement, chosen, values, areas)


def count_open(store: Connection, ern_id: str) -> Counted:
    row = store.execute(_counts(), {"ern_id": ern_id, "now": clock.now()}).one()
    return Counted(row.open, row.late or 0)


def _find(
    store: Connection,
    statement: Select[Any],
    chosen: Filter,
    values: Mapping[str, Any],
    areas: Mapping[str, str],
) -> Found:
    wanted = _wanted(chosen, areas)
    if wanted:
        statement = statement.where(*wanted)
    most = values["most"]
    # One more tells whether there is another page.
    rows = fetch(store, statement, StoredPanel, {**values, "most": most + 1, "now": clock.now()})
    return Found(tuple(panel_row(row, areas) for row in rows[:most]), len(rows) > most)


def _wanted(chosen: Filter, areas: Mapping[str, str]) -> list[ColumnElement[bool]]:
    wanted: list[ColumnElement[bool]] = []
    if chosen.stage in set(Stage):
        wanted.append(Panel.stage == chosen.stage)
    if chosen.only_late:
        wanted.append(PanelErn.due_at < _NOW)
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


@cache
def _open_statement() -> Select[Any]:
    return (
        _statement(PanelErn.ended_at.is_(None))
        .order_by(PanelErn.due_at.asc().nulls_last(), PanelErn.panel_id)
        .offset(bindparam("skip"))
    )


@cache
def _ended_statement() -> Select[Any]:
    return _statement(PanelErn.ended_at.is_not(None)).order_by(
        PanelErn.ended_at.desc(), PanelErn.panel_id.desc()
    )


@cache
def _ended_later_statement() -> Select[Any]:
    last_at, last_id = bindparam("last_at", type_=UtcDateTime()), bindparam("last_id", type_=Uuid())
    same_time = and_(PanelErn.ended_at == last_at, PanelErn.panel_id < last_id)
    return _ended_statement().where(
        PanelErn.ended_at <= last_at, or_(PanelErn.ended_at < last_at, same_time)
    )


def _statement(*where: ColumnElement[bool]) -> Select[Any]:
    lead, lead_hcp = aliased(User), aliased(Hcp)
    return (
        _shown(*panel_row_columns(lead_hcp.city, lead.name))
        .join(ConsultationRequest, ConsultationRequest.id == PanelErn.request_id)
        .join(Patient, Patient.id == Case.patient_id)
        .join(Hcp, Hcp.id == Case.hcp_id)
        .join(lead, lead.id == Panel.lead_id)
        .outerjoin(lead_hcp, lead_hcp.id == lead.hcp_id)
        .where(*where)
        .limit(bindparam("most"))
    )


@cache
def _counts() -> Select[Any]:
    some = (
        _shown(PanelErn.due_at)
        .where(PanelErn.ended_at.is_(None))
        .order_by(PanelErn.due_at.asc().nulls_last())
        .limit(MOST_COUNTED + 1)
        .subquery()
    )
    late = func.sum(case((some.c.due_at < _NOW, 1), else_=0))
    columns: tuple[Any, ...] = (func.count().label("open"), late.label("late"))
    return select(*columns).select_from(some)


def _shown(*columns: Any) -> Select[Any]:
    """Of the panels of one ERN that people outside the case's centre may know of."""
    return (
        select(*columns)
        .select_from(PanelErn)
        .join(Panel, Panel.id == PanelErn.panel_id)
        .join(Case, Case.id == Panel.case_id)
        .where(PanelErn.ern_id == bindparam("ern_id"), is_shown_to_others())
    )


def _ended_at(store: Connection, ern_id: str, panel_id: UUID) -> datetime | None:
    """None if that panel is open again; then the list begins anew."""
    return store.scalar(
        select(PanelErn.ended_at).where(
            PanelErn.panel_id == panel_id, PanelErn.ern_id == bindparam("ern_id")
        ),
        {"ern_id": ern_id},
    )
