"""An act that asks for the key, in a real Chromium: touch it, and what was sent goes on."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cpms_core.db import transaction
from cpms_core.identity.people import first_admin, new_ticket
from cpms_core.keys import load_site_key
from tests.engines import SqliteTemplate
from tests.journeys.chromium import Person, chromium
from tests.journeys.server import Server, make_data

PICTURES = Path(__file__).parents[2] / "build" / "screens"


@pytest.fixture
def server(tmp_path: Path, sqlite_template: SqliteTemplate) -> Iterator[Server]:
    make_data(tmp_path / "site", sqlite_template)
    with Server(tmp_path / "site") as running:
        yield running


def test_a_touch_of_the_key_lets_the_act_go_on(server: Server) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    with transaction(server.engine) as session:
        user = first_admin(session, "admin@example.org", "First Administrator")
        key = load_site_key(server.site.site_key_path)
        ticket = new_ticket(session, key, user, created_by=None, with_code=False)
    with chromium() as browser:
        admin = Person(browser, server.url, PICTURES)
        admin.enrol(f"{server.url}/enrol/{ticket.token}", "", "admin@example.org")
        page = admin.go("/me")
        admin.picture("me")
        page.get_by_role("button", name="Add a key").click()
        admin.picture("step-up")
        page.get_by_role("button", name="Use your key").click()
        page.get_by_role("button", name="Enrol the new key").wait_for()
        admin.picture("add-key")
        # The page that asks is answered with 403, which the browser's console calls an error.
        assert [one for one in admin.faults if "403" not in one] == []
