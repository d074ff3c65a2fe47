"""Every measurement of the consultation, each on a site of its own."""

from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench.consultation import ern_page, first_block, keystrokes, live, panel_page, pdf, saves
from tests.bench.figure import Figure
from tests.bench.security.ground import attacked
from tests.web.world import Until, World


def _in_a_world(
    measure: Callable[[World], Iterator[Figure]], until: Until = "assessment"
) -> Iterator[Figure]:
    with TemporaryDirectory(prefix="cpms-bench-") as name, attacked(Path(name), until) as world:
        yield from measure(world)


PARTS: dict[str, Callable[[], Iterator[Figure]]] = {
    "panel": lambda: _in_a_world(panel_page.measure),
    "first_block": first_block.measure,
    "ern": ern_page.measure,
    "live": live.measure,
    "saves": lambda: _in_a_world(saves.measure, "outcome"),
    "pdf": pdf.measure,
    "keystrokes": keystrokes.measure,
}
"""By the name that `--only` takes."""
