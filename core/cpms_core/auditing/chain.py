"""The chain over the audit's events: a job seals them into it, and anybody can walk it.

An entry's hash covers its place, everything it says, and the hash of the entry before it. The store
also remembers where the chain ends, so that what is cut off its end is missed. Who rewrites the
whole chain rewrites that too: for this there are anchors outside.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from msgspec import Struct
from sqlalchemy import Engine, bindparam, func, select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from cpms_core.audit import AuditEvent
from cpms_core.db import transaction
from cpms_core.state import read_state, write_state


class Head(Struct, frozen=True):
    """How far a chain goes: its last entry's place and hash."""

    seq: int
    hash: bytes


class Break(Struct, frozen=True):
    """The first entry that is not as it was sealed."""

    seq: int
    at: datetime | None
    """When its event was, as it stands there now; None if it is gone."""
    what: str

    def __str__(self) -> str:
        moment = f" ({self.at:%Y-%m-%d %H:%M:%S} UTC)" if self.at else ""
        return f"#{self.seq}{moment} {self.what}"


class Walked(Struct, frozen=True):
    end: Head
    """The last good entry."""
    first_break: Break | None


START: Final = Head(0, b"")


def seal(engine: Engine, limit: int = 5000) -> int:
    """Chain the events that are not sealed yet, oldest first; how many there were."""
    with transaction(engine) as session:
        # Two sealers at once would fork the chain; PostgreSQL needs the lock, SQLite has it.
        if engine.dialect.name == "postgresql":
            session.execute(select(func.pg_advisory_xact_lock(0x41554449)))
        # Past the ORM: at hundreds of events a second, its objects are most of the work.
        waiting = session.connection().execute(_WAITING.limit(limit)).all()
        if not waiting:
            return 0
        head = read_end(session)
        sealed: list[dict[str, Any]] = []
        for said in waiting:
            head = Head(head.seq + 1, _digest(head.seq + 1, head.hash, said))
            sealed.append({"entry": said[0], "place": head.seq, "digest": head.hash})
        session.connection().execute(_SEAL, sealed)
        write_state(session, _HEAD, f"{head.seq} {head.hash.hex()}")
        return len(sealed)


def seal_all(engine: Engine) -> None:
    while seal(engine):
        pass


def walk(session: Session, start: Head = START, noted: Mapping[int, bytes] | None = None) -> Walked:
    """From `start` to the end, in constant memory; `noted` are hashes that are known by place."""
    remembered = _remembered(session)
    known = {start.seq: start.hash, **({remembered.seq: remembered.hash} if remembered else {})}
    known |= noted or {}
    end = start if start.seq == 0 or _holds(session, start) else Head(start.seq - 1, b"")
    first = None if end == start else Break(start.seq, None, REWRITTEN)
    entries = _entries(session, start.seq)
    while first is None:
        try:
            row = next(entries, None)
        except _UNREADABLE:
            first = Break(end.seq + 1, None, "cannot be read: somebody wrote over it.")
            break
        if row is None:
            first = _break_at_end(session, end, max(known))
            break
        first = _break_at(row, end, known)
        end = end if first else Head(row.seq, row.hash)
    return Walked(end, first)


def read_end(session: Session) -> Head:
    """Where the next entry follows, also if entries are missing at the end: the gap must stay."""
    newest = select(_T.seq, _T.hash).where(_SEALED).order_by(_T.seq.desc()).limit(1)
    last = session.execute(newest).first()
    found = Head(last.seq, last.hash or b"") if last else START
    remembered = _remembered(session)
    return remembered if remembered and remembered.seq >= found.seq else found


REWRITTEN: Final = "is not the entry that was noted for this place: the chain was rewritten."
_PAGE = 1000
_HEAD = "audit_head"
_T: Any = AuditEvent.__table__.c
_SEALED = _T.seq.is_not(None)
_SAID = (
    *("id", "at", "tag", "actor_id", "roles", "session_id", "case_id", "patient_id"),
    *("hcp_id", "ern_id", "subject_id", "detail"),
)
_COLUMNS = [_T[name] for name in _SAID]
_WAITING = select(*_COLUMNS).where(_T.seq.is_(None)).order_by(_T.at, _T.id)
_ENTRIES = select(_T.seq, _T.hash, *_COLUMNS).where(_SEALED).order_by(_T.seq)
_SEAL = (
    update(AuditEvent.__table__)  # type: ignore[arg-type]  # a FromClause to mypy, a Table in fact
    .where(_T.id == bindparam("entry"))
    .values(seq=bindparam("place"), hash=bindparam("digest"))
)
# What reading a row raises that was overwritten with something of another kind.
_UNREADABLE = (ValueError, TypeError, AttributeError, OperationalError)


def _digest(seq: int, previous: bytes, said: Sequence[Any]) -> bytes:
    """`said` is an event's columns in the order of _SAID."""
    values = dict(zip(_SAID, said, strict=True))
    # A PostgreSQL server may speak another zone than on the day it sealed this.
    values["at"] = values["at"].astimezone(UTC)
    body = msgspec.json.encode([seq, values], order="deterministic")
    return hashlib.sha256(previous + body).digest()


def _entries(session: Session, after: int) -> Iterator[Any]:
    """Page by page; if a page cannot be read, entry by entry up to the one that cannot."""
    size = _PAGE
    # From the very beginning, so that a place before the first is seen too.
    rest = _ENTRIES.where(_T.seq > after) if after else _ENTRIES
    while True:
        try:
            page = session.connection().execute(rest.limit(size)).all()
        except _UNREADABLE:
            if size == 1:
                raise
            size = 1
            continue
        if not page:
            return
        yield from page
        rest = _ENTRIES.where(_T.seq > page[-1].seq)


def _break_at(row: Any, end: Head, known: Mapping[int, bytes]) -> Break | None:
    expected = end.seq + 1
    if row.seq != expected:
        what = f"is missing; the next that is there was at {row.at:%Y-%m-%d %H:%M:%S} UTC."
        return Break(expected, None, what)
    if row.hash != _digest(expected, end.hash, row[2:]):
        return Break(expected, row.at, "was changed, moved or slipped in after it was sealed.")
    if known.get(expected, row.hash) != row.hash:
        return Break(expected, row.at, REWRITTEN)
    return None


def _break_at_end(session: Session, end: Head, furthest: int) -> Break | None:
    if furthest > end.seq:
        what = f"is missing, with all that followed: the chain went to #{furthest}."
        return Break(end.seq + 1, None, what)
    # Read anew: others may have sealed more while this walked.
    remembered = _remembered(session)
    if remembered and remembered.seq < end.seq:
        return Break(remembered.seq + 1, None, "was added behind the end of the chain.")
    return None


def _holds(session: Session, head: Head) -> bool:
    return session.scalar(select(_T.hash).where(_T.seq == head.seq)) == head.hash


def _remembered(session: Session) -> Head | None:
    """None in a store that was sealed before this was remembered."""
    seq, _, digest = (read_state(session, _HEAD) or "").partition(" ")
    try:
        return Head(int(seq), bytes.fromhex(digest))
    except ValueError:
        return None
