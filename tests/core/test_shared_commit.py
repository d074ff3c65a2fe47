"""Many readers' events in one commit: none is lost, none is told too early, none fails another."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event
from typing import Any

import pytest
from sqlalchemy import Engine, func, insert, select

from cpms_core import shared_commit
from cpms_core.db import Write, transaction
from cpms_core.directory.models import Country
from cpms_core.errors import StoreUnavailableError
from cpms_core.shared_commit import SharedCommit

ADD = insert(Country)


def country(code: str) -> list[Write]:
    return [Write(ADD, {"id": code, "name": code})]


def stored(engine: Engine, prefix: str) -> int:
    with transaction(engine, read_only=True) as session:
        found = select(func.count()).select_from(Country).where(Country.id.startswith(prefix))
        return session.scalar(found) or 0


def test_whoever_is_answered_has_been_written(engine: Engine) -> None:
    shared = SharedCommit()

    def read(number: int) -> bool:
        code = f"!{number:03}"
        shared.write(engine, country(code))
        return stored(engine, code) == 1

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(read, range(60)))
    assert stored(engine, "!") == 60


def test_one_commit_takes_all_who_wait(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    shared, first_runs, go_on, sizes = SharedCommit(), Event(), Event(), []
    original = shared_commit._error_of

    def slow(engine: Engine, parcels: Any) -> Exception | None:
        sizes.append(len(parcels))
        first_runs.set()
        go_on.wait(10)
        return original(engine, parcels)

    monkeypatch.setattr(shared_commit, "_error_of", slow)
    with ThreadPoolExecutor(6) as pool:
        futures = [pool.submit(shared.write, engine, country("!0"))]
        first_runs.wait(10)
        futures += [pool.submit(shared.write, engine, country(f"!{n}")) for n in range(1, 6)]
        while len(shared._batch.parcels) < 5:
            pass
        go_on.set()
        for future in futures:
            future.result(10)
    assert sizes == [1, 5]
    assert stored(engine, "!") == 6


def test_what_one_brings_does_not_fail_the_others(engine: Engine) -> None:
    shared, together = SharedCommit(), Barrier(4)

    def read(code: str) -> str:
        together.wait(10)
        try:
            shared.write(engine, country(code))
        except Exception as error:  # noqa: BLE001 - which one it is differs between the engines
            return type(error).__name__
        return "written"

    with ThreadPoolExecutor(4) as pool:
        # FR is there already.
        assert list(pool.map(read, ["!1", "FR", "!2", "!3"])) == [
            *("written", "IntegrityError", "written", "written")
        ]
    assert stored(engine, "!") == 3


def test_everybody_hears_that_the_store_is_gone(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise StoreUnavailableError("The disk is full.")

    monkeypatch.setattr(shared_commit, "transaction", refuse)
    with pytest.raises(StoreUnavailableError, match="full"):
        SharedCommit().write(engine, country("!1"))
    assert stored(engine, "!") == 0
