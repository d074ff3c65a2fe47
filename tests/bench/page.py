"""The ERN page in this process: session, access, audit and render, without a network."""

import asyncio
import re
from statistics import median

from litestar import Litestar

from cpms_core.http.app import live_site, load_plugins, make_app
from cpms_core.settings import read_site
from tests.bench.direct import cookie, request, timed
from tests.bench.figure import CannotMeasureError, Figure, at_most, spread
from tests.bench.ground import PANELS, PLUGINS, REQUESTS, Ground

PATH = "/erns/ithaca"
ROWS = REQUESTS + PANELS
_LINK = re.compile(rb'href="/(?:requests|panels)/([0-9a-f-]{36})')
_TIMES = 200


def measure(ground: Ground) -> Figure:
    site = read_site(ground.data)
    live = live_site(site, load_plugins(PLUGINS), engine=ground.engine)
    [token] = ground.population.sign_in(1)
    times, spent = asyncio.run(_times(make_app(live), live.host, token))
    what = f"ERN page of {ROWS} rows in process, median of {_TIMES}"
    return at_most(
        what, 12, median(times) * 1000, "ms", f"{spread(times)}; {spent * 1000:.1f} ms of processor"
    )


async def _times(app: Litestar, host: str, token: str) -> tuple[list[float], float]:
    first = await request(app, host, PATH, headers=(cookie(token),))
    shown = rows_in(first.body)
    if shown < ROWS:
        raise CannotMeasureError(f"GET {PATH} shows {shown} rows of {ROWS}")
    return await timed(app, host, PATH, token, times=_TIMES)


def rows_in(body: bytes) -> int:
    """Requests and panels that the page links to."""
    return len(set(_LINK.findall(body)))
