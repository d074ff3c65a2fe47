"""Tell open pages that something has changed: server-sent events without any content.

One look a tenth of a second for all streams of a worker, while there are any: the store is asked
for what was recorded since, so it does not matter which worker did it. A stream is a coroutine
that waits; it holds neither a thread nor a connection to the store. A page that gets a sign
fetches what has changed, and the right to see that is asked for there like for any page.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractContextManager
from typing import Final

from anyio import CapacityLimiter, to_thread
from sqlalchemy.orm import Session

from cpms_core.answers import Live
from cpms_core.errors import FullError, TooManyError
from cpms_core.http.looking import Stream, look

log = logging.getLogger("cpms")

Reading = Callable[[], AbstractContextManager[Session]]
Signs = Callable[[Live], AsyncGenerator[bytes, None]]

EVERY: Final = 0.1
HEARTBEAT: Final = 15.0
"""Seconds; proxies give up what is silent for longer."""
LONGEST: Final = 900.0
"""Seconds. Then the browser opens another one: by what is installed, and on a worker, of then."""
MOST_OF_ONE: Final = 5
"""Of one session: over HTTP/1.1 a browser has six connections, and pages need one."""
MOST: Final = 250
_AGAIN_SOON: Final = b"retry: 3000\n\n"
_AGAIN_LATER: Final = b"retry: 60000\n\n"
_HEARTBEAT: Final = b": still here\n\n"
_OVER: Final = b"event: over\ndata:\n\n"


class Hub:
    """Of one worker; but for `open`, used in its event loop only."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._streams: dict[Stream, None] = {}
        self._rounds: asyncio.Task[None] | None = None
        self._thread = CapacityLimiter(1)
        self.longest = LONGEST

    def open(self, live: Live, token: str) -> AsyncGenerator[bytes, None]:
        """The body of one stream; refused if this session, or everybody, has too many."""
        self._ensure_room(token)
        return self._signs(live, token)

    def _ensure_room(self, token: str) -> None:
        open_now = [one.token for one in tuple(self._streams)]
        if open_now.count(token) >= MOST_OF_ONE:
            raise TooManyError("You have this site open in many windows; the others are live.", 60)
        if len(open_now) >= MOST:
            raise FullError("Too many pages are live right now. This one works without it.")

    async def _signs(self, live: Live, token: str) -> AsyncGenerator[bytes, None]:
        try:
            self._ensure_room(token)  # again: several may have come in at once
        except (TooManyError, FullError):
            yield _AGAIN_LATER
            return
        now = time.monotonic()
        one = Stream(live, token, set(live.seen), asked_at=now)
        if live.is_behind:
            one.wake.set()
        self._add(one)
        try:
            yield _AGAIN_SOON
            while (left := now + self.longest - time.monotonic()) > 0 or one.wake.is_set():
                yield await _next(one, min(max(left, 0), HEARTBEAT))
                if one.is_over:
                    return
        finally:
            del self._streams[one]

    def _add(self, one: Stream) -> None:
        self._streams[one] = None
        if self._rounds is None:
            self._rounds = asyncio.create_task(self._go_round())

    async def _go_round(self) -> None:
        """While there are any; never broken off, for a look has a connection to the store."""
        loop = asyncio.get_running_loop()
        try:
            while streams := tuple(self._streams):
                await self._look_once(streams, loop)
                await asyncio.sleep(EVERY)
        finally:
            self._rounds = None

    async def _look_once(
        self, streams: tuple[Stream, ...], loop: asyncio.AbstractEventLoop
    ) -> None:
        try:
            await to_thread.run_sync(self._look, streams, loop, limiter=self._thread)
        except Exception:  # the store may be away for a moment; the next look comes
            log.exception("nobody could be asked what has happened")
            await asyncio.sleep(1)

    def _look(self, streams: tuple[Stream, ...], loop: asyncio.AbstractEventLoop) -> None:
        """In a thread. Each is told as soon as the answer about its reader is there."""
        with self._reading() as session:
            for one, found in look(session, streams):
                loop.call_soon_threadsafe(one.tell, found)


async def _next(one: Stream, within: float) -> bytes:
    """The next thing to send."""
    try:
        async with asyncio.timeout(within):
            await one.wake.wait()
    except TimeoutError:
        return _HEARTBEAT
    one.wake.clear()
    return _OVER if one.is_over else f"event: changed\ndata: {one.newest or ''}\n\n".encode()
