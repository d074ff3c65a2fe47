"""What the lead's security key signs, and the file that proves it later.

The key signs a challenge that only this outcome could have led to:
SHA-256(TAG + nonce + SHA-256(outcome)). Outcome and signature together prove, with no database and
no network, which key signed exactly which bytes.
"""

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from cpms_core.panels.outcome.canonical import canonical_json, parse_canonical, sha256_hex
from cpms_core.panels.outcome.document import Moment, SigningKey

TAG = b"cpms-outcome-signature-1"
NONCE_LENGTH = 32  # bytes
FORMAT: Final = "cpms-signature-1"
_LARGEST_FILE = 256 * 1024  # bytes


class SignedOutcome(Struct, frozen=True, kw_only=True):
    """The outcome's canonical bytes and what the key answered. Who signed stands in the outcome."""

    outcome: bytes
    nonce: bytes
    credential_id: bytes
    authenticator_data: bytes
    client_data_json: bytes
    signature: bytes
    public_key: bytes
    """COSE_Key, RFC 9052."""
    rp_id: str
    origin: str
    signed_at: datetime
    """When the site received the signature: the site's word, nothing else here is."""

    @property
    def outcome_sha256(self) -> str:
        return sha256_hex(self.outcome)

    @property
    def key_fingerprint(self) -> str:
        return sha256_hex(self.public_key)

    @property
    def credential(self) -> str:
        return to_base64url(self.credential_id)

    @property
    def challenge(self) -> bytes:
        return challenge(self.nonce, hashlib.sha256(self.outcome).digest())


def challenge(nonce: bytes, outcome_sha256: bytes) -> bytes:
    """What the ceremony asks the key to sign. Fixed lengths, so that no two inputs join alike."""
    if len(nonce) != NONCE_LENGTH or len(outcome_sha256) != hashlib.sha256().digest_size:
        raise ValueError("the nonce and the outcome's hash must be 32 bytes each")
    return hashlib.sha256(TAG + nonce + outcome_sha256).digest()


def signing_key(*, credential_id: bytes, public_key: bytes, aaguid: str) -> SigningKey:
    """How an outcome names a key that may sign it."""
    return SigningKey(
        credential_id=to_base64url(credential_id), sha256=sha256_hex(public_key), aaguid=aaguid
    )


_Base64 = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9_-]*\Z")]


class _SignatureFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """signature.json; bytes in base64url without padding, as the browser's own API writes them."""

    format: Literal["cpms-signature-1"]
    outcome_sha256: str
    nonce: Annotated[str, Meta(pattern=r"\A[A-Za-z0-9_-]{43}\Z")]
    credential_id: _Base64
    authenticator_data: _Base64
    client_data_json: _Base64
    signature: _Base64
    public_key: _Base64
    rp_id: str
    origin: str
    signed_at: Moment


def encode_signature(signed: SignedOutcome) -> bytes:
    """signature.json: everything but the outcome itself, which lies beside it."""
    file = _SignatureFile(
        format=FORMAT,
        outcome_sha256=signed.outcome_sha256,
        nonce=to_base64url(signed.nonce),
        credential_id=to_base64url(signed.credential_id),
        authenticator_data=to_base64url(signed.authenticator_data),
        client_data_json=to_base64url(signed.client_data_json),
        signature=to_base64url(signed.signature),
        public_key=to_base64url(signed.public_key),
        rp_id=signed.rp_id,
        origin=signed.origin,
        signed_at=signed.signed_at,
    )
    return canonical_json(msgspec.to_builtins(file))


def read_signature(outcome: bytes, signature: bytes) -> SignedOutcome:
    """Both files joined, nothing proved yet; ValueError says what cannot be read."""
    if len(signature) > _LARGEST_FILE:
        raise ValueError("The signature file is larger than any signature.")
    try:
        parse_canonical(signature)
        file = msgspec.json.decode(signature, type=_SignatureFile)
        signed = _joined(outcome, file)
    except ValueError as error:
        raise ValueError(f"This is no signature of the format {FORMAT}: {error}.") from error
    if file.outcome_sha256 != signed.outcome_sha256:
        raise ValueError(
            "The signature was given for another text: the outcome's SHA-256 is "
            f"{signed.outcome_sha256}, the signature names {file.outcome_sha256[:64]}."
        )
    if encode_signature(signed) != signature:
        raise ValueError("The signature file is not written as this system writes it.")
    return signed


def _joined(outcome: bytes, file: _SignatureFile) -> SignedOutcome:
    return SignedOutcome(
        outcome=outcome,
        nonce=_bytes(file.nonce),
        credential_id=_bytes(file.credential_id),
        authenticator_data=_bytes(file.authenticator_data),
        client_data_json=_bytes(file.client_data_json),
        signature=_bytes(file.signature),
        public_key=_bytes(file.public_key),
        rp_id=file.rp_id,
        origin=file.origin,
        signed_at=file.signed_at,
    )


def to_base64url(data: bytes) -> str:
    """Without padding, as the browser's own API writes bytes."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
