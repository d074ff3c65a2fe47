"""Answers that take long end with the session they are for: downloads, and streams of events.

All of a worker's are looked up together, every half second, as a request of theirs would be. The
store is asked each time, so it does not matter on which worker a session was ended. Whoever cannot
be asked about has ended.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Final

from anyio import CancelScope
from msgspec import Struct
from sqlalchemy.orm import Session

from cpms_core.identity.api_tokens import living_tokens
from cpms_core.identity.sessions import living_sessions
from cpms_core.identity.tokens import token_digest
from cpms_core.settings import Settings

log = logging.getLogger("cpms")

EVERY: Final = 0.5
"""Seconds between two looks: an ended session is over everywhere within one second."""
Reading = Callable[[], AbstractContextManager[Session]]
May = Callable[[Session], bool]


class Watched(Struct, eq=False):
    """An answer that is under way."""

    digest: bytes
    may: May | None
    scope: CancelScope


class Watch:
    """Of one worker; used in its event loop only."""

    def __init__(self, reading: Reading, settings: Settings) -> None:
        self._reading = reading
        self._settings = settings
        self._watched: set[Watched] = set()
        self._rounds: asyncio.Task[None] | None = None

    @contextmanager
    def over(self, token: str, may: May | None = None) -> Iterator[CancelScope]:
        """Run the block as long as this token, a browser's or a machine's, signs somebody in.

        And as long as they `may`, if that is given: it is asked in a thread, in a transaction that
        reads. The block is cancelled where it waits; `scope.cancelled_caught` tells afterwards.
        """
        one = Watched(token_digest(token), may, CancelScope())
        self._watched.add(one)
        if self._rounds is None:
            self._rounds = asyncio.create_task(self._go_round())
        try:
            with one.scope:
                yield one.scope
        finally:
            self._watched.discard(one)
            if not self._watched and self._rounds is not None:
                self._rounds.cancel()
                self._rounds = None

    async def _go_round(self) -> None:
        while True:
            await asyncio.sleep(EVERY)
            watched = tuple(self._watched)
            try:
                living = await asyncio.to_thread(self._living, watched)
            except Exception:  # who cannot be asked about counts as gone
                log.exception("nobody could be asked who is signed in: what was under way ends")
                living = set()
            for one in watched:
                if one not in living:
                    one.scope.cancel()

    def _living(self, watched: tuple[Watched, ...]) -> set[Watched]:
        digests = {one.digest for one in watched}
        with self._reading() as session:
            living = living_sessions(session, digests, self._settings)
            living |= living_tokens(session, digests - living)
            return {
                one
                for one in watched
                if one.digest in living and (one.may is None or one.may(session))
            }
