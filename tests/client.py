"""An HTTP client that hands its requests to an application in this process.

httpx writes what is sent and reads what comes back. Its own client, Litestar's upon it and an event
loop for each test cost more than most answers do. Here one loop serves all tests, in a thread of
its own, so that several threads can ask at the same moment.
"""

import asyncio
import logging
from functools import cache
from threading import Thread
from typing import Any

from httpx import ByteStream, RemoteProtocolError, Request, Response
from litestar.types import ASGIApp, Message, Scope

log = logging.getLogger(__name__)

_USUAL = (
    (b"accept", b"*/*"),
    (b"accept-encoding", b"gzip, deflate"),
    (b"connection", b"keep-alive"),
    (b"user-agent", b"testclient"),
)
"""Sent unless a request says it otherwise."""


class Client:
    """Keeps no cookies and follows no redirect. What the application raises is a 500."""

    def __init__(self, app: ASGIApp, origin: str) -> None:
        self._app = app
        self._origin = origin

    def request(self, method: str, path: str, **options: Any) -> Response:
        """The path with its query, and what `httpx.Request` takes: headers, data, json, files …"""
        request = Request(method, path if "://" in path[:8] else self._origin + path, **options)
        exchange = _Exchange(request)
        asyncio.run_coroutine_threadsafe(exchange.run(self._app), _loop()).result()
        return exchange.response()


class _Exchange:
    """One request and its answer, as ASGI 3.0 has them."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._is_sent = False
        self._is_over = asyncio.Event()
        self._start: Any = {"status": 500, "headers": []}
        self._body: list[bytes] = []

    async def run(self, app: ASGIApp) -> None:
        try:
            await app(self._scope(), self._receive, self._send)
        except Exception:  # a server, too, answers 500 whatever is raised
            log.exception("the application failed")
            self._is_over.set()

    def response(self) -> Response:
        if not self._is_over.is_set():
            raise RemoteProtocolError("the answer broke off", request=self._request)
        body = ByteStream(b"".join(self._body))
        start = self._start
        answer = Response(start["status"], headers=start["headers"], stream=body)
        answer.request = self._request
        answer.read()
        return answer

    def _scope(self) -> Scope:
        url = self._request.url
        path, _, query = url.raw_path.partition(b"?")
        sent = [(name.lower(), value) for name, value in self._request.headers.raw]
        names = {name for name, _ in sent}
        scope: Any = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": self._request.method,
            "scheme": url.scheme,
            "path": url.path,
            "raw_path": path,
            "query_string": query,
            "root_path": "",
            "headers": [*sent, *(one for one in _USUAL if one[0] not in names)],
            "client": ("testclient", 50000),
            "server": (url.host, url.port),
        }
        return scope  # type: ignore[no-any-return]  # what Litestar adds to it comes later

    async def _receive(self) -> Any:
        if self._is_sent:
            await self._is_over.wait()
            return {"type": "http.disconnect"}
        self._is_sent = True
        return {"type": "http.request", "body": self._request.read(), "more_body": False}

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
        elif message["type"] == "http.response.body":
            self._body.append(message["body"])
            if not message["more_body"]:
                self._is_over.set()


@cache
def _loop() -> asyncio.AbstractEventLoop:
    """It runs until the process ends, in one task: threads for work belong to that."""
    loop = asyncio.new_event_loop()
    forever = asyncio.Event().wait()
    Thread(target=loop.run_until_complete, args=(forever,), daemon=True).start()
    return loop
