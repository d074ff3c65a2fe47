"""Transactions that said they would only read are held to it, on either engine; ids grow."""

import itertools
from threading import Thread
from uuid import RFC_4122, UUID

import pytest
from sqlalchemy import Engine, func, select, update
from sqlalchemy.exc import DBAPIError

from cpms_core.db import Write, WroteInReadOnlyError, _Stamps, new_id, transaction, write
from cpms_core.directory.models import Ern

RENAME = update(Ern).values(name="renamed")


def renamed(engine: Engine) -> int:
    with transaction(engine, read_only=True) as session:
        found = select(func.count()).select_from(Ern).where(Ern.name == "renamed")
        return session.scalar(found) or 0


def test_who_said_to_only_read_cannot_write(engine: Engine) -> None:
    with (
        pytest.raises((DBAPIError, WroteInReadOnlyError)),
        transaction(engine, read_only=True) as session,
    ):
        session.execute(RENAME)
    assert renamed(engine) == 0
    with transaction(engine) as session:  # the same connection may write again
        session.execute(RENAME)
    assert renamed(engine) == 24


def test_what_is_postponed_waits_until_the_reader_is_done(engine: Engine) -> None:
    postponed: list[Write] = []
    with transaction(engine, read_only=True, postponed=postponed) as session:
        write(session, RENAME, {})
    assert postponed == [Write(RENAME, {})]
    assert renamed(engine) == 0


def test_ids_of_many_threads_are_all_different_and_grow_in_each() -> None:
    made: list[list[UUID]] = []

    def make() -> None:
        made.append([new_id() for _ in range(5000)])

    threads = [Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(ids == sorted(ids) for ids in made)
    assert len({one for ids in made for one in ids}) == 20_000


@pytest.mark.parametrize("step", [0, -1, -3_600_000_000_000, -(10**18)])
def test_ids_grow_also_while_the_clock_stands_or_goes_back(
    monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    monkeypatch.setattr("cpms_core.db._stamps", _Stamps())
    moments = itertools.count(1_800_000_000 * 10**9, step)
    monkeypatch.setattr("cpms_core.db.time.time_ns", lambda: next(moments))
    ids = [new_id() for _ in range(10_000)]
    assert ids == sorted(set(ids))
    assert {(one.version, one.variant) for one in ids} == {(7, RFC_4122)}


def test_an_id_tells_its_millisecond(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cpms_core.db._stamps", _Stamps())
    monkeypatch.setattr("cpms_core.db.time.time_ns", lambda: 1_800_000_000_123_999_999)
    assert new_id().int >> 80 == 1_800_000_000_123
