"""Take events out of the site: what is exported, and that exporting is itself an event."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime

import msgspec
from sqlalchemy import Engine

from cpms_core import audit
from cpms_core.audit import Event
from cpms_core.auditing.chain import read_end, seal_all
from cpms_core.auditing.entries import Entry, Span, count_entries, read_entries
from cpms_core.db import transaction


@contextmanager
def exported(
    engine: Engine, since: datetime, until: datetime | None, form: str
) -> Iterator[Iterable[Entry]]:
    """The entries of that time, in the chain's order.

    Noted before the first one leaves: what breaks off half-way has been exported too.
    """
    seal_all(engine)
    with transaction(engine) as session:
        span = Span(since=since, until=until, last=read_end(session).seq)
        audit.record(
            session,
            None,
            Event.AUDIT_EXPORTED,
            since=since.isoformat(),
            until=until.isoformat() if until else None,
            format=form,
            count=count_entries(session, span),
        )
    with transaction(engine, read_only=True) as session:
        yield read_entries(session, span)


def json_line(entry: Entry) -> bytes:
    return msgspec.json.encode(entry)
