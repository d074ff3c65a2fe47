"""The ERN page of a network with a thousand consultations, and of one with a hundred thousand.

In this process: session, access, audit and render, by the processor's time, for other programs
disturb a ratio more than a goal. One in twenty panels is open, and as many requests wait for triage
in both, for that is a queue and no history.
"""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import NamedTuple

from litestar import Litestar

from cpms_core.http.app import live_site, load_plugins, make_app
from cpms_core.settings import read_site
from tests.bench.direct import cookie, request
from tests.bench.figure import CannotMeasureError, Figure, at_most, spread
from tests.bench.ground import PANELS, PLUGINS, Ground
from tests.bench.many import copy_consultations
from tests.bench.page import PATH

FEW, MANY = 1_000, 100_000
_OPEN_SHARE = 0.05
_CLOSED = 8
_QUERIES = {"first page": b"", "second page": b"page=2", "late only": b"late=1"}
_OF_ENDED = b"ended=1"
_WARM_UP, _TIMES = 10, 100


class Times(NamedTuple):
    """Seconds of each request: of the processor, and by the clock."""

    spent: list[float]
    taken: list[float]


def measure(few: int = FEW, many: int = MANY, port: int = 8160) -> Iterator[Figure]:
    with TemporaryDirectory(prefix="cpms-bench-") as name:
        ground = Ground(Path(name), port)
        ground.population.fill(requests=0, panels=0, closed=_CLOSED)
        small = _measured(ground, before=_CLOSED + PANELS, cases=few)
        large = _measured(ground, before=few, cases=many)
    for what in small:
        before, now = median(small[what].spent), median(large[what].spent)
        remark = (
            f"{before * 1000:.1f} ms of processor with {few}, {now * 1000:.1f} with {many}; "
            f"by the clock {spread(large[what].taken)}"
        )
        yield at_most(
            f"ERN page, {what}: {many} cases against {few}", 1.5, now / before, "x", remark
        )


def _measured(ground: Ground, before: int, cases: int) -> dict[str, Times]:
    """By what is asked for, once there are so many cases."""
    new = cases - before
    still_open = int(new * _OPEN_SHARE)
    copy_consultations(ground.engine, ended=new - still_open, still_open=still_open)
    live = live_site(read_site(ground.data), load_plugins(PLUGINS), engine=ground.engine)
    [token] = ground.population.sign_in(1)
    return asyncio.run(_times(make_app(live), live.host, token))


async def _times(app: Litestar, host: str, token: str) -> dict[str, Times]:
    return {
        what: await _times_of(app, host, token, query)
        for what, query in {**_QUERIES, "page of ended ones": _OF_ENDED}.items()
    }


async def _times_of(app: Litestar, host: str, token: str, query: bytes) -> Times:
    spent, taken = [], []
    for _ in range(_WARM_UP + _TIMES):
        started, worked = perf_counter(), process_time()
        got = await request(app, host, PATH, query=query, headers=(cookie(token),))
        spent.append(process_time() - worked)
        taken.append(perf_counter() - started)
        if got.status != 200:
            raise CannotMeasureError(f"GET {PATH}?{query.decode()} answers {got.status}")
    return Times(spent[_WARM_UP:], taken[_WARM_UP:])
