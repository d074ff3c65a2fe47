"""From a stranger with a key to a colleague with a role, in a real Chromium."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cpms_core.actor import Role
from cpms_core.db import transaction
from cpms_core.identity.people import new_ticket
from cpms_core.keys import load_site_key
from tests import factories
from tests.engines import SqliteTemplate
from tests.journeys.chromium import Person, chromium
from tests.journeys.server import Server, make_data

PICTURES = Path(__file__).parents[2] / "build" / "screens"
NAME, EMAIL = "Dr Konstantina Papadopoulou-Žluťoučká", "konstantina@example.org"


@pytest.fixture
def server(tmp_path: Path, sqlite_template: SqliteTemplate) -> Iterator[Server]:
    make_data(tmp_path / "site", sqlite_template)
    with Server(tmp_path / "site") as running:
        yield running


def test_a_stranger_asks_for_access_and_the_coordinator_approves(server: Server) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    with transaction(server.engine) as session:
        key = load_site_key(server.site.site_key_path)
        user = factories.make_user(
            session, role=Role.COORDINATOR, email="cora@example.org", name="Dr Cora Nováková"
        )
        ticket = new_ticket(session, key, user, created_by=None)
    with chromium() as browser:
        new, cora = (Person(browser, server.url, PICTURES) for _ in range(2))
        code = ask(new)
        cora.enrol(f"{server.url}/enrol/{ticket.token}", ticket.code, "cora@example.org")
        cora.picture("access-home")
        approve(cora, code)
        new.go("/access")
        new.picture("access-approved")
        new.go("/centre").get_by_role("heading", name="Hôpital Robert-Debré").first.wait_for()
        # The page that asks for the key is answered with 403, an error to the browser's console.
        assert [
            one for one in new.faults + cora.faults if "403" not in one and "422" not in one
        ] == []


def ask(new: Person) -> str:
    """Join, sign in, and go through the five steps; the code that the page shows."""
    page = new.go("/sign-in")
    page.get_by_role("link", name="Request access").click()
    page.get_by_label("Your name").fill(NAME)
    page.get_by_label("E-mail address").fill(EMAIL)
    new.picture("join")
    page.get_by_role("button", name="Enrol your security key").click()
    page.wait_for_url("**/join/done")
    new.picture("join-done")
    page.get_by_label("E-mail address").fill(EMAIL)
    page.get_by_role("button", name="Sign in with your security key").click()
    page.wait_for_url("**/access/new")
    new.go("/")
    new.picture("access-nobody")
    new.go("/access")
    new.picture("access-empty")
    new.go("/access/new")
    new.picture("access-ern")
    page.get_by_label("Filter the ERNs").fill("malformation")
    page.get_by_role("link", name="ERN ITHACA").click()
    new.picture("access-country")
    page.get_by_role("link", name="France").click()
    new.picture("access-centre")
    page.get_by_role("link", name="FR10").click()
    page.get_by_label("Dispatcher").check()
    new.picture("access-profile")
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("Your specialty").fill("clinical genetics; switchboard, ext. 4312")
    new.picture("access-recap")
    page.go_back()
    assert page.get_by_label("Dispatcher").is_checked()
    page.go_forward()
    page.get_by_label("Your specialty").fill("clinical genetics; switchboard, ext. 4312")
    page.get_by_role("button", name="Submit the request").click()
    page.get_by_role("heading", name="Your code").wait_for()
    new.picture("access-code")
    code = page.locator(".figure").inner_text()
    new.go("/access")
    new.picture("access-mine")
    return code


def approve(cora: Person, code: str) -> None:
    page = cora.page
    page.get_by_role("link", name="Decide").click()
    cora.picture("access-queue")
    page.get_by_role("link", name="Decide").click()
    page.get_by_label("Code from the person").fill("AAAA-AAAA")
    page.get_by_role("button", name="Approve").click()
    page.get_by_role("button", name="Use your key").click()
    page.get_by_role("alert").first.wait_for()
    cora.picture("access-wrong-code")
    page.get_by_label("Code from the person").fill(code)
    page.get_by_role("button", name="Approve").click()
    page.get_by_text("Approved. What was asked for is open at once.").wait_for()
