"""An open stream of somebody whose right or whose session ends without an act on the case."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from cpms_core.cases.models import CaseShare
from cpms_core.clock import clock
from cpms_core.db import transaction
from cpms_core.identity.models import RoleGrant, SignInSession
from cpms_core.panels.models import PanelMember
from tests.engines import SqliteTemplate
from tests.journeys.rooms import Room
from tests.journeys.server import Person, Server, make_data

SOON = 2.0
"""Seconds, on a machine that does other things too."""


@pytest.fixture(scope="module")
def server(
    sqlite_template: SqliteTemplate, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    data = tmp_path_factory.mktemp("rights") / "data"
    make_data(data, sqlite_template)
    with Server(data) as made:
        yield made


def change(server: Server, table: Any, who: Person, **values: Any) -> None:
    with transaction(server.engine) as session:
        own = table.user_id == who.actor.user_id
        session.execute(update(table).where(own).values(**values))


def test_whose_role_was_taken_hears_of_nothing_any_more(server: Server) -> None:
    room = Room(server)
    with room.listen(room.submitter) as submitter, room.listen(room.lead) as lead:
        submitter.settle()
        lead.settle()
        change(server, RoleGrant, room.submitter, revoked_at=clock.now())
        room.contribute(room.ghent)
        assert lead.hear(SOON) == "changed"
        assert submitter.hear(SOON) == "over"
        assert submitter.hear(SOON) == "end"


def test_whose_time_on_the_panel_ran_out_hears_of_nothing_any_more(server: Server) -> None:
    room = Room(server)
    with room.listen(room.lyon) as lyon:
        lyon.settle()
        for table in (PanelMember, CaseShare):
            change(server, table, room.lyon, until=clock.now())
        room.contribute(room.ghent)
        assert lyon.hear(SOON) == "over"
        assert lyon.hear(SOON) == "end"


@pytest.mark.parametrize(
    "age", [{"last_seen_at": timedelta(minutes=16)}, {"created_at": timedelta(hours=13)}]
)
def test_a_stream_ends_when_its_session_is_idle_or_old_enough_whatever_comes_over_it(
    server: Server, age: dict[str, timedelta]
) -> None:
    room = Room(server)
    with room.listen(room.lead) as lead:
        lead.settle()
        room.contribute(room.ghent)
        assert lead.hear(SOON) == "changed"
        ago = {column: clock.now() - since for column, since in age.items()}
        change(server, SignInSession, room.lead, **ago)
        assert lead.hear(SOON) == "end"
