"""Reading what a browser says a security key answered: strictly, before anything believes it.

Whatever is sent, the only exception that leaves this module is InvalidError.
"""

import json
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

from msgspec import Struct, convert, field
from webauthn.helpers import bytes_to_base64url, encode_cbor, parse_cbor

from cpms_core.errors import CpmsError, InvalidError

LARGEST_ANSWER = 64 * 1024  # characters; a packed attestation with its chain takes about 4,000
_UNREADABLE = "The security key's answer could not be read. Nothing was changed; please try again."
_UNPROVEN = (
    "The security key's answer does not fit what was asked. Nothing was changed; please try again."
)


class _EnrolmentParts(Struct):
    client_data_json: str = field(name="clientDataJSON")
    attestation_object: str = field(name="attestationObject")


class _SignInParts(Struct):
    client_data_json: str = field(name="clientDataJSON")
    authenticator_data: str = field(name="authenticatorData")
    signature: str
    user_handle: str | None = field(name="userHandle", default=None)


class _Enrolment(Struct):
    id: str
    raw_id: str = field(name="rawId")
    type: Literal["public-key"]
    response: _EnrolmentParts


class _SignIn(Struct):
    id: str
    raw_id: str = field(name="rawId")
    type: Literal["public-key"]
    response: _SignInParts


class NewKeyAnswer(Struct, frozen=True, kw_only=True):
    """The bytes of an answer to enrolment; nothing in it is verified."""

    credential_id: bytes
    client_data_json: bytes
    attestation: bytes


class KeyAnswer(Struct, frozen=True, kw_only=True):
    """The bytes of an answer to sign in; nothing in it is verified."""

    credential_id: bytes
    client_data_json: bytes
    authenticator_data: bytes
    signature: bytes
    user_id: bytes | None


def read_enrolment(answer: bytes | str) -> NewKeyAnswer:
    """The JSON of `PublicKeyCredential.toJSON()` after `navigator.credentials.create()`."""
    with refusing(_UNREADABLE):
        read = convert(_load(answer), _Enrolment)
        attestation = _decode(read.response.attestation_object)
        # WebAuthn wants canonical CBOR; other spellings could carry anything along into the store.
        if encode_cbor(parse_cbor(attestation)) != attestation:
            raise InvalidError(_UNREADABLE)
        return NewKeyAnswer(
            credential_id=_credential_id(read),
            client_data_json=_decode(read.response.client_data_json),
            attestation=attestation,
        )


def read_sign_in(answer: bytes | str) -> KeyAnswer:
    """The JSON of `PublicKeyCredential.toJSON()` after `navigator.credentials.get()`."""
    with refusing(_UNREADABLE):
        read = convert(_load(answer), _SignIn)
        user_handle = read.response.user_handle
        return KeyAnswer(
            credential_id=_credential_id(read),
            client_data_json=_decode(read.response.client_data_json),
            authenticator_data=_decode(read.response.authenticator_data),
            signature=_decode(read.response.signature),
            user_id=None if user_handle is None else _decode(user_handle),
        )


def require_client_data(raw: bytes, challenge: bytes) -> None:
    """Refuse what the browser signed for another request or in a foreign frame.

    The library compares type and origin; it decodes the challenge leniently and does not look at
    frames at all.
    """
    with refusing(_UNREADABLE):
        said = _load(raw)
        if not isinstance(said, dict):
            raise InvalidError(_UNREADABLE)
    framed = said.get("crossOrigin", False) is not False or said.get("topOrigin") is not None
    if framed or said.get("challenge") != bytes_to_base64url(challenge):
        raise InvalidError(_UNPROVEN)


@contextmanager
def refusing(message: str = _UNPROVEN) -> Iterator[None]:
    """Turn whatever hostile bytes provoke in parsers into one InvalidError."""
    try:
        yield
    except CpmsError:
        raise
    except Exception as error:
        raise InvalidError(message) from error


def _load(text: bytes | str) -> Any:
    if len(text) > LARGEST_ANSWER:
        raise InvalidError(_UNREADABLE)
    return json.loads(text, object_pairs_hook=_once)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Two readers may take different ones of two equal keys, so there must not be two."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise InvalidError(_UNREADABLE)
    return found


def _credential_id(read: _Enrolment | _SignIn) -> bytes:
    if read.id != read.raw_id:
        raise InvalidError(_UNREADABLE)
    return _decode(read.id)


def _decode(text: str) -> bytes:
    """Only the one spelling that encoding gives: no padding, no stray bits, no foreign letters."""
    decoded = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if bytes_to_base64url(decoded) != text:
        raise InvalidError(_UNREADABLE)
    return decoded
