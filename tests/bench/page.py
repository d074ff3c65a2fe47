"""The ERN page in this process: session, access, audit and render, without a network."""

import asyncio
import re
from statistics import median
from time import perf_counter, process_time
from typing import Any

from litestar import Litestar

from cpms_core.http.app import live_site, load_plugins, make_app
from cpms_core.settings import read_site
from tests.bench.figure import CannotMeasureError, Figure, at_most, spread
from tests.bench.ground import PANELS, PLUGINS, REQUESTS, Ground

PATH = "/erns/ithaca"
ROWS = REQUESTS + PANELS
_LINK = re.compile(rb'href="/(?:requests|panels)/([0-9a-f-]{36})')
_WARM_UP = 20
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
    """Seconds by the clock of each request, and of the processor on average."""
    _ensure_full(*await _get(app, host, token))
    for _ in range(_WARM_UP):
        await _get(app, host, token)
    times = []
    spent = process_time()
    for _ in range(_TIMES):
        started = perf_counter()
        await _get(app, host, token)
        times.append(perf_counter() - started)
    return times, (process_time() - spent) / _TIMES


def _ensure_full(status: int, body: bytes) -> None:
    if status != 200:
        raise CannotMeasureError(f"GET {PATH} answers {status}")
    shown = rows_in(body)
    if shown < ROWS:
        raise CannotMeasureError(f"GET {PATH} shows {shown} rows of {ROWS}")


def rows_in(body: bytes) -> int:
    """Requests and panels that the page links to."""
    return len(set(_LINK.findall(body)))


async def _get(app: Litestar, host: str, token: str) -> tuple[int, bytes]:
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
        "headers": [(b"host", host.encode()), (b"cookie", f"cpms={token}".encode())],
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
