"""What has happened to the cases that people look at, and who of them may still know of it."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from msgspec import Struct, field
from sqlalchemy import select
from sqlalchemy.orm import Session

from cpms_core.answers import Live
from cpms_core.audit import LATE_BY, AuditEvent, Event
from cpms_core.db import first_id_of

ASKED_EVERY: Final = 20.0
"""Seconds after which somebody's right is asked for although nothing happened."""
_MAY_END: Final = frozenset({str(Event.CONSENT_WITHDRAWN), str(Event.CASE_WITHDRAWN)})
"""After these, of the case or of its patient, every right to it is asked for anew."""


class Found(Struct, frozen=True):
    """What a look found for one stream."""

    may: bool
    sign: UUID | None


class Stream(Struct, eq=False):
    """An open page. What a look found is told in the event loop."""

    live: Live
    token: str
    seen: set[UUID]
    asked_at: float
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    newest: UUID | None = None
    is_over: bool = False

    def tell(self, found: Found) -> None:
        self.is_over = self.is_over or not found.may
        self.newest = found.sign or self.newest
        if found.sign or not found.may:
            self.wake.set()


def look(session: Session, streams: Sequence[Stream]) -> Iterator[tuple[Stream, Found]]:
    """For each stream of which there is something to say; first those that get a sign."""
    since = first_id_of(datetime.fromtimestamp(time.time(), UTC) - LATE_BY)
    happened = _happened(session, streams, since)
    quiet = []
    for one in streams:
        one.seen = {id_ for id_ in one.seen if id_ >= since}
        about = (*happened[one.live.case_id], *happened[one.live.patient_id])
        fresh = [event for event in about if event.id not in one.seen]
        one.seen.update(event.id for event in fresh)
        if fresh:
            yield one, _ask(session, one, _sign(one, fresh))
        else:
            quiet.append(one)
    for one in _due(quiet, len(streams)):
        yield one, _ask(session, one, None)


def _happened(
    session: Session, streams: Sequence[Stream], since: UUID
) -> defaultdict[UUID, list[Any]]:
    """By case, and by patient. A transaction may be committed after one that began later."""
    wanted = {tag for one in streams for tag in one.live.tells} | _MAY_END
    rows = session.execute(
        select(AuditEvent.id, AuditEvent.tag, AuditEvent.ern_id)
        .add_columns(AuditEvent.case_id, AuditEvent.patient_id)
        # Joined to nothing: the index of tags knows the events of years, that of ids the last ones.
        .where(AuditEvent.id >= since, AuditEvent.tag.concat("").in_(sorted(wanted)))
        .order_by(AuditEvent.id)
    )
    found: defaultdict[UUID, list[Any]] = defaultdict(list)
    for row in rows:
        for about in {row.case_id, row.patient_id} - {None}:
            found[about].append(row)
    return found


def _sign(one: Stream, fresh: Sequence[Any]) -> UUID | None:
    """The newest event that is worth one."""
    live = one.live
    told = [
        event.id
        for event in fresh
        if event.case_id == live.case_id
        and event.tag in live.tells
        and (event.ern_id is None or event.ern_id in live.erns)
    ]
    return told[-1] if told else None


def _ask(session: Session, one: Stream, sign: UUID | None) -> Found:
    one.asked_at = time.monotonic()
    may = one.live.still_may(session)
    return Found(may, sign if may else None)


def _due(quiet: Sequence[Stream], of: int) -> Sequence[Stream]:
    """Whose right was not asked for long enough; a few at each look."""
    before = time.monotonic() - ASKED_EVERY
    due = sorted((one for one in quiet if one.asked_at < before), key=lambda one: one.asked_at)
    return due[: 1 + of // 100]
