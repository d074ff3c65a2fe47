"""Events, a chain over them, and what somebody could do to it."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine, Executable, update
from sqlalchemy.orm import Session

from cpms_core import audit
from cpms_core.audit import AuditEvent, Event
from cpms_core.auditing.chain import walk
from cpms_core.db import new_id, transaction

LENGTH = 12


def add(engine: Engine, count: int = LENGTH) -> None:
    with transaction(engine) as session:
        for page in range(count):
            audit.record(session, None, Event.CASE_READ, case_id=new_id(), page=page)


def found(session: Session) -> int | None:
    first = walk(session).first_break
    return first.seq if first else None


def after(engine: Engine, tamper: Callable[[Session], object]) -> int | None:
    """Where the walk stops after this was done; it is undone again."""
    with transaction(engine) as session:
        assert found(session) is None
        tamper(session)
        where = found(session)
        session.rollback()
    return where


def run(statement: Executable) -> Callable[[Session], object]:
    return lambda session: session.execute(statement)


def change(seq: int, /, **values: Any) -> Callable[[Session], object]:
    return run(update(AuditEvent).where(AuditEvent.seq == seq).values(**values))
