"""Whether an attestation proves the make of a security key.

The ceremony has already checked that the attestation's signature belongs to its first certificate.
What is left, and what WebAuthn libraries leave to the site: that the certificate is one of this
very model (WebAuthn §8.2.1) and that it chains to a root which the model's maker published.
"""

from collections.abc import Sequence

from cryptography import x509
from OpenSSL.crypto import (
    X509,
    X509Store,
    X509StoreContext,
    X509StoreContextError,
    X509StoreFlags,
)
from webauthn.helpers import parse_attestation_object
from webauthn.helpers.structs import AttestationFormat

from cpms_core.errors import InvalidError

NO_MODEL = "00000000-0000-0000-0000-000000000000"
_MODEL_EXTENSION = x509.ObjectIdentifier("1.3.6.1.4.1.45724.1.1.4")
_OCTETS_OF_16 = b"\x04\x10"


def require_model(attestation: bytes, aaguid: str, roots: Sequence[bytes]) -> None:
    """Refuse an attestation object that does not prove that its key is of the model `aaguid`.

    `roots` are that model's certificates, PEM; FIDO's metadata lists leaves among them.
    """
    parsed = parse_attestation_object(attestation)
    chain = parsed.att_stmt.x5c
    if parsed.fmt != AttestationFormat.PACKED or not chain:
        raise InvalidError(
            "This security key did not prove who made it, so it was not enrolled. If the browser"
            " asked whether the site may see the make of your key, try again and allow it."
        )
    _require_certificate_of_model(x509.load_der_x509_certificate(chain[0]), aaguid)
    _require_chain(chain, roots)


def _require_certificate_of_model(leaf: x509.Certificate, aaguid: str) -> None:
    """One root serves many models of a maker; the extension, where present, tells them apart."""
    try:
        extension = leaf.extensions.get_extension_for_oid(_MODEL_EXTENSION).value
    except x509.ExtensionNotFound:
        return
    expected = _OCTETS_OF_16 + bytes.fromhex(aaguid.replace("-", ""))
    if not isinstance(extension, x509.UnrecognizedExtension) or extension.value != expected:
        raise InvalidError(
            "This security key's certificate belongs to another model, so it was not enrolled."
        )


def _require_chain(chain: Sequence[bytes], roots: Sequence[bytes]) -> None:
    store = X509Store()
    # A listed leaf or intermediate certificate is an anchor too, not only a self-signed root.
    store.set_flags(X509StoreFlags.PARTIAL_CHAIN)
    for root in roots:
        for anchor in x509.load_pem_x509_certificates(root):
            store.add_cert(X509.from_cryptography(anchor))
    leaf, *others = (
        X509.from_cryptography(x509.load_der_x509_certificate(certificate)) for certificate in chain
    )
    try:
        X509StoreContext(store, leaf, others).verify_certificate()
    except X509StoreContextError as error:
        raise InvalidError(
            "This security key's certificate was not issued by its maker, so it was not enrolled."
        ) from error
