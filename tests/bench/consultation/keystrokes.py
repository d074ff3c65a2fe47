"""How long an act takes a person, by the keystroke-level model over a scripted journey in Chromium.

Card, Moran and Newell, "The keystroke-level model for user performance time" (1980): what a person
does is counted, each with its average time, and what the site makes the person wait is measured.
"""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from uuid import UUID

from msgspec import Struct
from playwright.sync_api import Browser, Locator, Page
from sqlalchemy import select

from cpms_core.actor import Role
from cpms_core.db import transaction
from cpms_core.http.app import load_plugins
from cpms_core.panels.models import ConsultationRequest
from cpms_core.panels.requests import triage
from cpms_core.panels.seats import members
from tests.bench.figure import Figure, at_most
from tests.engines import SqliteTemplate
from tests.journeys.chromium import PHONE, Person, bring_session, chromium
from tests.journeys.server import Server, make_data
from tests.site import PLUGINS

KEY, POINT, BUTTON, HOME, THINK = 0.28, 1.1, 0.2, 0.4, 1.35
"""Seconds: a key of an average typist, moving the pointer, pressing and releasing the mouse, a hand
from the one to the other, and making up one's mind before each of these."""
_MOST_TABS = 4


class Count(Struct):
    clicks: int = 0
    keys: int = 0
    typed: int = 0
    """Characters of texts that a person makes up."""
    homings: int = 0
    thoughts: int = 0
    waited: float = 0.0

    def seconds(self, *, with_typing: bool) -> float:
        keys = self.keys + (self.typed if with_typing else 0)
        return (
            keys * KEY
            + self.clicks * (POINT + BUTTON)
            + self.homings * HOME
            + self.thoughts * THINK
            + self.waited
        )


