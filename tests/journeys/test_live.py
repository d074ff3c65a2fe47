"""Open pages hear at once of what others do on a panel, on whatever worker. Seen on the wire."""

import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from cpms_core import audit
from cpms_core.audit import Event
from cpms_core.clock import clock
from cpms_core.db import transaction
from cpms_core.http.live import MOST_OF_ONE
from cpms_core.identity.models import SignInSession
from cpms_core.panels.seats import members
from cpms_core.patients.models import Consent
from tests.engines import PostgresTemplate, SqliteTemplate
from tests.journeys.rooms import Room
from tests.journeys.server import Person, Server, make_data

SOON = 1.0
"""Seconds, on a machine that does other things too; the bench measures what it takes."""


@pytest.fixture(scope="module")
def server(
    sqlite_template: SqliteTemplate, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    data = tmp_path_factory.mktemp("live") / "data"
    make_data(data, sqlite_template)
    with Server(data) as made:
        yield made


def test_a_contribution_reaches_the_open_pages_of_the_others_and_nobody_elses(
    server: Server,
) -> None:
    room, other = Room(server), Room(server)
    with ExitStack() as stack:
        lead = stack.enter_context(room.listen(room.lead))
        submitter = stack.enter_context(room.listen(room.submitter))
        elsewhere = stack.enter_context(other.listen(other.lead))
        for listener in (lead, submitter, elsewhere):
            assert listener.status == 200 and "text/event-stream" in listener.head
            listener.settle()
        room.contribute(room.ghent)
        assert lead.hear(SOON) == "changed"
        assert submitter.hear(SOON) == "changed"
        assert elsewhere.hear(SOON) == ""
        assert lead.hear(0.5) == "", "once is enough"


def test_what_is_read_gives_no_sign(server: Server) -> None:
    room = Room(server)
    with room.listen(room.lead) as lead:
        lead.settle()
        assert room.ghent.get(room.path).status_code == 200
        assert lead.hear(0.8) == ""


def test_a_removed_member_hears_nothing_more(server: Server) -> None:
    room = Room(server)
    with room.listen(room.ghent) as ghent, room.listen(room.lead) as lead:
        ghent.settle()
        lead.settle()
        with transaction(server.engine) as session:
            members.remove_member(
                session, room.coordinator.actor, room.panel_id, room.ghent.actor.user_id
            )
        assert ghent.hear(SOON) == "over"
        assert ghent.hear(SOON) == "end"
        assert lead.hear(SOON) == "changed"


def test_a_withdrawn_consent_ends_the_streams_of_the_panel_and_not_of_the_centre(
    server: Server,
) -> None:
    room = Room(server)
    with room.listen(room.ghent) as ghent, room.listen(room.submitter) as submitter:
        ghent.settle()
        submitter.settle()
        with transaction(server.engine) as session:
            session.execute(
                update(Consent)
                .where(Consent.patient_id == room.patient_id, Consent.kind == "care")
                .values(withdrawn_at=clock.now())
            )
            audit.record(
                session,
                room.submitter.actor,
                Event.CONSENT_WITHDRAWN,
                patient_id=room.patient_id,
            )
        assert ghent.hear(SOON) == "over"
        assert submitter.hear(0.5) == ""


def test_a_stream_ends_with_its_session_and_keeps_none_alive(server: Server) -> None:
    room = Room(server)
    before = _last_seen(server, room.lead)
    with room.listen(room.lead) as lead:
        lead.settle()
        assert _last_seen(server, room.lead) == before
        with transaction(server.engine) as session:
            own = SignInSession.user_id == room.lead.actor.user_id
            session.execute(update(SignInSession).where(own).values(revoked_at=clock.now()))
        assert lead.hear(2 * SOON) == "end"


def _last_seen(server: Server, who: Person) -> object:
    with transaction(server.engine) as session:
        own = SignInSession.user_id == who.actor.user_id
        return session.scalars(select(SignInSession.last_seen_at).where(own)).one()


def test_one_session_has_a_few_streams_and_pages_besides(server: Server) -> None:
    room = Room(server)
    with ExitStack() as stack:
        for _ in range(MOST_OF_ONE):
            assert stack.enter_context(room.listen(room.lead)).hear(0.1) in {"", "changed"}
        with room.listen(room.lead) as refused:
            assert refused.status == 429 and "retry-after: 60" in refused.head
        with room.listen(room.ghent) as another:
            assert another.status == 200
        assert room.lead.get(room.path).status_code == 200
    ends = time.monotonic() + 5
    while True:  # who goes away makes room
        with room.listen(room.lead) as again:
            if again.status == 200:
                return
        assert time.monotonic() < ends
        time.sleep(0.1)


@pytest.fixture
def two_workers(
    postgresql_template: PostgresTemplate, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    own = postgresql_template.another()
    data = tmp_path_factory.mktemp("live2") / "site"
    make_data(data, own)
    with Server(data, workers=2) as made:
        yield made
    own.close()


def test_a_sign_comes_from_any_worker_and_from_what_is_committed_late(two_workers: Server) -> None:
    room = Room(two_workers)
    with ExitStack() as stack:
        # Connections go to both workers, so some of these are where the act is not.
        heard = [stack.enter_context(room.listen(who)) for who in (room.lead, room.lyon) * 2]
        for listener in heard:
            listener.settle()
        room.contribute(room.ghent)
        assert [listener.hear(2 * SOON) for listener in heard] == ["changed"] * 4
        with transaction(two_workers.engine) as slow:
            _record(slow, room)
            with transaction(two_workers.engine) as quick:
                _record(quick, room)
            assert [listener.hear(2 * SOON) for listener in heard] == ["changed"] * 4
        assert [listener.hear(2 * SOON) for listener in heard] == ["changed"] * 4


def _record(session: Session, room: Room) -> None:
    audit.record(session, room.ghent.actor, Event.CONTRIBUTED, case_id=room.case_id)
