"""People who are not signed in: what they leave behind. What they find out is in telling.py."""

import asyncio
import resource
from pathlib import Path

from sqlalchemy import func, select

from cpms_core.store import METADATA
from tests.bench.direct import request
from tests.bench.figure import Figure, at_most, none_of
from tests.site import ORIGIN
from tests.web.world import World

_HOST = ORIGIN.removeprefix("http://")
_PATHS = ("/", "/sign-in", "/centre", "/erns/ithaca", "/nowhere", "/enrol/made-up-token")
_GROWTH = 5.0
"""Megabytes that caches of pages and addresses may take once."""


def measure_traces(world: World, count: int) -> list[Figure]:
    """Rows and memory after many anonymous requests."""
    rows, held = _rows(world), 0.0

    async def go(times: int) -> None:
        for number in range(times):
            world.site.live.limiter.clear()
            path = _PATHS[number % len(_PATHS)]
            got = await request(world.site.app, _HOST, path, client=f"10.0.{number % 250}.1")
            assert "set-cookie" not in got.headers

    asyncio.run(go(min(count, 3000)))
    held = _resident()
    asyncio.run(go(count))
    grown = _resident() - held
    return [
        none_of(f"Rows that {count:,} anonymous requests leave", _rows(world) - rows),
        at_most("Memory that they leave", _GROWTH, max(grown, 0.0), "MB"),
    ]


def _rows(world: World) -> int:
    with world.site.transaction() as session:
        tables = METADATA.sorted_tables
        return sum(session.scalar(select(func.count()).select_from(one)) or 0 for one in tables)


def _resident() -> float:
    """Megabytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20
