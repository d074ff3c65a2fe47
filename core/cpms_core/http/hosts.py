"""The site answers under its one address only, whatever a request claims to have asked for.

Links, cookies and security keys are bound to `base_url`; under another name nothing would work, and
an attacker's name must not reach anything that trusts it. `/health` answers under every name, for
whatever watches the site from inside.
"""

from html import escape
from typing import Final

from litestar.response.base import ASGIResponse
from litestar.types import ASGIApp, Receive, Scope, Send

from cpms_core.http.outgoing import COMMON_HEADERS, NO_STORE, content_security_policy
from cpms_core.http.site import LiveSite

_DEFAULT_PORTS: Final = {"http": ":80", "https": ":443"}
_ANYWHERE: Final = "/health"


def one_host(app: ASGIApp, live: LiveSite) -> ASGIApp:
    """`app`, and 400 with the right address for whoever came by another one."""
    scheme, _, host = live.origin.partition("://")
    port = _DEFAULT_PORTS.get(scheme, "")
    expected = _plain(host, port)

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        given = [value for name, value in scope["headers"] if name.lower() == b"host"]
        is_right = len(given) == 1 and _plain(given[0].decode("latin-1"), port) == expected
        if is_right or scope["path"] == _ANYWHERE:
            await app(scope, receive, send)
        else:
            await _refusal(live.settings.base_url)(scope, receive, send)

    return guarded


def _plain(host: str, default_port: str) -> str:
    return host.strip().lower().removesuffix(default_port) if default_port else host.lower()


def _refusal(address: str) -> ASGIResponse:
    link = f'<a href="{escape(address)}">{escape(address)}</a>'
    return ASGIResponse(
        body=f"<!doctype html><title>Another address</title><p>This site is reached at {link}.",
        status_code=400,
        media_type="text/html; charset=utf-8",
        headers={
            **COMMON_HEADERS,
            **NO_STORE,
            "Content-Security-Policy": content_security_policy(),
        },
    )
