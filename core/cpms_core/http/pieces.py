"""Bodies that are sent piece by piece, as far as whoever they are for takes them and still may."""

import logging
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import AbstractContextManager, aclosing
from io import BytesIO
from pathlib import Path
from typing import Any

from anyio import CancelScope, CapacityLimiter, create_task_group, to_thread
from litestar import Response
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Send

log = logging.getLogger("cpms")

PIECE = 2**17
"""Bytes; some of them wait in the server for a client that reads slowly."""
Over = Callable[[], AbstractContextManager[CancelScope]]
"""What the sending runs in: see `watching.Watch.over`."""
_threads = CapacityLimiter(4)


class Pieces(Response[bytes]):
    """An answer whose body comes in pieces; with `Content-Length` if the headers have it."""

    def __init__(self, pieces: AsyncGenerator[bytes, None], over: Over, **options: Any) -> None:
        super().__init__(b"", **options)
        self._pieces, self._over = pieces, over

    def to_asgi_response(self, *_args: Any, **options: Any) -> ASGIResponse:
        return _Sending(
            self._pieces,
            self._over,
            headers={**(options.get("headers") or {}), **self.headers},
            cookies=[*self.cookies, *(options.get("cookies") or ())],
            media_type=self.media_type,
            status_code=self.status_code,
        )


class _Sending(ASGIResponse):
    _should_set_content_length = False

    def __init__(self, pieces: AsyncGenerator[bytes, None], over: Over, **options: Any) -> None:
        super().__init__(**options)
        self._pieces, self._over = pieces, over

    async def send_body(self, send: Send, receive: Receive) -> None:
        """Returning before the end makes the server break the connection off, as it must."""
        with self._over():
            async with create_task_group() as group, aclosing(self._pieces) as pieces:
                group.start_soon(_wait_until_gone, receive, group.cancel_scope)
                try:
                    async for piece in pieces:
                        await send({"type": "http.response.body", "body": piece, "more_body": True})
                except Exception:  # whatever a plugin's pieces raise ends this answer only
                    log.exception("an answer broke off")
                else:
                    await send({"type": "http.response.body", "body": b"", "more_body": False})
                group.cancel_scope.cancel()


async def _wait_until_gone(receive: Receive, scope: CancelScope) -> None:
    """The server takes pieces for nobody without a word, so the client's going has to be heard."""
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()


async def in_thread(pieces: Iterator[bytes]) -> AsyncGenerator[bytes, None]:
    """The same, each made in a thread."""
    try:
        while (piece := await to_thread.run_sync(next, pieces, None, limiter=_threads)) is not None:
            yield piece
    finally:
        close = getattr(pieces, "close", None)
        if close is not None:
            close()


def pieces_of(
    content: bytes | Path, offset: int, length: int, each: int = PIECE
) -> Iterator[bytes]:
    """`length` bytes from `offset` on; EOFError if a file has fewer of them."""
    with BytesIO(content) if isinstance(content, bytes) else content.open("rb") as source:
        source.seek(offset)
        while length > 0:
            piece = source.read(min(each, length))
            if not piece:
                raise EOFError("the file is shorter than it was a moment ago")
            length -= len(piece)
            yield piece
