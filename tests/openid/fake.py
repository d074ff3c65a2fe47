"""A small OpenID provider that lies as it is told: real HTTP on loopback, keys of its own.

`with FakeProvider() as fake:`; a test changes what it says before the browser comes back.
"""

import hmac
import json
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from joserfc import jws
from joserfc.jwk import ECKey, RSAKey

from tests.softkey import b64

CLIENT = "cpms"
_KEY = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})
"""One for all of them, for making one takes its time."""
HANGS = 30.0
"""Seconds; nobody waits for all of them."""
Sign = Callable[["FakeProvider", Mapping[str, Any]], str]


class FakeProvider:
    def __init__(self) -> None:
        self.key = _KEY
        self.other_key = ECKey.generate_key("P-256", {"kid": "one"})
        self.described: dict[str, Any] = {}
        """What is otherwise in the discovery document."""
        self.claims: dict[str, Any] = {}
        """What is otherwise in the id token."""
        self.sign: Sign = signed
        self.bodies: dict[str, bytes] = {}
        """Path → what is answered instead."""
        self.redirects: dict[str, str] = {}
        self.hangs: set[str] = set()
        self.trickles: set[str] = set()
        self.asked: list[str] = []
        self.forms: list[str] = []
        self._over = threading.Event()
        self._server = _Server(self)
        self.issuer = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        # It looks every 10 ms whether it is over; the usual half second is longer than most tests.
        serve = partial(self._server.serve_forever, poll_interval=0.01)
        self._thread = threading.Thread(target=serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def id_token(self) -> str:
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": CLIENT,
            "sub": "ana",
            "iat": now,
            "exp": now + 300,
            **self.claims,
        }
        return self.sign(self, {name: one for name, one in claims.items() if one is not None})

    def answer(self, path: str) -> bytes:
        if path in self.bodies:
            return self.bodies[path]
        at = self.issuer
        documents: dict[str, Callable[[], dict[str, Any]]] = {
            "/.well-known/openid-configuration": lambda: {
                "issuer": at,
                "authorization_endpoint": f"{at}/auth",
                "token_endpoint": f"{at}/token",
                "jwks_uri": f"{at}/jwks",
                "authorization_response_iss_parameter_supported": True,
                **self.described,
            },
            "/token": lambda: {"token_type": "Bearer", "id_token": self.id_token()},
            "/jwks": lambda: {"keys": [self.key.as_dict(private=False)]},
        }
        return json.dumps(documents[path]()).encode()

    def waits(self, seconds: float) -> bool:
        """Whether the test is over meanwhile."""
        return self._over.wait(seconds)


class _Handler(BaseHTTPRequestHandler):
    server: "_Server"

    def do_GET(self) -> None:
        fake = self.server.fake
        fake.asked.append(self.path)
        if self.path in fake.hangs:
            fake.waits(HANGS)
        if self.path in fake.redirects:
            self.send_response(302)
            self.send_header("Location", fake.redirects[self.path])
            self.end_headers()
            return
        body = fake.answer(self.path)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        # Whoever asked may have heard enough.
        with suppress(OSError):
            self._write(body, 1 if self.path in fake.trickles else len(body))

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        self.server.fake.forms.append(self.rfile.read(length).decode())
        self.do_GET()

    def _write(self, body: bytes, step: int) -> None:
        for start in range(0, len(body), step):
            self.wfile.write(body[start : start + step])
            if step < len(body) and self.server.fake.waits(0.5):
                return

    def log_message(self, *_arguments: Any) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, fake: FakeProvider) -> None:
        self.fake = fake
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, *_arguments: Any) -> None:
        """A client that went away is what some tests are about."""


def signed(fake: FakeProvider, claims: Mapping[str, Any]) -> str:
    """As it should be."""
    return jws.serialize_compact({"alg": "RS256", "kid": "one"}, json.dumps(claims), fake.key)


def unsigned(fake: FakeProvider, claims: Mapping[str, Any]) -> str:
    del fake
    return _spelt({"alg": "none"}, claims) + "."


def with_the_public_key_as_secret(fake: FakeProvider, claims: Mapping[str, Any]) -> str:
    """What a checker believes that takes the token's word for how to check it."""
    said = _spelt({"alg": "HS256", "kid": "one"}, claims)
    proof = hmac.digest(fake.key.as_pem(private=False), said.encode(), "sha256")
    return f"{said}.{b64(proof)}"


def with_its_own_key(fake: FakeProvider, claims: Mapping[str, Any]) -> str:
    """By a key that is in the token and not among the provider's."""
    header = {"alg": "ES256", "kid": "one", "jwk": fake.other_key.as_dict(private=False)}
    return jws.serialize_compact(header, json.dumps(claims), fake.other_key)


def changed(fake: FakeProvider, claims: Mapping[str, Any]) -> str:
    """A good signature, of other claims."""
    header, _, proof = signed(fake, claims).split(".")
    return f"{header}.{b64(json.dumps({**claims, 'sub': 'eva'}).encode())}.{proof}"


def deep(fake: FakeProvider, claims: Mapping[str, Any]) -> str:
    del fake, claims
    return f"{b64(b'[' * 50_000)}.{b64(b'{}')}.{b64(b'x')}"


def _spelt(header: Mapping[str, str], claims: Mapping[str, Any]) -> str:
    return f"{b64(json.dumps(header).encode())}.{b64(json.dumps(claims).encode())}"
