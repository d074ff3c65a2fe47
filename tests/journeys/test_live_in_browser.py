"""Two people at one panel in real Chromiums: each sees what the other adds, and loses nothing."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.engines import SqliteTemplate
from tests.journeys.chromium import Person as InBrowser
from tests.journeys.chromium import chromium
from tests.journeys.rooms import Room
from tests.journeys.server import Person, Server, make_data

_AWAY = """() => {
  globalThis.away = true;
  Object.defineProperty(document, "hidden", { get: () => globalThis.away });
  document.dispatchEvent(new Event("visibilitychange"));
}"""
_BACK = """() => {
  globalThis.away = false;
  document.dispatchEvent(new Event("visibilitychange"));
}"""


@pytest.fixture
def server(tmp_path: Path, sqlite_template: SqliteTemplate) -> Iterator[Server]:
    make_data(tmp_path / "site", sqlite_template)
    with Server(tmp_path / "site") as running:
        yield running


@pytest.fixture
def room(server: Server) -> Room:
    return Room(server)


@pytest.fixture
def page(server: Server, room: Room, tmp_path: Path) -> Iterator[Page]:
    """The lead's, at the panel."""
    with chromium() as browser:
        someone = InBrowser(browser, server.url, tmp_path)
        come_in(server, room.lead, someone.page)
        someone.page.goto(server.url + room.path)
        yield someone.page
        assert someone.faults == []


def come_in(server: Server, who: Person, page: Page) -> None:
    cookie = {"name": "cpms", "value": who.token, "url": server.url}
    page.context.add_cookies([cookie])  # type: ignore[list-item]  # a TypedDict of strings


def test_what_another_adds_is_said_at_once_and_shown_when_asked_for(room: Room, page: Page) -> None:
    box = page.locator(".composer textarea").first
    box.click()
    box.type("Half a thou")
    before = page.evaluate("scrollY")
    room.contribute(room.ghent, "Look at the hands.")
    button = page.get_by_role("button", name="1 new contribution by Dr Ghent")
    expect(button).to_be_visible(timeout=5000)
    assert page.evaluate("scrollY") == before, "what is read does not move"
    expect(box).to_be_focused()
    expect(page.get_by_text("Look at the hands.")).to_have_count(0)
    box.type("ght")
    room.contribute(room.lyon, "And at the feet.")
    button = page.get_by_role("button", name="2 new contributions by 2 people")
    expect(button).to_be_visible(timeout=5000)
    button.click()
    expect(page.get_by_text("Look at the hands.")).to_be_visible()
    expect(page.get_by_text("And at the feet.")).to_be_visible()
    expect(button).to_have_count(0)
    expect(box).to_have_value("Half a thought")
    room.contribute(room.ghent, "A third thing.")
    expect(page.get_by_role("button", name="1 new contribution by Dr Ghent")).to_be_visible()


def test_a_reply_comes_into_its_thread_and_leaves_the_reply_that_is_typed(
    room: Room, page: Page
) -> None:
    thread = page.locator(".entry.contribution", has_text="KBG, I think.").first
    thread.get_by_role("link", name="Reply to").click()
    box = thread.locator("textarea").first
    box.fill("My half reply")
    thread_id = (thread.get_attribute("id") or "").removeprefix("c-")
    form = {"text": "I agree with you.", "reply_to": thread_id}
    given = room.lyon.post(f"{room.path}/contributions", data=form)
    assert given.status_code == 303, given.text[:2000]
    page.get_by_role("button", name="1 new reply by Dr Lyon").click()
    expect(page.get_by_text("I agree with you.")).to_be_visible()
    expect(page.locator(".reply-slot textarea").first).to_have_value("My half reply")
    expect(page.locator(".entry.contribution", has_text="KBG, I think.")).to_have_count(2)


def test_a_page_that_nobody_sees_holds_no_connection(room: Room, page: Page) -> None:
    page.evaluate(_AWAY)
    room.contribute(room.ghent, "While the lead was away.")
    button = page.get_by_role("button", name="1 new contribution by Dr Ghent")
    page.wait_for_timeout(1000)
    expect(button).to_have_count(0)
    page.evaluate(_BACK)
    expect(button).to_be_visible(timeout=5000)
