"""Take what was deleted out of the database's own files, where it would lie on as unused bytes.

SQLite overwrites what it deletes (`secure_delete`, see `db.py`); its log of writes holds it still
and is emptied here. PostgreSQL leaves the old rows until it writes a table anew; its planner's
samples of keys and codes (of other texts it has none, see `store.py`) stay with a table that has
become empty. Its own log of writes keeps all of it until it recycles that, which only its
administrator can hasten.
"""

import time
from typing import Final
from uuid import UUID

from sqlalchemy import Engine, select, text

from cpms_core.db import transaction
from cpms_core.errors import StoreUnavailableError
from cpms_core.keeping.patient_rows import tree_of
from cpms_core.state import read_state, write_state
from cpms_core.store import forget_samples, texts_of

SCRUB: Final = "scrub the store"
"""The kind of job that does it; queued with every erasure."""
_TRIES, _WAIT = 20, 0.25
_ONCE = "scrubbed"


def scrub(engine: Engine) -> None:
    """StoreUnavailableError while somebody reads so long that it must be tried again."""
    if engine.dialect.name == "postgresql":
        _write_anew(engine)
        return
    _vacuum_once(engine)
    _empty_log(engine)


def _write_anew(engine: Engine) -> None:
    """Nobody reads or writes a table meanwhile: seconds for a table of some gigabytes."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for table in tree_of([UUID(int=0)]):
            connection.execute(text(f'VACUUM (FULL, ANALYZE) "{table.name}"'))
            texts = texts_of(table)
            if texts and connection.scalar(select(table).limit(1)) is None:
                forget_samples(connection, texts)
        connection.execute(text("VACUUM FULL pg_statistic"))


def _vacuum_once(engine: Engine) -> None:
    """A store of before `secure_delete` holds old bytes between its rows."""
    with transaction(engine, read_only=True) as session:
        if read_state(session, _ONCE):
            return
    _run(engine, "VACUUM")
    with transaction(engine) as session:
        write_state(session, _ONCE, "1")


def _empty_log(engine: Engine) -> None:
    for _ in range(_TRIES):
        (is_busy, *_rest) = _run(engine, "PRAGMA wal_checkpoint(TRUNCATE)") or (0,)
        if not is_busy:
            return
        time.sleep(_WAIT)
    raise StoreUnavailableError("Somebody reads without pause; the log is emptied later.")


def _run(engine: Engine, statement: str) -> tuple[int, ...] | None:
    """Outside any transaction, which these statements refuse."""
    connection = engine.raw_connection()
    try:
        found: tuple[int, ...] | None = connection.cursor().execute(statement).fetchone()
        return found
    finally:
        connection.close()
