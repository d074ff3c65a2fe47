"""Talk to an OpenID provider: its discovery document, its token endpoint, its keys.

A provider is asked nothing but what its own settings name: every address in its discovery document
must stand at the issuer's host and port, so no document can send requests, the client's secret or
the browser elsewhere. No redirect is followed, an answer may hold 256 KiB, and all of a
conversation takes ten seconds at most. Two may be under way in one worker: a provider that hangs
leaves threads to other work. Whatever comes back, only OpenIdError leaves this module.
"""

import asyncio
import hashlib
import logging
import ssl
import threading
from base64 import urlsafe_b64encode
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import httpx
import msgspec
from msgspec import Struct

from cpms_core.identity.openid import Sent
from cpms_core.identity.openid_token import Named, OpenIdError, read_id_token
from cpms_core.settings import OpenIdProvider

log = logging.getLogger("cpms")

T = TypeVar("T")
PATIENCE = 10.0
"""Seconds for all questions of one step together."""
MOST_AT_ONCE = 2
_LARGEST = 256 * 1024
_places = threading.BoundedSemaphore(MOST_AT_ONCE)


class Described(Struct, frozen=True, kw_only=True):
    """A provider's discovery document, as far as it is needed."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    authorization_response_iss_parameter_supported: bool = False
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)


class Returned(Struct, frozen=True, kw_only=True):
    """What the browser brought back, and what this site remembers of sending it there."""

    code: str
    issuer: str
    """RFC 9207's `iss`; empty if there was none."""
    error: str
    redirect_uri: str
    nonce: str
    code_verifier: str


def discover(provider: OpenIdProvider) -> Described:
    """The provider's addresses, each at the issuer's own host."""
    return _converse(provider, lambda client: _describe(client, provider))


def authorization_url(
    provider: OpenIdProvider,
    described: Described,
    *,
    redirect_uri: str,
    sent: Sent,
) -> str:
    challenge = hashlib.sha256(sent.code_verifier.encode()).digest()
    asked = {
        "response_type": "code",
        "client_id": provider.client_id,
        "redirect_uri": redirect_uri,
        "scope": " ".join(provider.scopes),
        "state": sent.state,
        "nonce": sent.nonce,
        "code_challenge": urlsafe_b64encode(challenge).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
    }
    if provider.acr_values:
        asked["acr_values"] = " ".join(provider.acr_values)
    address = described.authorization_endpoint
    return f"{address}{'&' if '?' in address else '?'}{urlencode(asked, quote_via=quote)}"


def redeem(provider: OpenIdProvider, returned: Returned) -> Named:
    """Exchange the code for an id token, and say whom it names."""
    return _converse(provider, lambda client: _redeem(client, provider, returned))


async def _describe(client: httpx.AsyncClient, provider: OpenIdProvider) -> Described:
    address = f"{provider.issuer.rstrip('/')}/.well-known/openid-configuration"
    described = msgspec.json.decode(await _ask(client, "GET", address), type=Described)
    if described.issuer != provider.issuer:
        raise OpenIdError("wrong_issuer")
    endpoints = (described.authorization_endpoint, described.token_endpoint, described.jwks_uri)
    # With the slash behind it, no other host or port begins like the issuer's.
    if not all(one.startswith(f"{provider.origin}/") and one.isprintable() for one in endpoints):
        raise OpenIdError("foreign_address")
    return described


async def _redeem(client: httpx.AsyncClient, provider: OpenIdProvider, returned: Returned) -> Named:
    described = await _describe(client, provider)
    is_told = described.authorization_response_iss_parameter_supported
    # RFC 9207: what another provider sent must not be shown to this one.
    if returned.issuer != provider.issuer and (is_told or returned.issuer):
        raise OpenIdError("wrong_issuer")
    if returned.error or not returned.code:
        raise OpenIdError("cancelled" if returned.error == "access_denied" else "not_signed_in")
    token = await _exchange(client, provider, described, returned)
    keys = msgspec.json.decode(await _ask(client, "GET", described.jwks_uri), type=dict[str, Any])
    return read_id_token(provider, token, keys, returned.nonce)


async def _exchange(
    client: httpx.AsyncClient, provider: OpenIdProvider, described: Described, returned: Returned
) -> str:
    form = {
        "grant_type": "authorization_code",
        "code": returned.code,
        "redirect_uri": returned.redirect_uri,
        "code_verifier": returned.code_verifier,
    }
    methods = described.token_endpoint_auth_methods_supported
    options: dict[str, Any] = {"data": form}
    if not provider.client_secret_file:
        form["client_id"] = provider.client_id
    elif "client_secret_basic" in methods or "client_secret_post" not in methods:
        # RFC 6749, section 2.3.1: both are percent-encoded first.
        pair = (quote(provider.client_id, safe=""), quote(_secret(provider), safe=""))
        options["auth"] = httpx.BasicAuth(*pair)
    else:
        form |= {"client_id": provider.client_id, "client_secret": _secret(provider)}
    answer = await _ask(client, "POST", described.token_endpoint, **options)
    return msgspec.json.decode(answer, type=_Tokens).id_token


class _Tokens(Struct):
    id_token: str


def _secret(provider: OpenIdProvider) -> str:
    try:
        return Path(provider.client_secret_file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeError) as error:
        log.error("the client's secret for %s cannot be read: %s", provider.key, error)  # noqa: TRY400 - the administrator needs the file's name, not our stack
        raise OpenIdError("no_secret") from error


def _converse(provider: OpenIdProvider, ask: Callable[[httpx.AsyncClient], Awaitable[T]]) -> T:
    """All of it under one clock: a provider that sends a byte now and then gains nothing."""

    async def within() -> T:
        async with (
            asyncio.timeout(PATIENCE),
            httpx.AsyncClient(
                verify=ssl.create_default_context(),
                timeout=PATIENCE / 2,
                follow_redirects=False,
                # A hospital's proxy, but none between two programs of one machine.
                trust_env=not provider.is_loopback,
            ) as client,
        ):
            return await ask(client)

    if not _places.acquire(blocking=False):
        log.warning("sign-in provider %s: %d others are being asked", provider.key, MOST_AT_ONCE)
        raise OpenIdError("busy")
    try:
        return asyncio.run(within())
    except OpenIdError as error:
        log.warning("sign-in provider %s: %s", provider.key, error.reason)
        raise
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, OSError) as error:
        log.warning("sign-in provider %s does not answer: %s", provider.key, type(error).__name__)
        raise OpenIdError("no_answer") from error
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        log.warning("sign-in provider %s sent something else than it must", provider.key)
        raise OpenIdError("bad_answer") from error
    finally:
        _places.release()


async def _ask(client: httpx.AsyncClient, method: str, address: str, **options: Any) -> bytes:
    headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
    async with client.stream(method, address, headers=headers, **options) as answer:
        if answer.status_code in {400, 401, 403} and method == "POST":
            raise OpenIdError("code_refused")
        if answer.status_code != httpx.codes.OK:
            raise OpenIdError("no_answer")
        body = b""
        # Raw: what was packed to grow is never unpacked.
        async for chunk in answer.aiter_raw():
            body += chunk
            if len(body) > _LARGEST:
                raise OpenIdError("bad_answer")
        return body
