"""Home: how it is read. What waits there is told where it comes from."""

from datetime import timedelta

import pytest

from cpms_core.actor import Role
from cpms_core.clock import clock
from tests.bench.population import Population
from tests.counting import statements
from tests.site import Browser, TestSite
from tests.web.world import World

MOST = 12


def asked(site: TestSite, browser: Browser) -> int:
    """Statements of one look at Home, the second: the first one builds them."""
    site.live.limiter.clear()
    assert browser.get("/").status_code == 200
    with statements(site.engine) as sent:
        browser.get("/")
    return len(sent)


def test_home_asks_the_store_as_often_however_many_cases_there_are(site: TestSite) -> None:
    population = Population(site.engine, site.live.registry)
    population.fill(requests=1, panels=2, closed=1)
    people = {who: site.browser(token) for who, token in population.sign_in_one_of_each().items()}
    few = {who: asked(site, browser) for who, browser in people.items()}
    population.fill(requests=3, panels=8, closed=2)
    assert {who: asked(site, browser) for who, browser in people.items()} == few
    assert max(few.values()) <= MOST
    assert "New request" in people["coordinator"].get("/").text
    assert "Your cases" in people["clinician"].get("/").text


@pytest.mark.parametrize("role", [None, *Role])
def test_home_of_every_role_is_read_in_a_few_statements(site: TestSite, role: Role | None) -> None:
    assert asked(site, site.person(role)) <= MOST


def test_home_is_read_in_a_few_statements_where_advice_is_followed(site: TestSite) -> None:
    submitter = World(site, "signed").id_of("professional")
    clock.offset = timedelta(days=22)
    assert "What became of the advice" in site.sign_in_again(submitter).get("/").text
    assert asked(site, site.sign_in_again(submitter)) <= MOST
