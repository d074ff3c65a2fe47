"""Every attack, one after the other, each on a fresh site."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench.figure import Figure
from tests.bench.security import ceremonies, races, requests, strangers, telling
from tests.bench.security.ground import attacked

REQUESTS, CEREMONIES, ANONYMOUS, RACES = 300_000, 100_000, 100_000, 10_000
TIMINGS = 1000
"""Of each kind, whatever the share: of fewer, chance alone would make a difference."""


def measure(seed: int, share: float) -> Iterator[Figure]:
    """`share` is how much of each: 1 for the figures of a release."""
    yield ceremonies.measure(int(CEREMONIES * share), seed)
    with TemporaryDirectory() as name, attacked(Path(name)) as world:
        yield from telling.measure_addresses(world, TIMINGS, seed)
        yield from strangers.measure_traces(world, int(ANONYMOUS * share))
    with TemporaryDirectory() as name, attacked(Path(name)) as world:
        yield races.measure(world, int(RACES * share))
    with TemporaryDirectory() as name, attacked(Path(name)) as world:
        yield requests.measure(world, int(REQUESTS * share), seed)
