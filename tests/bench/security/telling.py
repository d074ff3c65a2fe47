"""What the time of an answer tells: whether an address has an account.

Two kinds of requests are sent side by side, so that a slow moment of the machine meets both. The
figure is the area under the curve: how often one of the one kind took longer than one of the other.
"""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Iterator, Sequence
from time import perf_counter
from urllib.parse import urlencode

from cpms_core.clock import clock
from tests import factories
from tests.bench.direct import Got, request
from tests.bench.figure import Figure, at_most
from tests.site import ORIGIN
from tests.softkey import SoftKey
from tests.web.world import World

MOST = 0.55
"""0.5 tells nothing, 1 tells it each time."""
LONGEST = 30.0
"""Milliseconds for the beginning of a sign-in, p95."""
_HOST = ORIGIN.removeprefix("http://")
_WARMING = 40
_KNOWN, _ENDED, _UNKNOWN = "known@bench.example", "ended@bench.example", "nobody{}@bench.example"
_JSON, _FORM = b"application/json", b"application/x-www-form-urlencoded"
Ask = Callable[[bool, int], Awaitable[Got]]
"""Sends the one kind or the other; the number is for what must differ each time."""


def measure_addresses(world: World, count: int, seed: int) -> Iterator[Figure]:
    """An address with an account, against one without, or whose account has ended."""
    with world.site.transaction() as session:
        for email, ended in ((_KNOWN, None), (_ENDED, clock.now())):
            user = factories.make_user(session, email=email, disabled_at=ended)
            factories.make_key(session, user, credential_id=SoftKey(ORIGIN).credential_id)
    for path, what in (
        ("/sign-in/begin", "beginning to sign in"),
        ("/recover", "entering a recovery code"),
        ("/join/begin", "beginning to join"),
    ):
        for other, against in ((_UNKNOWN, "unknown"), (_ENDED, "ended")):
            times = asyncio.run(_side_by_side(world, _typing(world, path, other), count, seed))
            yield _told(f"Known from {against} addresses told by {what}", times, seed)
            if path == "/sign-in/begin" and other == _UNKNOWN:
                yield at_most("Beginning to sign in, p95", LONGEST, _p95(*times) * 1000, "ms")


def _typing(world: World, path: str, other: str) -> Ask:
    kind = _FORM if path == "/recover" else _JSON

    def ask(is_known: bool, number: int) -> Awaitable[Got]:
        typed = {"email": _KNOWN if is_known else other.format(number)}
        typed |= {} if path == "/sign-in/begin" else {"name": "Dr New", "code": "AAAA"}
        body = (json.dumps(typed) if kind == _JSON else urlencode(typed)).encode()
        return _post(world, path, body, (b"content-type", kind))

    return ask


def _post(world: World, path: str, body: bytes, *headers: tuple[bytes, bytes]) -> Awaitable[Got]:
    headers = (*headers, (b"origin", ORIGIN.encode()))
    return request(world.site.app, _HOST, path, method="POST", headers=headers, body=body)


async def _side_by_side(
    world: World, ask: Ask, count: int, seed: int
) -> tuple[list[float], list[float]]:
    """Seconds, of the one kind and of the other."""
    chance = random.Random(seed)  # noqa: S311 - a repeatable attack, not a secret
    times: dict[bool, list[float]] = {True: [], False: []}
    for number in range(count + _WARMING):
        for is_known in chance.sample((True, False), 2):
            world.site.live.limiter.clear()
            started = perf_counter()
            await ask(is_known, number)
            times[is_known].append(perf_counter() - started)
    return times[True][_WARMING:], times[False][_WARMING:]


def _told(what: str, times: tuple[list[float], list[float]], seed: int) -> Figure:
    area = _area(*times)
    what = f"{what}, area under the curve over {len(times[0]):,} of each"
    return at_most(what, MOST, max(area, 1 - area), "", f"seed {seed}")


def _p95(these: Sequence[float], those: Sequence[float]) -> float:
    return sorted([*these, *those])[int(0.95 * (len(these) + len(those)))]


def _area(these: Sequence[float], those: Sequence[float]) -> float:
    """The chance that one of these took longer than one of those."""
    ranked = sorted([(one, True) for one in these] + [(one, False) for one in those])
    ranks = sum(place for place, (_, is_this) in enumerate(ranked, 1) if is_this)
    return (ranks - len(these) * (len(these) + 1) / 2) / (len(these) * len(those))
