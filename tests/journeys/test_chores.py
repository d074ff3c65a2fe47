"""What a running site does by itself: mark requests that wait too long, remove unused accounts."""

from datetime import timedelta
from pathlib import Path

from sqlalchemy import select, update

from cpms_core.actor import Role
from cpms_core.clock import clock
from cpms_core.db import transaction
from cpms_core.identity.access_requests import NewRequest, submit_request
from cpms_core.identity.joining import UNUSED_AFTER
from cpms_core.identity.models import AccessRequest, User
from cpms_core.identity.sessions import actor_for
from tests import factories
from tests.engines import SqliteTemplate
from tests.journeys.server import Server, make_data
from tests.journeys.test_toggling import wait_for


def test_a_site_reminds_and_tidies_up_when_it_starts(
    sqlite_template: SqliteTemplate, tmp_path: Path
) -> None:
    make_data(tmp_path / "data", sqlite_template)
    server = Server(tmp_path / "data")
    long_ago = clock.now() - UNUSED_AFTER - timedelta(days=1)
    with transaction(server.engine) as session:
        asks = factories.make_user(session, role=None, hcp=None, created_at=long_ago)
        idle = factories.make_user(session, role=None, hcp=None, created_at=long_ago).id
        new = NewRequest(
            ern_id="ithaca",
            hcp_id=factories.hcp_id(session, "FR10"),
            is_guest_access=False,
            roles=frozenset({Role.PROFESSIONAL}),
        )
        submit_request(session, actor_for(session, asks), new)
        session.execute(update(AccessRequest).values(waits_since=long_ago))
    with server:
        wait_for(lambda: is_done(server))
    with transaction(server.engine) as session:
        assert session.get(User, idle) is None
        assert session.get(User, asks.id) is not None


def is_done(server: Server) -> bool:
    with transaction(server.engine) as session:
        marked = session.scalars(select(AccessRequest.reminded_at)).one()
        people = session.scalars(select(User.id)).all()
        return marked is not None and len(people) == 1
