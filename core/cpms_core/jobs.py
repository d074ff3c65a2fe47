"""Work for later: a transactional outbox, and the one thread that empties it on an embedded site.

A job is queued in the transaction of the act it belongs to, so it exists if and only if the act
does. It runs at least once; a failing one is tried again, later each time.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from cpms_core.clock import clock
from cpms_core.db import Base, JsonValue, new_id, transaction, worker_id

log = logging.getLogger("cpms.jobs")

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LEASE = timedelta(minutes=5)
MAX_ATTEMPTS = 12

Work = Callable[[dict[str, Any]], None]


class Job(Base):
    __tablename__ = "job"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    kind: Mapped[str]
    payload: Mapped[dict[str, Any]] = mapped_column(JsonValue, default=dict)
    run_at: Mapped[datetime] = mapped_column(default=clock.now, index=True)
    attempts: Mapped[int] = mapped_column(default=0)
    held_by: Mapped[str | None]
    held_until: Mapped[datetime | None]
    done_at: Mapped[datetime | None] = mapped_column(index=True)
    error: Mapped[str] = mapped_column(default="")


def enqueue(
    session: Session, kind: str, payload: dict[str, Any], run_at: datetime | None = None
) -> None:
    """Queue a job in this transaction."""
    session.add(Job(kind=kind, payload=payload, run_at=run_at or clock.now()))


def run_due(engine: Engine, works: Mapping[str, Work]) -> int:
    """Run every job that is due, one after the other; how many ran."""
    ran = 0
    while (job := _take(engine)) is not None:
        error = _attempt(job, works)
        with transaction(engine) as session:
            session.execute(update(Job).where(Job.id == job.id).values(**_ended(job, error)))
        ran += 1
    return ran


class Runner:
    """A thread that runs due jobs, and `tasks` at every round, until it is stopped."""

    def __init__(
        self,
        engine: Engine,
        works: Mapping[str, Work],
        tasks: tuple[Callable[[], object], ...] = (),
        every: float = 1.0,
    ) -> None:
        self._engine, self._works, self._tasks, self._every = engine, works, tasks, every
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="jobs", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join(timeout=10)

    def _run(self) -> None:
        while not self._stopped.wait(self._every):
            for task in (lambda: run_due(self._engine, self._works), *self._tasks):
                try:
                    task()
                except Exception:  # one bad round must not end the thread that runs all jobs
                    log.exception("a round of jobs failed; the next one comes")


def seldom(every: timedelta, task: Callable[[], object]) -> Callable[[], object]:
    """A task of every round that does something only so often; the first time at once."""
    due = clock.now()

    def run() -> object:
        nonlocal due
        if clock.now() < due:
            return None
        due = clock.now() + every
        return task()

    return run


def _take(engine: Engine) -> Job | None:
    now = clock.now()
    with transaction(engine) as session:
        is_free = (Job.held_until.is_(None)) | (Job.held_until < now)
        job = session.scalar(
            select(Job)
            .where(Job.done_at.is_(None), Job.run_at <= now, is_free, Job.attempts < MAX_ATTEMPTS)
            .order_by(Job.run_at)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        if job is not None:
            job.held_by, job.held_until = worker_id(), now + LEASE
            job.attempts += 1
        return job


def _attempt(job: Job, works: Mapping[str, Work]) -> str:
    work = works.get(job.kind)
    if work is None:
        return f"nobody does {job.kind}"
    try:
        work(job.payload)
    except Exception as error:
        log.exception("job %s failed", job.kind)
        return f"{type(error).__name__}: {error}"[:500]
    return ""


def _ended(job: Job, error: str) -> dict[str, Any]:
    now = clock.now()
    if not error:
        return {"done_at": now, "held_until": None, "error": ""}
    return {"error": error, "held_until": None, "run_at": now + timedelta(seconds=2**job.attempts)}
