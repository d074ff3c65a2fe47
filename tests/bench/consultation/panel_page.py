"""The page of a panel with a long discussion: how long the site takes for it, and how large it is.

In this process, with session, access, audit and render, without a network.
"""

import asyncio
from collections.abc import Iterator
from statistics import median
from time import perf_counter, process_time

from litestar import Litestar

from cpms_core.http.app import make_app
from tests.bench.consultation.long_panel import lengthen
from tests.bench.direct import Got, cookie, request
from tests.bench.figure import CannotMeasureError, Figure, at_most, spread
from tests.site import ORIGIN
from tests.web.world import World

CONTRIBUTIONS, ATTACHMENTS = 300, 40
_HOST = ORIGIN.removeprefix("http://")
_WARM_UP = 10


def measure(world: World, times: int = 100) -> Iterator[Figure]:
    """Of a panel that is still discussed; `world` is changed by it."""
    lengthen(world, CONTRIBUTIONS, ATTACHMENTS)
    what = f"with {CONTRIBUTIONS} contributions and {ATTACHMENTS} attachments"
    panel, case = world.values["panel_id"], world.values["case_id"]
    for title, path in (("Panel page", f"/panels/{panel}"), ("Case page", f"/cases/{case}")):
        taken, spent, size = asyncio.run(_read(world, path, times))
        remark = f"{spread(taken)}; {spent * 1000:.1f} ms of processor"
        yield at_most(f"{title} {what}", 40, median(taken) * 1000, "ms", remark)
        yield at_most(f"{title} {what}, first load", 150, size / 1000, "kB of HTML")


async def _read(world: World, path: str, times: int) -> tuple[list[float], float, int]:
    """Seconds by the clock of each, of the processor on average, and bytes."""
    app = make_app(world.site.live)
    for _ in range(_WARM_UP):
        await _get(app, world, path)
    size = 0
    taken = []
    spent = process_time()
    for _ in range(times):
        world.site.live.limiter.clear()
        started = perf_counter()
        size = len((await _get(app, world, path)).body)
        taken.append(perf_counter() - started)
    return taken, (process_time() - spent) / times, size


async def _get(app: Litestar, world: World, path: str) -> Got:
    token = world["member"].token
    got = await request(app, _HOST, path, headers=(cookie(token),))
    if got.status != 200:
        raise CannotMeasureError(f"GET {path} answers {got.status}")
    return got
