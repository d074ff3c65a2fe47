"""The store: engine, sessions, keys and column types, the same on SQLite and PostgreSQL.

Every request is one transaction, and nearly every one writes its audit event, so SQLite sessions
begin IMMEDIATE: a deferred transaction that reads first and writes later fails at once when
another has committed in between, whatever the busy timeout says.
"""

import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, DateTime, Engine, MetaData, Uuid, create_engine, event
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.types import TypeDecorator

from cpms_core.errors import CpmsError, StoreUnavailableError


class UtcDateTime(TypeDecorator[datetime]):
    """Aware UTC datetimes; SQLite itself forgets the zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        del dialect
        if value is not None and value.tzinfo is None:
            raise ValueError("a time without a zone")
        return value.astimezone(UTC) if value else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        del dialect
        return value.replace(tzinfo=UTC) if value and value.tzinfo is None else value


JsonValue = JSON().with_variant(JSONB(), "postgresql")


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy's own way of declaring it
        datetime: UtcDateTime(),
        UUID: Uuid(),
        dict[str, Any]: JsonValue,
        list[str]: JsonValue,
    }


def new_id() -> UUID:
    """UUIDv7 (RFC 9562 section 5.7): grows with time, so that indexes stay compact."""
    milliseconds = time.time_ns() // 1_000_000
    random = secrets.randbits(74)
    value = (
        milliseconds << 80 | 0x7 << 76 | (random >> 62) << 64 | 0b10 << 62 | random & (2**62 - 1)
    )
    return UUID(int=value)


def make_engine(url: str) -> Engine:
    """An engine for `sqlite:///…` or `postgresql+psycopg://…`."""
    if not url.startswith("sqlite"):
        return create_engine(url, pool_size=4, max_overflow=4, pool_pre_ping=True)
    engine = create_engine(url, connect_args={"timeout": 10}, pool_size=4, max_overflow=4)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # Without this, sqlite3 on Python 3.11 decides itself when to begin, and a savepoint leaks.
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "temp_store=MEMORY"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Any) -> None:
    read_only = connection.get_execution_options().get("cpms_read_only")
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")


_DISK_TROUBLE = ("disk is full", "readonly database", "disk i/o error", "unable to open", "locked")


@contextmanager
def transaction(engine: Engine, *, read_only: bool = False) -> Iterator[Session]:
    """One transaction: committed if the block ends well, otherwise nothing of it is kept.

    The exception is a CpmsError that says so itself (`keeps_changes`).
    """
    bind = engine.execution_options(cpms_read_only=True) if read_only else engine
    try:
        with Session(bind, expire_on_commit=False) as session:
            try:
                yield session
            except CpmsError as error:
                if error.keeps_changes:
                    session.commit()
                raise
            session.commit()
    except DBAPIError as error:
        if error.connection_invalidated or any(t in str(error.orig).lower() for t in _DISK_TROUBLE):
            raise StoreUnavailableError(
                "The site cannot write to its store right now. Nothing of this step was kept; "
                "please try again in a moment."
            ) from error
        raise


_RACES = frozenset({"23505", "40001", "40P01"})


def lost_a_race(error: DBAPIError) -> bool:
    """Whether somebody else's commit a moment earlier is why this transaction failed.

    PostgreSQL tells it by the key that is there already, a serialisation failure or a deadlock;
    on SQLite writers queue and it cannot happen.
    """
    return getattr(error.orig, "sqlstate", None) in _RACES


def worker_id() -> str:
    """Who holds a job: this process."""
    return f"{os.uname().nodename}:{os.getpid()}"
