"""Two windows save the same thing at the same moment, thousands of times: nothing is lost unsaid.

Half of the pairs change one contribution, half the draft of one outcome. Both windows have opened
the same version, and both are sent at once. One save must win. The other must be told, with both
texts on its page, and must find its own again when the form is opened anew.
"""

import asyncio
from collections.abc import Callable, Iterator
from time import perf_counter
from typing import NamedTuple
from urllib.parse import urlencode
from uuid import UUID

from litestar import Litestar
from sqlalchemy import select

from cpms_core.datasets.records import as_form
from cpms_core.http.app import make_app
from cpms_core.identity.tokens import csrf_token
from cpms_core.panels.models import Contribution, Outcome
from cpms_core.panels.outcome.outcomes import DATASET
from tests.bench.direct import Got, cookie, request
from tests.bench.figure import Figure, none_of
from tests.core.panels.consultation import plain_opinion
from tests.site import ORIGIN
from tests.web.world import World

PAIRS = 2000
_HOST = ORIGIN.removeprefix("http://")
Form = dict[str, list[str]]


class Place(NamedTuple):
    """Something that two windows can save."""

    path: str
    who: str
    form: Callable[[str], Form]
    """With this text in it."""
    stored: Callable[[], tuple[int, str]]
    """The version of its row, and the text that is in it."""


def measure(world: World, pairs: int = PAIRS) -> Iterator[Figure]:
    """`world` stands at the outcome: then both can be written."""
    started = perf_counter()
    lost = asyncio.run(_race(world, pairs))
    taken = perf_counter() - started
    for one in lost[:10]:
        print(f"    {one}")
    what = f"Saves lost without a word, of {pairs:,} pairs at the same moment"
    yield none_of(what, len(lost), f"{taken / pairs * 1000:.0f} ms a pair, with what is read again")


async def _race(world: World, pairs: int) -> list[str]:
    app = make_app(world.site.live)
    places = (_contribution(world), _draft(world))
    lost: list[str] = []
    for number in range(pairs):
        world.site.live.limiter.clear()
        lost.extend(await _pair(app, world, places[number % 2], number))
    return lost


async def _pair(app: Litestar, world: World, place: Place, number: int) -> list[str]:
    """What went wrong with these two, in sentences."""
    texts = [f"Window {window} of pair {number}." for window in "AB"]
    before, _ = place.stored()
    got = await asyncio.gather(*(_save(app, world, place, text, before) for text in texts))
    after, kept = place.stored()
    wrong = [f"pair {number}: {one.status}" for one in got if one.status not in {303, 409}]
    won = [text for text, one in zip(texts, got, strict=True) if one.status == 303]
    if won != [kept] or after != before + 1:
        wrong.append(f"pair {number}: {won} won, {kept!r} is stored as version {after}")
    for text, one in zip(texts, got, strict=True):
        if one.status == 409:
            again = await _send(app, world, place.who, place.path)
            page, form = one.body.decode(), again.body.decode()
            if text not in page or kept not in page or text not in form:
                wrong.append(f"pair {number}: the one that came second did not keep {text!r}")
    await _send(app, world, place.who, *_discard(place))
    return wrong


def _discard(place: Place) -> tuple[str, Form]:
    """So that the next pair starts with what is saved."""
    if place.path.endswith("/outcome"):
        return f"{place.path}/discard", {}
    folder, _, one = place.path.rpartition("/")
    return f"{folder}/discard", {"place": [f"change {one}"]}


async def _save(app: Litestar, world: World, place: Place, text: str, seen: int) -> Got:
    return await _send(app, world, place.who, place.path, {**place.form(text), "seen": [str(seen)]})


async def _send(app: Litestar, world: World, who: str, path: str, form: Form | None = None) -> Got:
    token = world[who].token
    if form is None:
        return await request(app, _HOST, path, headers=(cookie(token),))
    headers = (
        cookie(token),
        (b"content-type", b"application/x-www-form-urlencoded"),
        (b"origin", ORIGIN.encode()),
        (b"x-csrf-token", csrf_token(token.encode()).encode()),
    )
    body = urlencode(form, doseq=True).encode()
    return await request(app, _HOST, path, method="POST", headers=headers, body=body)


def _contribution(world: World) -> Place:
    one = UUID(world.values["contribution_id"])

    def stored() -> tuple[int, str]:
        with world.site.transaction() as session:
            row = session.get_one(Contribution, one)
            return row.row_version, row.text

    path = f"/panels/{world.values['panel_id']}/contributions/{one}"
    return Place(path, "member", lambda text: {"text": [text]}, stored)


def _draft(world: World) -> Place:
    def form(text: str) -> Form:
        return as_form(DATASET, plain_opinion(heading=text))

    def stored() -> tuple[int, str]:
        with world.site.transaction() as session:
            row = session.scalars(select(Outcome)).one()
            return row.row_version, row.draft["heading"]

    return Place(f"/panels/{world.values['panel_id']}/outcome", "lead", form, stored)
