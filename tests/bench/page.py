"""The ERN page in this process: session, access, audit and render, without a network."""

import asyncio
from statistics import median
from time import perf_counter
from typing import Any

from litestar import Litestar

from cpms_core.http.app import live_site, load_plugins, make_app
from cpms_core.settings import read_site
from tests.bench.figure import CannotMeasureError, Figure, at_most, spread
from tests.bench.ground import PANELS, PLUGINS, REQUESTS, Ground

PATH = "/erns/ithaca"
ROWS = REQUESTS + PANELS
_WARM_UP = 20
_TIMES = 200


def measure(ground: Ground) -> Figure:
    site = read_site(ground.data)
    live = live_site(site, load_plugins(PLUGINS), engine=ground.engine)
    [token] = ground.population.sign_in(1)
    times = asyncio.run(_times(make_app(live), token))
    what = f"ERN page of {ROWS} rows in process, median of {_TIMES}"
    return at_most(what, 12, median(times) * 1000, "ms", spread(times))


async def _times(app: Litestar, token: str) -> list[float]:
    _ensure_full(*await _get(app, token))
    for _ in range(_WARM_UP):
        await _get(app, token)
    times = []
    for _ in range(_TIMES):
        started = perf_counter()
        await _get(app, token)
        times.append(perf_counter() - started)
    return times


def _ensure_full(status: int, body: bytes) -> None:
    if status != 200:
        raise CannotMeasureError(f"GET {PATH} answers {status}")
    links = body.count(b'href="/cases/') + body.count(b'href="/requests/')
    rows = body.count(b"<tr") - 1 + body.count(b'class="row"')
    if max(links, rows) < ROWS:
        raise CannotMeasureError(f"GET {PATH} shows {max(links, rows)} rows of {ROWS}")


async def _get(app: Litestar, token: str) -> tuple[int, bytes]:
    """One request straight into the application, as a server would hand it over."""
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": PATH,
        "raw_path": PATH.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(b"host", b"localhost"), (b"cookie", f"cpms={token}".encode())],
        "client": ("127.0.0.1", 1),
        "server": ("localhost", 80),
        "state": {},
        "extensions": {},
    }
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)  # type: ignore[arg-type]  # a scope as servers make it, not Litestar's own type
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return sent[0]["status"], body
