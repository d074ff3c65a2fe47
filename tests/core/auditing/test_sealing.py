"""How the chain grows, and how a walk goes along it."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import Engine, select, text

from cpms_core.audit import AuditEvent
from cpms_core.auditing import chain
from cpms_core.auditing.chain import Head, seal, walk
from cpms_core.clock import clock
from cpms_core.db import make_engine, transaction
from cpms_core.state import read_state, write_state
from tests.core.auditing.chained import LENGTH, add, after, change, found


def test_the_order_of_sealing_survives_a_clock_that_is_set_back(engine: Engine) -> None:
    add(engine, 1)
    seal(engine)
    clock.offset = timedelta(days=-2)
    add(engine, 1)
    seal(engine)
    with transaction(engine) as session:
        times = session.scalars(select(AuditEvent.at).order_by(AuditEvent.seq)).all()
        assert found(session) is None
    assert times[0] > times[1]


def test_a_walk_can_begin_where_the_last_one_ended(sealed: Engine) -> None:
    with transaction(sealed) as session:
        end = walk(session).end
    add(sealed, 2)
    seal(sealed)
    with transaction(sealed) as session:
        assert walk(session, end).end.seq == LENGTH + 2
        change(3, roles="guest")(session)
        assert walk(session, end).first_break is None, "it looks at what is new"
        foreign = walk(session, Head(end.seq, b"1" * 32)).first_break
        assert foreign is not None and foreign.seq == end.seq
        session.rollback()


def test_a_zone_of_the_database_server_changes_no_hash(engine: Engine) -> None:
    if engine.dialect.name != "postgresql":
        pytest.skip("SQLite knows no zone")
    add(engine, 2)
    seal(engine)
    with transaction(engine) as session:
        session.execute(text("SET LOCAL TIME ZONE 'Asia/Kathmandu'"))
        assert found(session) is None


def test_a_store_that_does_not_remember_its_end_yet_learns_it(sealed: Engine) -> None:
    with transaction(sealed) as session:
        write_state(session, "audit_head", "")
    with transaction(sealed) as session:
        assert found(session) is None
    add(sealed, 1)
    seal(sealed)
    with transaction(sealed) as session:
        assert (read_state(session, "audit_head") or "").startswith("13 ")


def test_many_events_are_walked_page_by_page(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chain, "_PAGE", 5)
    add(engine, 23)
    seal(engine)
    with transaction(engine) as session:
        assert walk(session).end.seq == 23
    assert after(engine, change(20, tag="y")) == 20


def test_two_sealers_make_one_chain(engine: Engine) -> None:
    add(engine, 200)
    others = [engine, make_engine(engine.url.render_as_string(hide_password=False))]
    with ThreadPoolExecutor(4) as threads:
        counts = list(threads.map(lambda n: seal(others[n % 2], limit=20), range(14)))
    others[1].dispose()
    assert sum(counts) == 200
    with transaction(engine) as session:
        assert found(session) is None
