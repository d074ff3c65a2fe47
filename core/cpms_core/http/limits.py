"""How often one client may ask, by rate class: a token bucket in this process's memory.

A client is a session that has proved to be one; who has none, or makes one up, shares the bucket of
the address with everybody there. Enough for one worker; several workers each allow this much.
"""

import threading
import time
from typing import Final

from cpms_core.declarations import Rate
from cpms_core.errors import TooManyError

# (tokens at most, tokens a second)
RATES: Final[dict[Rate, tuple[float, float]]] = {
    "page": (400, 100),
    "write": (120, 20),
    "search": (120, 30),
    "upload": (2000, 200),
    "file": (4000, 400),
    "ceremony": (200, 5),
    "stream": (300, 10),
}
_MAX_CLIENTS = 20_000


class Limiter:
    def __init__(self) -> None:
        # Apart by class: whoever floods pages must not make the others forgotten.
        self._buckets: dict[Rate, dict[str, tuple[float, float]]] = {rate: {} for rate in RATES}
        self._proved: set[str] = set()
        self._lock = threading.Lock()

    def clear(self) -> None:
        """Forget every client."""
        with self._lock:
            for clients in self._buckets.values():
                clients.clear()

    def prove(self, session_token: str) -> None:
        """Remember that this token belongs to a living session."""
        with self._lock:
            if len(self._proved) > _MAX_CLIENTS:
                self._proved.clear()
            self._proved.add(session_token)

    def take(self, rate: Rate, address: str, session_token: str = "") -> None:
        """Take one token of the bucket; TooManyError if there is none."""
        client = session_token if session_token in self._proved else address
        most, refill = RATES[rate]
        now = time.monotonic()
        clients = self._buckets[rate]
        with self._lock:
            if len(clients) > _MAX_CLIENTS:
                clients.clear()
            tokens, seen = clients.get(client, (most, now))
            tokens = min(most, tokens + (now - seen) * refill)
            clients[client] = (max(tokens - 1, 0.0), now)
        if tokens < 1:
            wait = int((1 - tokens) / refill) + 1
            raise TooManyError(f"That was very often. Please wait {wait} s and try again.", wait)
