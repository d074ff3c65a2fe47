"""A FIDO Alliance of our own: a certificate authority, and signed lists of models of keys."""

import json
from datetime import date, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import NameOID

from cpms_core.clock import clock
from cpms_core.identity.metadata_file import SIGNER
from tests.softkey import ES256, MODEL, b64

DER = serialization.Encoding.DER
PEM = serialization.Encoding.PEM
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


class Authority:
    """A root; whom it certifies may or may not certify others."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = certify("Test Root", self.key, named("Test Root"), self.key, ca=True)
        self.root = self.certificate.public_bytes(PEM)

    def signer(self, name: str = SIGNER, **options: Any) -> "Signer":
        return Signer(self.certificate.subject, self.key, name, [], **options)


class Signer:
    def __init__(
        self,
        issuer: x509.Name,
        issuer_key: Key,
        name: str,
        above: list[bytes],
        *,
        ca: bool = False,
        days: int = 300,
        is_rsa: bool = False,
    ) -> None:
        self.key: Key = (
            rsa.generate_private_key(65537, 2048)
            if is_rsa
            else ec.generate_private_key(ec.SECP256R1())
        )
        self.certificate = certify(name, self.key, issuer, issuer_key, ca=ca, days=days)
        self.chain = [self.certificate.public_bytes(DER), *above]

    def certified(self, name: str = SIGNER) -> "Signer":
        """Somebody below this one, allowed or not."""
        return Signer(self.certificate.subject, self.key, name, self.chain)

    def sign(self, payload: dict[str, Any] | bytes, **header: Any) -> bytes:
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        is_rsa = isinstance(self.key, rsa.RSAPrivateKey)
        head = {
            "alg": "RS256" if is_rsa else "ES256",
            "typ": "JWT",
            "x5c": [std64(one) for one in self.chain],
        } | header
        signed = f"{b64(json.dumps(head).encode())}.{b64(body)}".encode()
        return signed + b"." + b64(self._signature(signed)).encode()

    def _signature(self, signed: bytes) -> bytes:
        if isinstance(self.key, rsa.RSAPrivateKey):
            return self.key.sign(signed, padding.PKCS1v15(), hashes.SHA256())
        r, s = decode_dss_signature(self.key.sign(signed, ES256))
        return r.to_bytes(32) + s.to_bytes(32)


def certify(
    name: str,
    key: Key,
    issuer: x509.Name,
    issuer_key: Key,
    *,
    ca: bool,
    days: int = 300,
) -> x509.Certificate:
    return (
        x509.CertificateBuilder()
        .subject_name(named(name))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(clock.now() - timedelta(days=400))
        .not_valid_after(clock.now() + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .sign(issuer_key, hashes.SHA256())
    )


def std64(raw: bytes) -> str:
    return b64(raw).replace("-", "+").replace("_", "/") + "=" * (-len(raw) % 3)


def listed(
    root: bytes = b"", *statuses: tuple[str, str | None], aaguid: str = MODEL, name: str = "Key One"
) -> dict[str, Any]:
    """A model with its maker's certificate (PEM) and its reports: status, day."""
    reports = [
        {"status": status} | ({"effectiveDate": on} if on else {})
        for status, on in statuses or (("FIDO_CERTIFIED_L1", "2024-01-01"),)
    ]
    der = x509.load_pem_x509_certificate(root).public_bytes(DER) if root else b""
    return {
        "aaguid": aaguid,
        "statusReports": reports,
        "timeOfLastStatusChange": "2024-01-01",
        "metadataStatement": {
            "description": name,
            "protocolFamily": "fido2",
            "attestationRootCertificates": [std64(der)] if der else [],
        },
    }


def edition(number: int, *entries: dict[str, Any], until: date | None = None) -> dict[str, Any]:
    until = until or clock.now().date() + timedelta(days=30)
    return {
        "legalHeader": "",
        "no": number,
        "nextUpdate": until.isoformat(),
        "entries": list(entries),
    }
