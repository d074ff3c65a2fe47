"""The FIDO Alliance's list of models of security keys: a signed file (MDS 3, a JWT) to download.

Nothing of its content is parsed before its signature was found good. The chain is held to more than
signatures: a certificate of any other customer of the same authority must not sign such a list.
"""

from base64 import b64decode, urlsafe_b64decode
from collections.abc import Sequence
from datetime import date
from typing import Final, TypeVar
from uuid import UUID

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID
from msgspec import Struct, field
from OpenSSL.crypto import X509, X509Store, X509StoreContext, X509StoreContextError

from cpms_core.errors import InvalidError

SIGNER: Final = "mds.fidoalliance.org"
"""Whom the certificate of the signature must name."""
LARGEST = 32 * 2**20
"""Bytes; the file of 2026 has about 10 MB, most of it pictures."""
_LARGEST_HEADER = 64 * 1024
_UNREADABLE = "This is no metadata file of the FIDO Alliance, so nothing was changed."
_UNDATED = "9999-12-31"

T = TypeVar("T")


class Model(Struct, frozen=True, kw_only=True):
    aaguid: str
    """Lower case, with hyphens."""
    description: str
    roots: list[str]
    """Base64 of DER."""
    statuses: list[str]
    """The newest first."""


class Metadata(Struct, frozen=True, kw_only=True):
    number: int
    """Grows with each edition."""
    next_update: date
    models: list[Model]


class _Header(Struct):
    alg: str
    x5c: list[str] = []


class _Report(Struct):
    status: str
    effective_on: str | None = field(name="effectiveDate", default=None)


class _Statement(Struct):
    description: str = ""
    roots: list[str] = field(name="attestationRootCertificates", default_factory=list)


class _Entry(Struct):
    aaguid: str | None = None
    reports: list[_Report] = field(name="statusReports", default_factory=list)
    statement: _Statement = field(name="metadataStatement", default_factory=_Statement)


class _Payload(Struct):
    no: int
    next_update: date = field(name="nextUpdate")
    entries: list[_Entry]


def read_metadata(content: bytes, root: bytes) -> Metadata:
    """The models of the file; InvalidError unless its signature leads to `root` (PEM or DER)."""
    if len(content) > LARGEST:
        raise InvalidError(f"This file is larger than {LARGEST // 2**20} MB, so it was not read.")
    signed, _, signature = content.strip().rpartition(b".")
    head, dot, body = signed.partition(b".")
    if not dot or b"." in body or len(head) > _LARGEST_HEADER:
        raise InvalidError(_UNREADABLE)
    header = _decode(_bytes(head), _Header)
    _require_signature(header, _read_root(root), signed, _bytes(signature))
    payload = _decode(_bytes(body), _Payload)
    models = [_model(entry.aaguid, entry) for entry in payload.entries if entry.aaguid]
    return Metadata(number=payload.no, next_update=payload.next_update, models=models)


def _require_signature(
    header: _Header, root: x509.Certificate, signed: bytes, signature: bytes
) -> None:
    try:
        chain = [x509.load_der_x509_certificate(b64decode(one)) for one in header.x5c]
    except ValueError as error:
        raise InvalidError(_UNREADABLE) from error
    if not chain:
        raise InvalidError("This file is not signed, so nothing was changed.")
    _require_chain(chain, root)
    if SIGNER not in _names(chain[0]):
        raise InvalidError(f"This file was not signed by {SIGNER}, so nothing was changed.")
    try:
        _verify(header.alg, chain[0].public_key(), signed, signature)
    except (InvalidSignature, ValueError) as error:
        raise InvalidError(
            "This file's signature is wrong: it was changed or cut off. Download it again; "
            "nothing was changed."
        ) from error


def _require_chain(chain: Sequence[x509.Certificate], root: x509.Certificate) -> None:
    """Signatures, dates and who may certify others, as OpenSSL does it for any certificate."""
    store = X509Store()
    store.add_cert(X509.from_cryptography(root))
    leaf, *others = (X509.from_cryptography(certificate) for certificate in chain)
    try:
        X509StoreContext(store, leaf, others).verify_certificate()
    except X509StoreContextError as error:
        raise InvalidError(
            f"This file's certificate does not lead to the root that was given ({error}). "
            "Download file and root again; nothing was changed."
        ) from error


def _names(certificate: x509.Certificate) -> set[str]:
    common = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    try:
        other = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return {str(name.value) for name in common}
    return {str(name.value) for name in common} | {
        *other.value.get_values_for_type(x509.DNSName),
    }


def _verify(algorithm: str, key: object, signed: bytes, signature: bytes) -> None:
    """Two algorithms and no other: what a file says of itself must not choose a weaker one."""
    if algorithm == "RS256" and isinstance(key, rsa.RSAPublicKey):
        key.verify(signature, signed, padding.PKCS1v15(), SHA256())
    elif algorithm == "ES256" and isinstance(key, ec.EllipticCurvePublicKey):
        half = len(signature) // 2
        numbers = int.from_bytes(signature[:half]), int.from_bytes(signature[half:])
        key.verify(encode_dss_signature(*numbers), signed, ec.ECDSA(SHA256()))
    else:
        raise ValueError(algorithm)


def _model(aaguid: str, entry: _Entry) -> Model:
    # A report without a date is in force as long as it stands there.
    reports = sorted(entry.reports, key=lambda one: one.effective_on or _UNDATED, reverse=True)
    try:
        name = str(UUID(aaguid))
    except ValueError as error:
        raise InvalidError(_UNREADABLE) from error
    return Model(
        aaguid=name,
        description=entry.statement.description,
        roots=[root for text in entry.statement.roots if (root := _root(text))],
        statuses=[report.status for report in reports],
    )


def _root(text: str) -> str:
    """One spelling; empty for a certificate that cannot be read, which then anchors nothing."""
    plain = "".join(text.split())
    try:
        x509.load_der_x509_certificate(b64decode(plain))
    except ValueError:
        return ""
    return plain


def _read_root(content: bytes) -> x509.Certificate:
    try:
        if b"-----BEGIN" in content:
            return x509.load_pem_x509_certificate(content)
        return x509.load_der_x509_certificate(content)
    except ValueError as error:
        raise InvalidError("The root is no certificate in PEM or DER.") from error


def _bytes(text: bytes) -> bytes:
    try:
        return urlsafe_b64decode(text + b"=" * (-len(text) % 4))
    except ValueError as error:
        raise InvalidError(_UNREADABLE) from error


def _decode(content: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(content, type=kind)
    except (ValueError, RecursionError) as error:
        raise InvalidError(_UNREADABLE) from error
