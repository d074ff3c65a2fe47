"""Transactions that said they would only read are held to it, on either engine."""

import pytest
from sqlalchemy import Engine, func, select, update
from sqlalchemy.exc import DBAPIError

from cpms_core.db import Write, WroteInReadOnlyError, transaction, write
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
