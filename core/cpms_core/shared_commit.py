"""One commit for many readers, each of whom leaves an audit event.

Whoever comes while a commit runs waits for the next one, which takes everything that has gathered
by then: syncing each event to the disk alone would take longer than making its page. Nobody gets a
page before its event is on the disk.
"""

from collections.abc import Sequence
from itertools import groupby
from threading import Lock

from sqlalchemy import Engine

from cpms_core.db import Write, transaction


class SharedCommit:
    def __init__(self) -> None:
        self._adding = Lock()
        self._committing = Lock()
        self._batch = _Batch()

    def write(self, engine: Engine, writes: Sequence[Write]) -> None:
        """Return when these are committed; raise what prevented it."""
        if not writes:
            return
        parcel = _Parcel(writes)
        with self._adding:
            batch = self._batch
            batch.parcels.append(parcel)
        with self._committing:
            if batch is self._batch:  # only who commits replaces it
                with self._adding:
                    self._batch = _Batch()
                batch.commit(engine)
        if parcel.error:
            raise parcel.error


class _Parcel:
    def __init__(self, writes: Sequence[Write]) -> None:
        self.writes = writes
        self.error: Exception | None = None


class _Batch:
    def __init__(self) -> None:
        self.parcels: list[_Parcel] = []

    def commit(self, engine: Engine) -> None:
        error = _error_of(engine, self.parcels)
        if error and len(self.parcels) == 1:
            self.parcels[0].error = error
        elif error:  # each by itself: what one of them brings must not fail the others
            for parcel in self.parcels:
                parcel.error = _error_of(engine, [parcel])


def _error_of(engine: Engine, parcels: Sequence[_Parcel]) -> Exception | None:
    writes = sorted((one for parcel in parcels for one in parcel.writes), key=_statement)
    try:
        with transaction(engine) as session:
            connection = session.connection()
            for _, alike in groupby(writes, key=_statement):
                group = list(alike)
                connection.execute(group[0].statement, [one.values for one in group])
    except Exception as error:  # noqa: BLE001 - each of those who wait has to hear of it
        return error
    return None


def _statement(write: Write) -> int:
    return id(write.statement)
