"""The store: engine, sessions, keys and column types, the same on SQLite and PostgreSQL.

Every request is one transaction, and nearly every one writes its audit event, so SQLite sessions
begin IMMEDIATE: a deferred transaction that reads first and writes later fails at once when
another has committed in between, whatever the busy timeout says. A transaction that said it would
only read is held to it on both engines.
"""

import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    JSON,
    BindParameter,
    Date,
    DateTime,
    Engine,
    Executable,
    MetaData,
    Uuid,
    bindparam,
    create_engine,
    event,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.types import TypeDecorator

from cpms_core.clock import clock
from cpms_core.errors import CpmsError, StoreUnavailableError


class UtcDateTime(TypeDecorator[datetime]):
    """Aware UTC datetimes; SQLite itself forgets the zone."""

    impl = DateTime(timezone=True)
    cache_ok = True
    python_type = datetime

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        del dialect
        if value is not None and value.tzinfo is None:
            raise ValueError("a time without a zone")
        return value.astimezone(UTC) if value else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        del dialect
        return value.replace(tzinfo=UTC) if value and value.tzinfo is None else value


def at(moment: Callable[[], datetime]) -> BindParameter[datetime]:
    """For a condition: asked whenever its statement runs, so that it can be built once and kept."""
    return bindparam(None, callable_=moment, type_=UtcDateTime(), unique=True)


def now() -> BindParameter[datetime]:
    return at(clock.now)


def before_now(so_long: timedelta) -> BindParameter[datetime]:
    return at(lambda: clock.now() - so_long)


def this_day() -> BindParameter[date]:
    return bindparam(None, callable_=clock.today, type_=Date(), unique=True)


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


class _Stamps:
    """The first 60 bits of ids: 1/4096 milliseconds since 1970, each larger than all before it.

    RFC 9562 section 6.2, method 3. Where the clock stands still or goes back, it counts on.
    """

    def __init__(self) -> None:
        self._last = 0
        self._lock = threading.Lock()

    def take(self) -> int:
        now = (time.time_ns() << 12) // 1_000_000
        with self._lock:
            self._last = max(now, self._last + 1)
            return self._last


_stamps = _Stamps()


def new_id() -> UUID:
    """UUIDv7 (RFC 9562 section 5.7): grows with time, so that indexes stay compact.

    Those of one process never go backwards, so what was made first also sorts first.
    """
    milliseconds, fraction = divmod(_stamps.take(), 1 << 12)
    value = milliseconds << 80 | 0x7 << 76 | fraction << 64 | 0b10 << 62 | secrets.randbits(62)
    return UUID(int=value)


def first_id_of(moment: datetime) -> UUID:
    """Below every id that is made from this moment on, by a clock that runs true."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)


def make_engine(url: str) -> Engine:
    """An engine for `sqlite:///…` or `postgresql+psycopg://…`."""
    # An error would else show what somebody wrote, and the log holds no clinical text.
    common: dict[str, Any] = {"pool_size": 4, "max_overflow": 4, "hide_parameters": True}
    if not url.startswith("sqlite"):
        # Home is one wide statement of many small parts: compiling it would outlast running it.
        settings = {"options": "-c jit=off"}
        return create_engine(url, pool_pre_ping=True, connect_args=settings, **common)
    engine = create_engine(url, connect_args={"timeout": 10}, **common)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    event.listen(engine, "commit", _ensure_only_read)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # Without this, sqlite3 on Python 3.11 decides itself when to begin, and a savepoint leaks.
    connection.isolation_level = None
    for pragma in (
        *("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "temp_store=MEMORY"),
        # What is deleted is overwritten: see `keeping/scrub.py`.
        "secure_delete=ON",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Any) -> None:
    if connection.get_execution_options().get(_READS_ONLY):
        connection.info[_CHANGES] = connection.connection.total_changes
        connection.exec_driver_sql("BEGIN")
    else:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _ensure_only_read(connection: Any) -> None:
    # `PRAGMA query_only` would do it too, and make SQLite forget all it has prepared, each time.
    if connection.get_execution_options().get(_READS_ONLY):
        changes = connection.connection.total_changes - connection.info[_CHANGES]
        if changes:
            connection.connection.rollback()
            raise WroteInReadOnlyError(f"{changes} rows were changed in a read-only transaction")


class WroteInReadOnlyError(Exception):
    """A fault of ours; nothing of it is kept."""


_CHANGES = "total_changes"


_READS_ONLY = "postgresql_readonly"
"""PostgreSQL's dialect knows this option; SQLite takes it from `_begin_sqlite`."""
READ_ONLY = {_READS_ONLY: True}


class Write(NamedTuple):
    """A statement past the ORM, and the values of its parameters."""

    statement: Executable
    values: dict[str, Any]


_DISK_TROUBLE = ("disk is full", "readonly database", "disk i/o error", "unable to open", "locked")


@contextmanager
def transaction(
    engine: Engine, *, read_only: bool = False, postponed: list[Write] | None = None
) -> Iterator[Session]:
    """One transaction: committed if the block ends well, otherwise nothing of it is kept.

    The exception is a CpmsError that says so itself (`keeps_changes`). Given a list, `write` adds
    to it and the caller writes it afterwards (see `shared_commit`).
    """
    bind = engine.execution_options(**READ_ONLY) if read_only else engine
    try:
        with Session(bind, expire_on_commit=False, info={"postponed": postponed}) as session:
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


def write(session: Session, statement: Executable, values: dict[str, Any]) -> None:
    """Past the ORM: at once, or after the transaction of somebody who only reads."""
    postponed: list[Write] | None = session.info.get("postponed")
    if postponed is None:
        session.connection().execute(statement, values)
    else:
        postponed.append(Write(statement, values))


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
