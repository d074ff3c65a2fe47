"""The chain over the audit's events, and that an event lives and dies with its transaction."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, delete, func, select, update

from cpms_core import audit
from cpms_core.actor import Role
from cpms_core.audit import AuditEvent, Event
from cpms_core.auditing.chain import seal, walk
from cpms_core.clock import clock
from cpms_core.db import new_id, transaction
from cpms_core.identity.sessions import actor_for
from tests import factories


def add_events(engine: Engine, count: int = 5) -> None:
    with transaction(engine) as session:
        user = factories.make_user(session, role=Role.COORDINATOR)
        for number in range(count):
            actor = actor_for(session, user)
            audit.record(session, actor, Event.CASE_READ, number=number, is_late=number > 2)


def broken_at(engine: Engine) -> int | None:
    with transaction(engine) as session:
        found = walk(session).first_break
    return found.seq if found else None


def test_an_empty_chain_holds(engine: Engine) -> None:
    assert broken_at(engine) is None
    assert seal(engine) == 0


def test_sealing_goes_on_where_it_stopped(engine: Engine) -> None:
    add_events(engine, 5)
    assert seal(engine, limit=3) == 3
    assert seal(engine) == 2
    add_events(engine, 2)
    assert seal(engine) == 2
    assert broken_at(engine) is None
    with transaction(engine) as session:
        numbers = session.scalars(select(AuditEvent.seq).order_by(AuditEvent.seq)).all()
    assert numbers == list(range(1, 8))


def test_an_event_of_a_refused_act_is_not_kept(engine: Engine) -> None:
    class RefusedError(Exception):
        pass

    def act() -> None:
        with transaction(engine) as session:
            audit.record(session, None, Event.CASE_OPENED)
            raise RefusedError

    with pytest.raises(RefusedError):
        act()
    with transaction(engine) as session:
        assert session.scalar(select(func.count()).select_from(AuditEvent)) == 0


TAMPERED: dict[str, dict[str, Any]] = {
    "tag": {"tag": "case:case:exported"},
    "roles": {"roles": "guest"},
    "detail": {"detail": {"number": 1, "is_late": True}},
    "who": {"actor_id": None},
    "when": {"at": clock.now() - timedelta(days=1)},
    "case": {"case_id": new_id()},
    "hash": {"hash": b"0" * 32},
}


@pytest.mark.parametrize("what", TAMPERED)
def test_a_changed_event_is_found(engine: Engine, what: str) -> None:
    add_events(engine)
    seal(engine)
    with transaction(engine) as session:
        session.execute(update(AuditEvent).where(AuditEvent.seq == 3).values(TAMPERED[what]))
    assert broken_at(engine) == 3


def test_a_removed_event_is_found(engine: Engine) -> None:
    add_events(engine)
    seal(engine)
    with transaction(engine) as session:
        session.execute(delete(AuditEvent).where(AuditEvent.seq == 2))
    assert broken_at(engine) == 2


def test_two_events_that_changed_places_are_found(engine: Engine) -> None:
    add_events(engine)
    seal(engine)
    for before, after in ((2, 99), (3, 2), (99, 3)):
        with transaction(engine) as session:
            moved = update(AuditEvent).where(AuditEvent.seq == before).values(seq=after)
            session.execute(moved)
    assert broken_at(engine) == 2


def test_an_event_slipped_in_is_found(engine: Engine) -> None:
    add_events(engine)
    seal(engine)
    with transaction(engine) as session:
        audit.record(session, None, Event.CASE_READ)
        session.flush()
        slipped = update(AuditEvent).where(AuditEvent.seq.is_(None))
        session.execute(slipped.values(seq=6, hash=b"0" * 32))
    assert broken_at(engine) == 6
