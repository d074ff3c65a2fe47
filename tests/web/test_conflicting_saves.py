"""Two windows that save at the same moment: the bench does this by the thousand."""

from tests.bench.consultation import saves
from tests.site import TestSite
from tests.web.world import World


def test_of_two_saves_at_the_same_moment_one_wins_and_the_other_is_told(site: TestSite) -> None:
    [figure] = saves.measure(World(site, "outcome"), 8)
    assert figure.is_met, figure
