"""A session that ends by itself, in a real Chromium: a word before, and the way back afterwards.

The browser's clock is moved forward; what the site knows is moved back by as much.
"""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import update

from cpms_core.actor import Role
from cpms_core.clock import clock
from cpms_core.db import transaction
from cpms_core.identity.models import SignInSession
from tests.engines import SqliteTemplate
from tests.journeys.chromium import Person, bring_session, chromium
from tests.journeys.server import Server, make_data

SOON = "You will be signed out at"
OVER = "Your session has ended."


@pytest.fixture
def server(tmp_path: Path, sqlite_template: SqliteTemplate) -> Iterator[Server]:
    make_data(tmp_path / "site", sqlite_template)
    with Server(tmp_path / "site") as running:
        yield running


@pytest.fixture
def page(server: Server, tmp_path: Path) -> Iterator[Page]:
    with chromium() as browser:
        someone = Person(browser, server.url, tmp_path)
        someone.page.clock.install()
        come_in(server, someone.page)
        yield someone.page
        told = ("401", "403")  # what a browser's console says of answers that are no success
        assert [one for one in someone.faults if not any(code in one for code in told)] == []


def come_in(server: Server, page: Page) -> None:
    signed_in = server.person(Role.SYSTEM_ADMIN, hcp=None, name=f"Ada {len(server._people)}")
    bring_session(page, server.url, signed_in.token)


def pass_time(server: Server, page: Page, minutes: float) -> None:
    """Nobody does anything for so long."""
    with transaction(server.engine) as session:
        then = clock.now() - timedelta(minutes=minutes)
        session.execute(update(SignInSession).values(created_at=then, last_seen_at=then))
    page.clock.fast_forward(int(minutes * 60_000))


def last_seen(server: Server) -> timedelta:
    """How long ago."""
    with transaction(server.engine) as session:
        row = session.query(SignInSession).order_by(SignInSession.last_seen_at.desc()).first()
        assert row is not None
        return clock.now() - row.last_seen_at


def test_two_minutes_before_the_end_one_can_stay(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/help")
    pass_time(server, page, 12)
    page.clock.fast_forward(11_000)
    expect(page.get_by_text(SOON)).to_have_count(0)
    pass_time(server, page, 13.5)
    expect(page.get_by_text(SOON)).to_be_visible()
    assert last_seen(server) > timedelta(minutes=13), "asking how long is left is no activity"
    page.get_by_role("button", name="Stay signed in").click()
    expect(page.get_by_text(SOON)).to_have_count(0)
    assert last_seen(server) < timedelta(minutes=1)


def test_another_tab_keeps_all_of_them_signed_in(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/help")
    page.clock.fast_forward("14:00")
    page.clock.fast_forward(11_000)
    expect(page.get_by_text(SOON)).to_have_count(0)
    assert page.url.endswith("/help")


def test_afterwards_the_sign_in_leads_back_to_the_page(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/people?q=ada")
    pass_time(server, page, 15.5)
    page.wait_for_url("**/sign-in?*")
    assert page.locator("input[name=next]").input_value() == "/people?q=ada"


def test_what_was_typed_stays_and_is_seen_by_nobody_meanwhile(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/people/invite")
    page.get_by_label("Name", exact=True).fill("Eva Nováková")
    pass_time(server, page, 15.5)
    expect(page.get_by_text(OVER)).to_be_visible()
    expect(page.get_by_label("Name", exact=True)).to_be_hidden()
    come_in(server, page)
    page.evaluate("dispatchEvent(new Event('focus'))")
    expect(page.get_by_label("Name", exact=True)).to_have_value("Eva Nováková")
    expect(page.get_by_text(OVER)).to_have_count(0)
    page.get_by_label("E-mail address").fill("eva@example.org")
    page.get_by_role("button", name="Invite", exact=True).click()
    expect(page.get_by_role("button", name="Use your key")).to_be_visible()


def test_a_session_that_is_as_old_as_it_may_be_cannot_be_kept(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/help")
    with transaction(server.engine) as session:
        almost = clock.now() - timedelta(hours=11, minutes=58, seconds=30)
        session.execute(update(SignInSession).values(created_at=almost))
    page.clock.fast_forward("13:30")
    expect(page.get_by_text(SOON)).to_be_visible()
    page.get_by_role("button", name="Stay signed in").click()
    expect(page.get_by_text("for as long as this site allows")).to_be_visible()
