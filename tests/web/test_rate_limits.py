"""Whoever asks too often waits, and nobody else: each kind of address, each client by itself.

How signing in, recovering and joining are counted over all workers is in test_tries.py and
tests/journeys/test_two_workers.py.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path

import pytest
from httpx import Response

from cpms_core.attempts import WINDOW
from cpms_core.clock import clock
from cpms_core.declarations import Rate
from cpms_core.http.app import live_site, load_plugins
from cpms_core.http.limits import RATES
from cpms_core.settings import Settings, Site
from cpms_web import pages_join, pages_recovery, pages_sign_in
from tests.site import ORIGIN, Browser, Live, TestSite
from tests.web.attempts import ATTEMPTS, Attempt, name_of
from tests.web.matrix import PUBLIC, allowed
from tests.web.world import World

FEW = 3
FORGED = (
    *("X-Forwarded-For", "Forwarded", "X-Real-IP", "X-Client-IP", "True-Client-IP"),
    *("CF-Connecting-IP", "X-Originating-IP", "X-Remote-Addr", "X-Cluster-Client-IP", "Via"),
)
"""What proxies here and there write a client's address into."""


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """So many at once of each kind, and none for a long time."""
    for rate in RATES:
        monkeypatch.setitem(RATES, rate, (float(FEW), 0.001))


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("rate", RATES)
def test_each_kind_of_address_has_an_end_of_its_own(quick_site: TestSite, rate: Rate) -> None:
    world = World(quick_site, "assessment")
    name, attempt, person = _of_the_rate(world, rate)
    flooding, colleague = (_signed_in(world, person) for _ in range(2))
    quick_site.live.limiter.clear()
    answers = [_send(world, name, attempt, flooding) for _ in range(FEW + 2)]
    assert [answer.status_code == 429 for answer in answers] == [False] * FEW + [True] * 2
    assert int(answers[-1].headers["retry-after"]) > 0
    assert "Please wait" in answers[-1].text
    assert _send(world, name, attempt, colleague).status_code != 429
    other: Rate = "page" if rate != "page" else "search"
    assert _send(world, *_of_the_rate(world, other)[:2], flooding).status_code != 429


def test_strangers_who_flood_an_address_stop_nobody_who_is_signed_in_there(
    site: TestSite, few: None
) -> None:
    del few
    person = site.person()
    assert person.get("/help").status_code == 200
    stranger = site.browser()
    stranger.cookies["cpms"] = "made-up"
    for path in ("/sign-in", "/recover", "/help"):
        while stranger.get(path).status_code != 429:
            pass
    assert [person.get("/help").status_code for _ in range(FEW - 1)] == [200] * (FEW - 1)


@pytest.fixture
def _at_the_start_of_a_window() -> None:
    into = clock.now().timestamp() % WINDOW.seconds
    clock.offset += WINDOW - timedelta(seconds=into) + timedelta(seconds=1)


Try = Callable[[TestSite, int, Mapping[str, str]], int]


def sign_in(site: TestSite, number: int, headers: Mapping[str, str]) -> int:
    typed = {"email": f"{number}@example.org"}
    return site.browser().post("/sign-in/begin", json=typed, headers=headers).status_code


def recover(site: TestSite, number: int, headers: Mapping[str, str]) -> int:
    typed = {"email": f"{number}@example.org", "code": "AAAA"}
    return site.browser().post("/recover", typed, headers=headers).status_code


def join(site: TestSite, number: int, headers: Mapping[str, str]) -> int:
    typed = {"email": f"{number}@example.org", "name": "Dr New"}
    return site.browser().post("/join/begin", json=typed, headers=headers).status_code


TRIES: tuple[Try, ...] = (sign_in, recover, join)


@pytest.fixture
def few_tries(monkeypatch: pytest.MonkeyPatch, _at_the_start_of_a_window: None) -> None:
    monkeypatch.setitem(pages_sign_in.MOST_TRIES, "network", FEW)
    monkeypatch.setitem(pages_recovery.MOST_TRIES, "network", FEW)
    monkeypatch.setattr(pages_join, "MOST_FROM_A_NETWORK", FEW)


@pytest.mark.usefixtures("few_tries")
@pytest.mark.parametrize("attempt", TRIES)
@pytest.mark.parametrize("name", FORGED)
def test_no_header_that_a_client_writes_makes_it_another_client(
    quick_site: TestSite, attempt: Try, name: str
) -> None:
    told = [
        attempt(quick_site, number, {name: f"for=198.51.100.{number}"[4 * (name != "Forwarded") :]})
        for number in range(FEW + 1)
    ]
    assert told == [200] * FEW + [429]


@pytest.mark.usefixtures("few_tries")
@pytest.mark.parametrize("attempt", TRIES)
def test_a_site_that_was_started_again_goes_on_counting(
    site: TestSite, attempt: Try, tmp_path: Path
) -> None:
    assert [attempt(site, number, {}) for number in range(FEW)] == [200] * FEW
    settings = Settings(demonstration=True, base_url=ORIGIN)
    live = live_site(Site(tmp_path / "again", settings), load_plugins(()), key=site.live.key)
    with TestSite(Live(live), site.engine, site.folder) as again:
        assert attempt(again, FEW, {}) == 429
        clock.offset += WINDOW
        assert attempt(again, FEW, {}) == 200


@pytest.mark.usefixtures("few_tries")
@pytest.mark.parametrize("attempt", TRIES)
def test_the_addresses_of_one_subscriber_count_together(
    quick_site: TestSite, attempt: Try, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test client has no address of its own, so one is put in its place."""
    peers = iter([f"2001:db8:1:2:{number:x}::{number:x}" for number in range(FEW + 1)])
    monkeypatch.setattr("cpms_core.http.kernel.client_address", lambda *_: next(peers))
    told = [attempt(quick_site, number, {}) for number in range(FEW + 1)]
    assert told == [200] * FEW + [429]
    monkeypatch.setattr("cpms_core.http.kernel.client_address", lambda *_: "2001:db8:1:3::1")
    assert attempt(quick_site, FEW, {}) == 200, "somebody elsewhere"


def _of_the_rate(world: World, rate: Rate) -> tuple[str, Attempt, str]:
    """The first address of this kind, and somebody who may ask it."""
    for owner, route in world.site.live.registry.routes:
        name = name_of(owner, route)
        if route.rate == rate and name not in {*PUBLIC, "POST /sign-out"}:
            return name, ATTEMPTS.get(name, Attempt()), min(allowed(name, route))
    raise AssertionError(f"no address is of the rate {rate}")


def _signed_in(world: World, person: str) -> Browser:
    """On another machine, and known to be."""
    browser = world.site.sign_in_again(world.id_of(person))
    assert browser.get("/help").status_code == 200
    return browser


def _send(world: World, name: str, attempt: Attempt, browser: Browser) -> Response:
    method, _, path = name.partition(" ")
    values = {**world.values, "attachment_id": str(world.image.id), **attempt.values}
    path = path.format(**values) + attempt.query
    if method == "GET":
        return browser.get(path)
    options = dict(attempt.options)
    return browser.post(path, dict(attempt.form_for(world)), touches=False, **options)
