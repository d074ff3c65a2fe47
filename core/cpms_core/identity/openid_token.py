"""Believe an id token: whom a provider names, after every check of OpenID Connect Core 3.1.3.7."""

from collections.abc import Mapping
from typing import Any

import msgspec
from joserfc import jws
from joserfc.jwk import ECKey, KeySet, RSAKey
from msgspec import Struct

from cpms_core.clock import clock
from cpms_core.errors import CpmsError
from cpms_core.settings import OpenIdProvider

_LEEWAY = 60
"""Seconds that two clocks may differ."""
_FRESH = 600
"""Seconds since it was made."""
_ALGORITHMS = [f"{family}{bits}" for family in ("RS", "PS", "ES") for bits in (256, 384, 512)]
"""Never "none", and never what a public key could be taken for a shared secret with."""
_LONGEST_SUBJECT = 255  # OpenID Connect Core, section 2
_LONGEST_NAME = 120


class OpenIdError(CpmsError):
    """Why a provider's word is not taken; `reason` is a key, for the audit and for the pages."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason.replace("_", " "))
        self.reason = reason


class Named(Struct, frozen=True):
    """Whom the provider vouches for: its own id for the person, and a name for display."""

    subject: str
    name: str


def read_id_token(
    provider: OpenIdProvider, token: str, keys: Mapping[str, Any], nonce: str
) -> Named:
    """Whom it names; OpenIdError unless every check of OpenID Connect Core 3.1.3.7 holds."""
    try:
        signed = jws.deserialize_compact(token, _public(keys), algorithms=_ALGORITHMS)
        said = msgspec.json.decode(signed.payload or b"", type=dict[str, Any])
        claims = msgspec.convert(said, _Claims)
    except Exception as error:  # whatever hostile bytes provoke in a parser
        raise OpenIdError("bad_token") from error
    audience = {claims.aud} if isinstance(claims.aud, str) else set(claims.aud)
    now = clock.now().timestamp()
    if claims.iss != provider.issuer:
        raise OpenIdError("wrong_issuer")
    if provider.client_id not in audience or claims.azp not in {None, provider.client_id}:
        raise OpenIdError("wrong_audience")
    if len(audience) > 1 and claims.azp is None:
        raise OpenIdError("wrong_audience")
    if claims.exp <= now - _LEEWAY or not now - _FRESH <= claims.iat <= now + _LEEWAY:
        raise OpenIdError("expired_token")
    if claims.nonce != nonce:
        raise OpenIdError("wrong_nonce")
    if provider.acr_values and claims.acr not in provider.acr_values:
        raise OpenIdError("too_weak")
    return _named(provider, said)


def _named(provider: OpenIdProvider, said: Mapping[str, Any]) -> Named:
    subject, name = said.get(provider.subject_claim), said.get(provider.name_claim)
    if not isinstance(subject, str) or not 0 < len(subject) <= _LONGEST_SUBJECT:
        raise OpenIdError("bad_token")
    if not subject.isprintable():
        raise OpenIdError("bad_token")
    is_name = isinstance(name, str) and name.isprintable()
    return Named(subject, name[:_LONGEST_NAME] if is_name and name else "")


class _Claims(Struct):
    iss: str
    aud: str | list[str]
    exp: float
    iat: float
    nonce: str
    azp: str | None = None
    acr: str | None = None


def _public(keys: Mapping[str, Any]) -> KeySet:
    """Public keys for signatures only: nothing that is shared with the client could sign."""
    kinds: Mapping[str, type[RSAKey | ECKey]] = {"RSA": RSAKey, "EC": ECKey}
    return KeySet(
        [
            kinds[one["kty"]].import_key(one)
            for one in keys["keys"]
            if one.get("kty") in kinds and one.get("use", "sig") == "sig"
        ]
    )
