"""Requests made up at random, to every route as everybody: no fault of ours, no long wait."""

import asyncio
import json
import random
from time import process_time
from typing import Any
from urllib.parse import quote_from_bytes

from litestar import Litestar

from cpms_core.identity.tokens import csrf_token
from tests.bench.direct import Got, cookie, request
from tests.bench.figure import Figure, none_of
from tests.site import ORIGIN
from tests.web.attempts import ATTEMPTS, Attempt, name_of
from tests.web.matrix import PUBLIC, allowed
from tests.web.test_hostile_requests import BODIES, TEXTS
from tests.web.world import NAMES, World

LONGEST = 2.0
"""Seconds of processor for one request."""
_HOST = ORIGIN.removeprefix("http://")
_SIGN_IN_EVERY = 500
_SLOW = frozenset({"POST /cases/{case_id}/files"})
"""Each starts a process of the sandbox: tried one time in fifty."""


def measure(world: World, count: int, seed: int) -> Figure:
    faults = asyncio.run(_attack(world, count, random.Random(seed)))  # noqa: S311 - a repeatable attack
    for fault in sorted(faults)[:10]:
        print(f"    {fault}")
    what = f"Made-up requests answered with a fault or after {LONGEST:g} s, of {count:,}"
    return none_of(what, len(faults), f"seed {seed}")


async def _attack(world: World, count: int, chance: random.Random) -> list[str]:
    made = Maker(world, chance)
    faults = []
    for number in range(count):
        if number % _SIGN_IN_EVERY == 0:  # what was sent may have ended a session or an account
            made.sign_in()
        world.site.live.limiter.clear()
        name, sent = made.request()
        started = process_time()
        got = await _send(world.site.app, sent)
        spent = process_time() - started
        if got is None or got.status >= 500 or spent > LONGEST:
            faults.append(f"{name}: {got.status if got else 'died'} after {spent:.1f} s, {sent}")
    return faults


async def _send(app: Litestar, sent: dict[str, Any]) -> Got | None:
    try:
        return await request(app, _HOST, **sent)
    except Exception:  # noqa: BLE001 - whatever left the application is the finding
        return None


class Maker:
    def __init__(self, world: World, chance: random.Random) -> None:
        self.world = world
        self.chance = chance
        self.routes = {name_of(*pair): pair[1] for pair in world.site.live.registry.routes}
        self.tokens: dict[str, str] = {}

    def sign_in(self) -> None:
        for name in NAMES:
            if name != "anonymous":
                user_id = self.world.id_of(name)
                self.tokens[name] = self.world.site.sign_in_again(user_id).token

    def request(self) -> tuple[str, dict[str, Any]]:
        """The name of the route, and the arguments of `request`."""
        chance = self.chance
        name = chance.choice(list(self.routes))
        while name in _SLOW and chance.random() > 0.02:  # see _SLOW
            name = chance.choice(list(self.routes))
        method = name.partition(" ")[0] if chance.random() < 0.95 else self._verb()
        token = self.tokens.get(self._person(name), "")
        kind, body = self._body(name) if method == "POST" else ("", b"")
        headers = [cookie(token)] if token else []
        if chance.random() < 0.9:
            headers.append((b"x-csrf-token", csrf_token(token.encode()).encode()))
        if kind:
            headers.append((b"content-type", kind.encode("latin-1", "replace")))
        headers += self._header()
        values = {"path": self._path(name), "method": method, "query": self._query()}
        return name, {**values, "headers": tuple(headers), "body": body}

    def _person(self, name: str) -> str:
        """Mostly somebody whom the route lets in, so that what is sent reaches its handler."""
        if name in PUBLIC or self.chance.random() < 0.3:
            return self.chance.choice(NAMES)
        return self.chance.choice(sorted(allowed(name, self.routes[name])))

    def _verb(self) -> str:
        return self.chance.choice(("GET", "POST", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "X"))

    def _path(self, name: str) -> str:
        attempt = ATTEMPTS.get(name, Attempt())
        known = {**self.world.values, "token": "t", "key": "k", **attempt.values}
        pattern = name.partition(" ")[2]
        values = {
            key: value if self.chance.random() < 0.8 else self._text()
            for key, value in known.items()
        }
        path = pattern.format_map(_Known(values))
        if self.chance.random() < 0.05:
            path = self.chance.choice(("/", "//", "")) + path + self.chance.choice(("/", ";x", "%"))
        return path

    def _text(self) -> str:
        """As a server hands a path over: decoded."""
        junk = self.chance.randbytes(self.chance.randint(0, 30)).decode("utf-8", "replace")
        return self.chance.choice(
            (junk, "x" * 3000, "..", "0", "-1", "é\u202e", "00000000", "a\x00")
        )

    def _query(self) -> bytes:
        if self.chance.random() < 0.5:
            return b""
        keys = (
            "q",
            "page",
            "stage",
            "late",
            "next",
            "case",
            "person",
            "kind",
            "on",
            "systems",
            "x",
        )
        pairs = (
            f"{self.chance.choice(keys)}={self._typed()}" for _ in range(self.chance.randint(1, 3))
        )
        return "&".join(pairs).encode("ascii", "replace")

    def _typed(self) -> str:
        if self.chance.random() < 0.6:
            return self.chance.choice(tuple(TEXTS.values()))
        return quote_from_bytes(self.chance.randbytes(self.chance.randint(0, 20)))

    def _body(self, name: str) -> tuple[str, bytes]:
        attempt = ATTEMPTS.get(name, Attempt())
        form = {key: str(one) for key, one in attempt.form_for(self.world).items()}
        match self.chance.randrange(4):
            case 0:
                kind, body = self.chance.choice(tuple(BODIES.values()))
                return kind, body if len(body) < 200_000 else body[:2000]
            case 1:
                return "application/json", json.dumps(self._value(0)).encode("utf-8", "replace")
            case _:
                for key in self.chance.sample([*form, "_once", "_base", "seen", "x"], 1):
                    form[key] = self._typed()
                return "application/x-www-form-urlencoded", "&".join(
                    f"{key}={one}" for key, one in form.items()
                ).encode("utf-8", "replace")

    def _value(self, depth: int) -> Any:
        kinds = 7 if depth < 3 else 5
        match self.chance.randrange(kinds):
            case 0:
                return None
            case 1:
                return self.chance.choice((True, 0, -1, 2**63, 1e300))
            case 2 | 3 | 4:
                return self._text()
            case 5:
                return [self._value(depth + 1) for _ in range(3)]
            case _:
                keys = ("email", "code", "ceremony", "credential", "next", "id", "response", "type")
                return {key: self._value(depth + 1) for key in self.chance.sample(keys, 4)}

    def _header(self) -> list[tuple[bytes, bytes]]:
        odd = (
            (b"hx-request", b"true"),
            (b"accept", b"application/json"),
            (b"x-forwarded-for", b"10.0.0.1"),
            (b"x-http-method-override", b"DELETE"),
            (b"sec-fetch-site", self.chance.choice((b"cross-site", b"same-origin", b"x"))),
            (b"origin", self.chance.choice((b"null", ORIGIN.encode(), b"http://evil.example"))),
            (b"range", b"bytes=0-1,-5,x"),
            (b"accept-encoding", b"gzip;q=x"),
            (b"user-agent", self.chance.randbytes(40)),
        )
        return self.chance.sample(odd, self.chance.randint(0, 2))


class _Known(dict[str, str]):
    """A path's parameter that no table knows stands for something unknown."""

    def __missing__(self, key: str) -> str:
        return "unknown"
