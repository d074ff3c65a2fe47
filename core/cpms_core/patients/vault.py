"""The identity vault: who a patient is, sealed under the patient's, centre's and site's keys.

    site key ── wraps ──► centre's key ── wraps ──► patient's key ── seals ──► Identity

Each box is AES-256-GCM and bound to the centre and the patient it belongs to, so that a row moved
to another patient does not open. To erase a patient, delete the wrapped key, and with it the search
digest: what the key sealed is noise from then on, except where an older backup still has the key.
"""

import secrets
import unicodedata
from datetime import date
from typing import Never
from uuid import UUID

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hmac
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from msgspec import Struct

from cpms_core.errors import CpmsError, NotFoundError
from cpms_core.keys import SiteKey

_VERSION = b"\x01"
_NONCE = 12
_PADDING = 128  # bytes; the length of what is sealed would tell the length of a name


class VaultError(CpmsError):
    """A box does not open: another site key, or a row that was altered or moved."""


class Identity(Struct, frozen=True, kw_only=True):
    """Who a patient is. Never logged, never outside the enrolling centre."""

    given_name: str
    family_name: str
    birth_date: date | None = None
    local_record_number: str = ""

    def __repr__(self) -> str:
        return "<Identity>"


class Sealed(Struct, frozen=True):
    """What to store of an identity."""

    wrapped_key: bytes
    sealed: bytes


class CentreVault:
    """One centre's vault, open: the centre's key in memory."""

    __slots__ = ("_key", "centre_id")

    def __init__(self, centre_id: UUID, key: bytes) -> None:
        self.centre_id = centre_id
        self._key = key

    def __repr__(self) -> str:
        return f"<CentreVault {self.centre_id}>"

    def __reduce__(self) -> Never:
        raise TypeError("an open vault is not pickled")

    def seal(self, patient_id: UUID, identity: Identity) -> Sealed:
        """Under a new patient's key."""
        key = secrets.token_bytes(32)
        return Sealed(
            wrapped_key=_close(self._key, key, self._label(patient_id)),
            sealed=self._seal(key, patient_id, identity),
        )

    def reseal(self, patient_id: UUID, wrapped_key: bytes, identity: Identity) -> bytes:
        """A corrected identity under the patient's own key: the new `sealed`."""
        return self._seal(self._patient_key(patient_id, wrapped_key), patient_id, identity)

    def open(self, patient_id: UUID, wrapped_key: bytes | None, sealed: bytes) -> Identity:
        """NotFoundError once the patient was erased, VaultError if the box does not open."""
        key = self._patient_key(patient_id, wrapped_key)
        return msgspec.json.decode(_open(key, sealed, self._label(patient_id)), type=Identity)

    def patient_secret(self, patient_id: UUID, wrapped_key: bytes | None, purpose: str) -> bytes:
        """32 bytes that are this patient's alone and are gone once the patient's key is."""
        key = self._patient_key(patient_id, wrapped_key)
        return _derive(key, b"patient secret " + purpose.encode())

    def search_digest(self, identity: Identity) -> bytes:
        """Equal for two enrolments of one person at this centre; says nothing at another.

        Case, accents, spaces and hyphens in the names make no difference.
        """
        born = identity.birth_date.isoformat() if identity.birth_date else ""
        names = "\0".join((_folded(identity.given_name), _folded(identity.family_name), born))
        digest = hmac.HMAC(_derive(self._key, b"search digest"), SHA256())
        digest.update(names.encode())
        return digest.finalize()

    def _seal(self, key: bytes, patient_id: UUID, identity: Identity) -> bytes:
        plain = msgspec.json.encode(identity)
        plain += b" " * (-len(plain) % _PADDING)
        return _close(key, plain, self._label(patient_id))

    def _patient_key(self, patient_id: UUID, wrapped_key: bytes | None) -> bytes:
        if not wrapped_key:
            raise NotFoundError("This patient's identity was erased.")
        return _open(self._key, wrapped_key, self._label(patient_id))

    def _label(self, patient_id: UUID) -> bytes:
        return b"CPMS patient\0" + self.centre_id.bytes + patient_id.bytes


def create_centre_vault(site_key: SiteKey, centre_id: UUID) -> tuple[CentreVault, bytes]:
    """A vault with a new key, and that key wrapped for the store."""
    key = secrets.token_bytes(32)
    wrapped = _close(site_key.derive("centre keys"), key, _centre_label(centre_id))
    return CentreVault(centre_id, key), wrapped


def open_centre_vault(site_key: SiteKey, centre_id: UUID, wrapped: bytes) -> CentreVault:
    """VaultError if the site key is another than the one that wrapped the centre's."""
    key = _open(site_key.derive("centre keys"), wrapped, _centre_label(centre_id))
    return CentreVault(centre_id, key)


def rewrap_centre_key(old: SiteKey, new: SiteKey, centre_id: UUID, wrapped: bytes) -> bytes:
    """The same centre's key under another site key; nothing below it changes."""
    key = _open(old.derive("centre keys"), wrapped, _centre_label(centre_id))
    return _close(new.derive("centre keys"), key, _centre_label(centre_id))


def _centre_label(centre_id: UUID) -> bytes:
    return b"CPMS centre key\0" + centre_id.bytes


def _derive(key: bytes, purpose: bytes) -> bytes:
    return HKDF(SHA256(), 32, salt=None, info=b"CPMS " + purpose).derive(key)


def _close(key: bytes, plain: bytes, label: bytes) -> bytes:
    nonce = secrets.token_bytes(_NONCE)
    return _VERSION + nonce + AESGCM(key).encrypt(nonce, plain, _VERSION + label)


def _open(key: bytes, box: bytes, label: bytes) -> bytes:
    version, nonce, content = box[:1], box[1 : 1 + _NONCE], box[1 + _NONCE :]
    try:
        return AESGCM(key).decrypt(nonce, content, version + label)
    except (InvalidTag, ValueError) as error:
        raise VaultError(
            "This identity does not open: the site key is not the one it was sealed with, or the"
            " stored row was altered. Nothing was changed; tell the system administrator."
        ) from error


def _folded(name: str) -> str:
    """Accents fall away too: a double enrolment is a question to a person, never a refusal."""
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", name).casefold())
    return "".join(letter for letter in plain if letter.isalnum())
