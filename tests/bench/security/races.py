"""Requests that began before their session was ended and end after it: none may bring it back."""

import asyncio
from datetime import timedelta
from typing import Any, cast
from urllib.parse import urlencode
from uuid import UUID

from litestar import Litestar
from sqlalchemy import func, select, update

from cpms_core.clock import clock
from cpms_core.identity.models import SignInSession, User
from cpms_core.identity.tokens import csrf_token
from cpms_core.patients.models import Patient
from tests import factories
from tests.bench.direct import Got, cookie, request
from tests.bench.figure import Figure, none_of
from tests.site import ORIGIN
from tests.web.attempts import PATIENT
from tests.web.world import World

_HOST = ORIGIN.removeprefix("http://")
_READERS = 3
# Long enough ago that every request has to note when its session was last seen.
_LAST_SEEN = timedelta(minutes=2)


def measure(world: World, count: int) -> Figure:
    """Half of them are pages read at the same moment, half a form whose body comes too late."""
    user_id = world.id_of("professional")
    tokens = _sign_in(world, user_id, count)
    enrolled = _patients(world)

    async def go() -> int:
        revived = 0
        for number, token in enumerate(tokens):
            world.site.live.limiter.clear()
            race = _read_meanwhile if number % 2 else _post_too_late
            revived += await race(world, token)
        return revived

    revived = asyncio.run(go()) + (_patients(world) != enrolled)
    living = _living(world, tokens) + (_rows_alive(world, user_id) - 1)  # its own one stays
    what = f"Sessions alive after {count:,} races of a slow request with a sign-out"
    return none_of(what, living + revived)


async def _read_meanwhile(world: World, token: str) -> int:
    """How many answers gave the cookie back."""
    app = world.site.app
    pages = [request(app, _HOST, "/centre", headers=(cookie(token),)) for _ in range(_READERS)]
    *read, left = await asyncio.gather(*pages, _sign_out(world, token))
    assert left.status == 303, left
    return sum(token in got.headers.get("set-cookie", "") for got in read)


async def _post_too_late(world: World, token: str) -> int:
    """1 if the form was taken although its session ended while its body was under way."""
    began, may_go_on = asyncio.Event(), asyncio.Event()

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        async def receive_late() -> Any:
            began.set()
            await may_go_on.wait()
            return await receive()

        await world.site.app(scope, receive_late, send)

    form = urlencode(PATIENT).encode()
    late = asyncio.create_task(_post(cast("Litestar", slow), token, "/centre/patients/new", form))
    await asyncio.wait_for(began.wait(), 10)
    left = await _sign_out(world, token)
    assert left.status == 303, left
    may_go_on.set()
    return (await late).status != 401


async def _sign_out(world: World, token: str) -> Got:
    return await _post(world.site.app, token, "/sign-out", b"")


async def _post(app: Litestar, token: str, path: str, body: bytes) -> Got:
    headers = (
        cookie(token),
        (b"content-type", b"application/x-www-form-urlencoded"),
        (b"origin", ORIGIN.encode()),
        (b"x-csrf-token", csrf_token(token.encode()).encode()),
    )
    return await request(app, _HOST, path, method="POST", headers=headers, body=body)


def _sign_in(world: World, user_id: UUID, count: int) -> list[str]:
    with world.site.transaction() as session:
        user = session.get_one(User, user_id)
        tokens = [factories.make_session(session, user) for _ in range(count)]
        seen = clock.now() - _LAST_SEEN
        session.execute(update(SignInSession).values(created_at=seen, last_seen_at=seen))
    return tokens


def _living(world: World, tokens: list[str]) -> int:
    """How many cookies still open a page."""

    async def ask() -> int:
        found = 0
        for token in tokens:
            world.site.live.limiter.clear()
            got = await request(world.site.app, _HOST, "/help", headers=(cookie(token),))
            found += got.status == 200
        return found

    return asyncio.run(ask())


def _rows_alive(world: World, user_id: UUID) -> int:
    own = select(func.count(SignInSession.id)).where(
        SignInSession.user_id == user_id, SignInSession.revoked_at.is_(None)
    )
    with world.site.transaction() as session:
        return session.scalar(own) or 0


def _patients(world: World) -> int:
    with world.site.transaction() as session:
        return session.scalar(select(func.count(Patient.id))) or 0
