"""Home in this process, of a site with a thousand cases: of the one for whom it takes longest."""

import asyncio
from statistics import median

from cpms_core.http.app import live_site, load_plugins, make_app
from cpms_core.settings import read_site
from tests.bench.direct import timed
from tests.bench.figure import Figure, at_most
from tests.bench.ground import PLUGINS, Ground
from tests.bench.many import copy_consultations

_CLOSED, _CASES = 8, 1000
_TIMES = 100


def measure(ground: Ground) -> Figure:
    """It changes the ground: nothing that counts its rows may come after it."""
    ground.population.fill(requests=0, panels=0, closed=_CLOSED)
    copy_consultations(ground.engine, ended=_CASES - _CLOSED, still_open=0)
    live = live_site(read_site(ground.data), load_plugins(PLUGINS), engine=ground.engine)
    app = make_app(live)
    each = {}
    for who, token in ground.population.sign_in_one_of_each().items():
        live.limiter.clear()
        taken, spent = asyncio.run(timed(app, live.host, "/", token, times=_TIMES))
        each[who] = median(taken) * 1000, spent * 1000
    remark = ", ".join(f"{who} {taken:.1f} ({spent:.1f})" for who, (taken, spent) in each.items())
    return at_most(
        f"Home in process, {_CASES} cases, median of {_TIMES}",
        15,
        max(taken for taken, _ in each.values()),
        "ms",
        f"{remark} ms, of processor in brackets",
    )
