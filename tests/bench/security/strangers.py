"""People who are not signed in: what they leave behind, and what they can find out."""

import asyncio
import json
import random
import resource
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

from sqlalchemy import func, select

from cpms_core.store import METADATA
from tests import factories
from tests.bench.direct import request
from tests.bench.figure import Figure, at_most, none_of
from tests.site import ORIGIN
from tests.softkey import SoftKey
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


def measure_enumeration(world: World, count: int, seed: int) -> list[Figure]:
    """How well the answer's time tells a known address from an unknown one; 0.5: not at all."""
    chance = random.Random(seed)  # noqa: S311 - a repeatable attack, not a secret
    site = world.site
    with site.transaction() as session:
        known = factories.make_user(session, email="known@bench.example")
        factories.make_key(session, known, credential_id=SoftKey(ORIGIN).credential_id)

    async def begin(email: str) -> float:
        site.live.limiter.clear()
        body = json.dumps({"email": email}).encode()
        kind = ((b"content-type", b"application/json"),)
        started = perf_counter()
        await request(site.app, _HOST, "/sign-in/begin", method="POST", headers=kind, body=body)
        return perf_counter() - started

    async def go() -> tuple[list[float], list[float]]:
        times: dict[bool, list[float]] = {True: [], False: []}
        for number in range(count + 40):
            # Side by side, so that a slow moment of the machine meets both.
            for is_known in chance.sample((True, False), 2):
                taken = await begin(
                    "known@bench.example" if is_known else f"nobody{number}@bench.example"
                )
                if number >= 40:
                    times[is_known].append(taken)
        return times[True], times[False]

    told, untold = asyncio.run(go())
    area = _area(told, untold)
    every = sorted(told + untold)
    return [
        at_most(
            f"Known addresses told by time, area under the curve over {count:,} of each",
            0.55,
            max(area, 1 - area),
            "",
            f"seed {seed}",
        ),
        at_most("Beginning to sign in, p95", 30, every[int(len(every) * 0.95)] * 1000, "ms"),
    ]


def _area(these: Sequence[float], those: Sequence[float]) -> float:
    """The chance that one of these took longer than one of those."""
    ranked = sorted([(one, True) for one in these] + [(one, False) for one in those])
    ranks = sum(place for place, (_, is_this) in enumerate(ranked, 1) if is_this)
    return (ranks - len(these) * (len(these) + 1) / 2) / (len(these) * len(those))


def _rows(world: World) -> int:
    with world.site.transaction() as session:
        tables = METADATA.sorted_tables
        return sum(session.scalar(select(func.count()).select_from(one)) or 0 for one in tables)


def _resident() -> float:
    """Megabytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20
