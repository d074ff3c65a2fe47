"""Requests straight into the application, as a server would hand them over: no network."""

from time import perf_counter, process_time
from typing import Any, NamedTuple

from litestar import Litestar

from tests.bench.figure import CannotMeasureError


class Got(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


async def request(
    app: Litestar,
    host: str,
    path: str,
    *,
    method: str = "GET",
    query: bytes = b"",
    headers: tuple[tuple[bytes, bytes], ...] = (),
    body: bytes = b"",
    client: str = "127.0.0.1",
) -> Got:
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": query,
        "headers": [(b"host", host.encode()), *headers],
        "client": (client, 1),
        "server": ("localhost", 80),
        "state": {},
        "extensions": {},
    }
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)  # type: ignore[arg-type]  # a scope as servers make it, not Litestar's own type
    given = {name.decode(): value.decode("latin-1") for name, value in sent[0]["headers"]}
    return Got(sent[0]["status"], given, b"".join(one.get("body", b"") for one in sent[1:]))


async def timed(
    app: Litestar, host: str, path: str, token: str, *, times: int, warm_up: int = 20
) -> tuple[list[float], float]:
    """Seconds by the clock of each, and of the processor on average."""
    taken = []
    spent = 0.0
    for number in range(warm_up + times):
        if number == warm_up:
            spent = process_time()
        started = perf_counter()
        got = await request(app, host, path, headers=(cookie(token),))
        taken.append(perf_counter() - started)
        if got.status != 200:
            raise CannotMeasureError(f"GET {path} answers {got.status}")
    return taken[warm_up:], (process_time() - spent) / times


def cookie(token: str) -> tuple[bytes, bytes]:
    return b"cookie", f"cpms={token}".encode()
