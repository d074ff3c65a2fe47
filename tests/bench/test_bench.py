"""What the measurements stand on; the figures themselves are no tests."""

import asyncio
import re
from collections import Counter
from random import Random

import pytest

from cpms_core.clock import clock
from tests.bench.direct import request
from tests.bench.figure import at_least, at_most, machine
from tests.bench.many import copy_consultations
from tests.bench.page import PATH, rows_in
from tests.bench.population import Population
from tests.bench.security import races
from tests.bench.security.guards import Guard, find_guards, without
from tests.bench.security.requests import Maker
from tests.bench.security.telling import _area
from tests.site import TestSite
from tests.web.world import World


def test_a_busy_ern_shows_as_many_rows_as_were_made(site: TestSite) -> None:
    population = Population(site.engine, site.live.registry)
    population.fill(requests=1, panels=2, closed=1)
    [token] = population.sign_in(1)
    page = site.browser(token).get(PATH)
    assert rows_in(page.content) == 1 + 2 + 1
    assert not clock.offset


def test_copies_of_consultations_are_on_the_pages_too(site: TestSite) -> None:
    if site.engine.dialect.name != "sqlite":
        pytest.skip("copies are made by SQLite itself")
    population = Population(site.engine, site.live.registry)
    population.fill(requests=0, panels=2, closed=1)
    copy_consultations(site.engine, ended=60, still_open=10)
    copy_consultations(site.engine, ended=10, still_open=10)
    [token] = population.sign_in(1)
    browser = site.browser(token)
    assert rows_in(browser.get(PATH).content) == 2 + 10 + 10 + 5
    ended = browser.get(f"{PATH}?ended=1").text
    assert rows_in(ended.encode()) == 50
    older = re.search(r'href="([^"]+)" rel="next"', ended)
    assert older
    assert rows_in(browser.get(older[1].replace("&amp;", "&")).content) == 1 + 60 + 10 - 50


def test_a_figure_says_whether_it_meets_its_goal() -> None:
    assert at_most("a", 12, 12.0, "ms").is_met
    assert not at_most("a", 12, 12.1, "ms").is_met
    assert at_least("a", 400, 400.0, "a second").is_met
    assert not at_least("a", 400, 399.0, "a second").is_met
    assert "Python" in machine()


def test_made_up_requests_do_reach_handlers(site: TestSite) -> None:
    world = World(site, "assessment")
    made = Maker(world, Random(7))  # noqa: S311 - a repeatable attack, not a secret
    made.sign_in()

    async def ask() -> list[int]:
        site.live.limiter.clear()
        sent = [made.request()[1] for _ in range(60)]
        return [(await request(site.app, "localhost:8000", **one)).status for one in sent]

    statuses = Counter(asyncio.run(ask()))
    assert max(statuses) < 500
    assert statuses[200] + statuses[303] > 3 and statuses[422] > 3 and statuses[404] > 3


def test_no_slow_request_brings_a_session_back(site: TestSite) -> None:
    assert races.measure(World(site, "assessment"), 12).is_met


def test_an_area_of_a_half_means_that_nothing_is_told() -> None:
    assert _area([1, 3, 5], [2, 4, 6]) < 0.5
    assert _area([5, 6], [1, 2]) == 1
    assert _area([1, 2], [5, 6]) == 0


def test_a_guard_is_found_and_taken_out() -> None:
    names = {str(guard).rpartition(" ")[2] for guard in find_guards()}
    assert {"ensure", "_ensure_csrf", "_ensure_could", "require_client_data"} <= names
    source = "def act():\n    ensure(\n        actor\n    )\n    change()\n"
    assert without(source, Guard("x.py", 2, 4, "ensure")) == "def act():\n    pass\n    change()\n"
