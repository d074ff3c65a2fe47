"""The home page: what waits for a person, that person's cases, and the year so far.

All of it is read in one statement, and a few more for what became of an outcome.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct
from sqlalchemy.orm import Session

from cpms_core import audit, me
from cpms_core.access import could
from cpms_core.actor import Actor
from cpms_core.audit import Event
from cpms_core.cases.retention import ended_before
from cpms_core.directory.areas import areas_everywhere
from cpms_core.identity.absence import absent_ones
from cpms_core.panels.home import (
    access,
    consents,
    invitations,
    late_triage,
    mentions,
    patients,
    questions,
    quick,
    reopenings,
    requests,
    seats,
)
from cpms_core.panels.home.after import (
    Became,
    Due,
    due_follow_ups,
    read_after,
    told_follow_ups,
)
from cpms_core.panels.home.cases import MyCase, my_case, my_cases, my_year
from cpms_core.panels.home.late import late_panels, with_late_panels
from cpms_core.panels.home.waiting import Item, Part, Query, Reader
from cpms_core.registry import Registry
from cpms_core.rows import fetch_together

_FIRST = patients.PARTS
_NEXT = (*questions.PARTS, *quick.PARTS)
_BY_CLOCK = (*seats.PARTS, *requests.PARTS)
_THEN = (
    *mentions.PARTS,
    *invitations.PARTS,
    *reopenings.PARTS,
    *late_triage.PARTS,
    *access.PARTS,
    *consents.PARTS,
)
_PARTS: tuple[Part, ...] = (*_FIRST, *_NEXT, *_BY_CLOCK, *_THEN)
_BESIDE: tuple[Query, ...] = (
    late_panels,
    due_follow_ups,
    told_follow_ups,
    my_cases,
    my_year,
    absent_ones,
)


class HomePage(Struct, frozen=True, kw_only=True):
    waiting: tuple[Item, ...]
    follow_ups: tuple[Due, ...]
    """Questions to the reader about advice that was given."""
    became: tuple[Became, ...]
    """What became of the reader's advice."""
    cases: tuple[MyCase, ...]
    year: Any
    """How many `contributions`, to how many `cases` from how many `countries`."""


def read_home(session: Session, actor: Actor, registry: Registry, retention_years: int) -> HomePage:
    audit.record(session, actor, Event.HOME_READ)
    rows = _read(session, actor, retention_years)
    reader = _reader(session, actor, registry, rows)
    follow_ups, became = read_after(session, reader, rows[due_follow_ups], rows[told_follow_ups])
    return HomePage(
        waiting=_waiting(reader, rows),
        follow_ups=follow_ups,
        became=became,
        cases=tuple(my_case(row, reader) for row in rows[my_cases]),
        year=rows[my_year][0],
    )


def _read(session: Session, actor: Actor, retention_years: int) -> Mapping[Query, list[Any]]:
    """The rows of everything that could concern this actor."""
    asked = (*(part.query for part in _PARTS if could(actor, part.permission)), *_BESIDE)
    session.flush()  # what this very transaction has changed counts
    values = {**me.values(actor), "ended_before": ended_before(retention_years)}
    found = fetch_together(session.connection(), (query() for query in asked), values)
    return dict(zip(asked, found, strict=True))


def _reader(
    session: Session, actor: Actor, registry: Registry, rows: Mapping[Query, list[Any]]
) -> Reader:
    areas = {
        (ern_id, area.key): area.title
        for ern_id, known in areas_everywhere(session, registry).items()
        for area in known
    }
    whose = {actor.user_id: "", **{row.id: row.name for row in rows[absent_ones]}}
    return Reader(actor, whose, areas)


def _waiting(reader: Reader, rows: Mapping[Query, list[Any]]) -> tuple[Item, ...]:
    def items(parts: Iterable[Part]) -> Iterable[Item]:
        for part in parts:
            told = (part.item(row, reader) for row in rows.get(part.query, ()))
            yield from filter(None, told)

    by_clock = sorted(items(_BY_CLOCK), key=lambda item: (not item.is_urgent, item.clock.order))
    late_first = sorted(
        (*by_clock, *items(_THEN)),
        key=lambda item: (not item.is_urgent, item.clock.state != "late"),
    )
    usual = (*items(_NEXT), *late_first)
    return (*items(_FIRST), *with_late_panels(reader.actor, rows[late_panels], usual))
