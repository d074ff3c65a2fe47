"""The chain: whatever is done to a sealed event afterwards is found, and named."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import combinations
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, delete, select, text
from sqlalchemy.orm import Session

from cpms_core.audit import AuditEvent
from cpms_core.auditing import chain
from cpms_core.auditing.chain import seal, walk
from cpms_core.clock import clock
from cpms_core.db import new_id, transaction
from tests.core.auditing.chained import LENGTH, add, after, change, found, run
from tests.engines import SqliteTemplate

OTHER: dict[str, Any] = {
    **{name: new_id() for name in ("id", "actor_id", "session_id", "case_id", "patient_id")},
    **{name: new_id() for name in ("hcp_id", "subject_id")},
    "at": datetime(2026, 1, 1, tzinfo=UTC),
    "tag": "case:case:exported",
    "roles": "guest",
    "ern_id": "epicare",
    "detail": {"page": 99},
    "hash": b"0" * 32,
    "seq": 99,
}


def events() -> Iterator[AuditEvent]:
    """Of known content, so that their hashes are known."""
    at = datetime(2026, 11, 22, 14, 5, 6, 789000, tzinfo=UTC)
    ids = ("actor_id", "session_id", "case_id", "patient_id", "hcp_id", "subject_id")
    yield AuditEvent(
        id=UUID(int=101),
        at=at,
        tag="case:case:read",
        roles="guest, professional",
        ern_id="ithaca",
        detail={"page": 2, "is_late": True, "kind": "é\u202e"},
        **{name: UUID(int=number) for number, name in enumerate(ids, 1)},
    )
    yield AuditEvent(
        id=UUID(int=102), at=at + timedelta(microseconds=1), tag="site:home:read", detail={}
    )
    yield AuditEvent(
        id=UUID(int=103),
        at=at + timedelta(seconds=1),
        tag="x:y:z",
        detail={"b": 1, "a": {"d": 1, "c": [None]}},
    )


def test_a_chain_that_was_sealed_by_an_earlier_version_still_holds(engine: Engine) -> None:
    known = (
        "abe22c8c4f22b1eb4848d8b2b33e2b66523cf72a9122fd85412e37adae53395a",
        "79320990773b3ace0ed551d58b9807c9395e1935b885e14b2b5436b20dee9411",
        "04aea21431455297ba03aeac2c90123243318854fccd46bea3f6405ced7ae22a",
    )
    with transaction(engine) as session:
        for seq, (event, digest) in enumerate(zip(events(), known, strict=True), 1):
            event.seq, event.hash = seq, bytes.fromhex(digest)
            session.add(event)
    add(engine, 2)
    assert seal(engine) == 2
    with transaction(engine) as session:
        walked = walk(session)
    assert walked.first_break is None
    assert walked.end.seq == 5


def test_every_change_of_every_column_of_every_entry_is_found(sealed: Engine) -> None:
    columns = [column.name for column in AuditEvent.__table__.columns]
    assert columns and set(columns) == OTHER.keys()
    for seq in range(1, LENGTH + 1):
        for column in columns:
            assert after(sealed, change(seq, **{column: OTHER[column]})) == seq, (seq, column)


def test_every_entry_that_is_taken_away_is_found(sealed: Engine) -> None:
    for seq in range(1, LENGTH + 1):
        gone = delete(AuditEvent).where(AuditEvent.seq == seq)
        assert after(sealed, run(gone)) == seq
        assert after(sealed, change(seq, seq=None)) == seq


def test_a_chain_that_is_cut_anywhere_is_found_cut_there(sealed: Engine) -> None:
    for seq in range(1, LENGTH + 1):
        gone = delete(AuditEvent).where(AuditEvent.seq >= seq)
        assert after(sealed, run(gone)) == seq


def test_any_two_entries_that_change_places_are_found(sealed: Engine) -> None:
    def swapped(session: Session, one: int, other: int) -> None:
        for before, now in ((one, 99), (other, one), (99, other)):
            change(before, seq=now)(session)

    for one, other in combinations(range(1, LENGTH + 1), 2):
        assert after(sealed, partial(swapped, one=one, other=other)) == one


def test_an_entry_slipped_in_anywhere_is_found_even_with_a_hash_that_fits(sealed: Engine) -> None:
    def slip_in(session: Session, place: int) -> None:
        for seq in range(LENGTH, place - 1, -1):
            change(seq, seq=seq + 1)(session)
        before = session.scalar(select(AuditEvent.hash).where(AuditEvent.seq == place - 1))
        forged = AuditEvent(tag="case:case:read", at=clock.now(), id=new_id(), detail={})
        session.add(forged)
        session.flush()
        said = session.execute(select(*chain._COLUMNS).where(chain._T.id == forged.id)).one()
        forged.seq, forged.hash = place, chain._digest(place, before or b"", said)
        session.flush()

    for place in range(1, LENGTH + 2):
        where = after(sealed, partial(slip_in, place=place))
        # It fits what is before it; what was after it no longer fits. The end is remembered.
        assert where == (place + 1 if place < LENGTH else place)


def test_an_entry_before_the_first_is_found(sealed: Engine) -> None:
    def put_before(session: Session) -> None:
        session.add(AuditEvent(seq=0, hash=b"", tag="x", at=clock.now(), id=new_id(), detail={}))
        session.flush()

    assert after(sealed, put_before) == 1


def test_what_is_sealed_after_a_cut_does_not_heal_it(sealed: Engine) -> None:
    with transaction(sealed) as session:
        session.execute(delete(AuditEvent).where(AuditEvent.seq > 9))
    add(sealed, 3)
    assert seal(sealed) == 3
    with transaction(sealed) as session:
        first = walk(session).first_break
    assert first is not None
    assert str(first).startswith("#10 is missing; the next that is there was at ")


def test_a_break_is_told_with_its_place_and_time(sealed: Engine) -> None:
    with transaction(sealed) as session:
        change(4, roles="guest", at=datetime(2026, 11, 22, 3, 4, 5, tzinfo=UTC))(session)
        told = str(walk(session).first_break)
        session.rollback()
    assert told == (
        "#4 (2026-11-22 03:04:05 UTC) was changed, moved or slipped in after it was sealed."
    )


@pytest.mark.parametrize("column", ["id", "at", "case_id", "detail", "hash", "tag"])
@pytest.mark.parametrize("rubbish", ["x", 7, b"\xff\xfe", 1.5])
def test_rubbish_in_a_row_is_a_finding_and_no_crash(
    sqlite_template: SqliteTemplate, tmp_path: Any, column: str, rubbish: object
) -> None:
    """SQLite keeps anything in any column."""
    with sqlite_template.copy(tmp_path) as engine:
        add(engine)
        seal(engine)
        with transaction(engine) as session:
            statement = f"UPDATE audit_event SET {column} = :value WHERE seq = 5"  # noqa: S608 - names of our own columns
            session.execute(text(statement), {"value": rubbish})
        with transaction(engine, read_only=True) as session:
            assert found(session) == 5