class Hand:
    """Does to a page what a person would, and counts it."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._is_at_keyboard = False
        self.count = Count()

    def click(self, target: Locator) -> None:
        self._move(to_keyboard=False)
        self.count.clicks += 1
        self._wait_for(target.click)

    def write(self, field: Locator, text: str) -> None:
        """Reach the field by Tab if it is near, else by a click, and type."""
        self._reach(field)
        self.count.thoughts += 1
        self.count.typed += len(text)
        self._page.keyboard.type(text)

    def choose(self, field: Locator, *keys: str) -> None:
        """Reach a choice and change it with these keys."""
        self._reach(field)
        self.count.thoughts += 1
        self.count.keys += len(keys)
        for key in keys:
            self._page.keyboard.press(key)

    def press(self, key: str) -> None:
        self._move(to_keyboard=True)
        self.count.keys += 1
        self._wait_for(lambda: self._page.keyboard.press(key))

    def _reach(self, field: Locator) -> None:
        field.wait_for()
        if self._is_at_keyboard:
            for tabs in range(1, _MOST_TABS + 1):
                self._page.keyboard.press("Tab")
                if field.evaluate("(field) => field === document.activeElement"):
                    self.count.keys += tabs
                    return
        self._move(to_keyboard=False)
        self.count.clicks += 1
        field.click()
        self._move(to_keyboard=True)

    def _move(self, *, to_keyboard: bool) -> None:
        self.count.homings += self._is_at_keyboard is not to_keyboard
        self.count.thoughts += not to_keyboard
        self._is_at_keyboard = to_keyboard

    def _wait_for(self, act: object) -> None:
        assert callable(act)
        started = perf_counter()
        act()
        self._page.wait_for_load_state("load")
        self.count.waited += perf_counter() - started


def measure() -> Iterator[Figure]:
    with TemporaryDirectory(prefix="cpms-bench-") as name:
        folder = Path(name)
        make_data(folder / "site", SqliteTemplate(folder))
        with Server(folder / "site") as server, chromium() as browser:
            submitter = _Seat(browser, server, folder, "CZ01")
            sent = _submit_a_first_case(submitter)
            yield at_most("Clicks to submit a first case", 12, sent.clicks, "clicks")
            yield at_most(
                "Submitting a first case, keystroke-level model",
                300,
                sent.seconds(with_typing=True),
                "s",
                _said(sent),
            )
            expert = _Seat(browser, server, folder, "BE01")
            _invite(server, expert.user_id)
            answered = _answer_from_the_notice(expert)
            yield at_most(
                "An expert's answer from the notice, keystroke-level model without typing",
                60,
                answered.seconds(with_typing=False),
                "s",
                _said(answered),
            )


class _Seat:
    """A signed-in person at a browser."""

    def __init__(self, browser: Browser, server: Server, folder: Path, hcp: str) -> None:
        signed_in = server.person(hcp=hcp)
        self.user_id = signed_in.actor.user_id
        person = Person(browser, server.url, folder)
        bring_session(person.page, server.url, signed_in.token)
        self.page = person.go("/")
        self.hand = Hand(self.page)


def _submit_a_first_case(seat: _Seat) -> Count:
    page, hand = seat.page, seat.hand
    hand.click(page.get_by_role("link", name="Centre", exact=True))
    hand.click(page.get_by_role("link", name="Enrol a patient").first)
    hand.write(page.get_by_label("Given name"), "Ana")
    hand.write(page.get_by_label("Family name"), "Nováková")
    hand.write(page.get_by_label("Birth date"), "07142020")
    hand.choose(page.get_by_label("Female"), "Space")
    hand.press("Enter")
    page.wait_for_url("**/patients/*")
    hand.choose(page.get_by_label("Care:"), "Space")
    hand.write(page.get_by_label("Version of the form"), "2024")
    hand.write(page.get_by_label("Language"), "Czech")
    hand.choose(page.get_by_label("The patient", exact=True), "ArrowDown")
    hand.write(page.get_by_label("Signed on"), "11202026")
    hand.write(page.get_by_label("Where the original lies"), "paper file, genetics")
    hand.press("Enter")
    hand.click(page.get_by_role("button", name="Open a case"))
    hand.click(page.get_by_role("link", name="Write question and summary").first)
    hand.choose(page.get_by_label("What the question is about"), "d")
    hand.write(
        page.get_by_label("Your question in one sentence"),
        "Exome (trio) was negative. Is a KBG-like disorder worth pursuing, and which test next?",
    )
    hand.write(
        page.get_by_label("Summary", exact=True),
        "Second child of unrelated parents. Global delay, first words at 34 months, short "
        "stature, macrodontia, brachydactyly. MRI: thin corpus callosum. Array normal.",
    )
    hand.click(page.get_by_role("button", name="Save", exact=True).last)
    hand.click(page.get_by_role("link", name="Send to").first)
    hand.choose(page.get_by_label("Thematic area"), "u")
    hand.click(page.get_by_role("button", name="Send").last)
    page.get_by_text("Sent.").wait_for()
    return hand.count


def _invite(server: Server, expert_id: UUID) -> None:
    """The dispatcher's part, which is not measured."""
    registry = load_plugins(PLUGINS).registry
    dispatcher, lead = server.person(Role.DISPATCHER), server.person(hcp="NO01")
    with transaction(server.engine) as session:
        request = session.scalars(select(ConsultationRequest)).one()
        panel = triage.name_lead(
            session, dispatcher.actor, registry, request.id, lead.actor.user_id, request.row_version
        )
        members.invite_expert(session, dispatcher.actor, panel.id, expert_id)


def _answer_from_the_notice(seat: _Seat) -> Count:
    page, hand = seat.page, seat.hand
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]  # a TypedDict of two ints
    page.reload()
    hand.click(page.get_by_role("link", name="60-second answer").first)
    hand.click(page.locator("summary", has_text="Do this test"))
    hand.write(page.get_by_label("Which test"), "MLPA of 16q24.3")
    hand.click(page.locator("details[open]").get_by_role("button", name="Send"))
    page.locator(".notice.success").wait_for()
    return hand.count


def _said(count: Count) -> str:
    return (
        f"{count.clicks} clicks, {count.keys} keys, {count.typed} characters, "
        f"{count.waited:.1f} s of waiting"
    )
