"""Requests straight into the application, as a server would hand them over: no network."""

from typing import Any, NamedTuple

from litestar import Litestar


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


def cookie(token: str) -> tuple[bytes, bytes]:
    return b"cookie", f"cpms={token}".encode()
