"""What the measurements stand on; the figures themselves are no tests."""

from cpms_core.clock import clock
from tests.bench.figure import at_least, at_most, machine
from tests.bench.page import PATH, rows_in
from tests.bench.population import Population
from tests.site import TestSite


def test_a_busy_ern_shows_as_many_rows_as_were_made(site: TestSite) -> None:
    population = Population(site.engine, site.live.registry)
    population.fill(requests=1, panels=2, closed=1)
    [token] = population.sign_in(1)
    page = site.browser(token).get(PATH)
    assert rows_in(page.content) == 1 + 2 + 1
    assert not clock.offset


def test_a_figure_says_whether_it_meets_its_goal() -> None:
    assert at_most("a", 12, 12.0, "ms").is_met
    assert not at_most("a", 12, 12.1, "ms").is_met
    assert at_least("a", 400, 400.0, "a second").is_met
    assert not at_least("a", 400, 399.0, "a second").is_met
    assert "Python" in machine()
