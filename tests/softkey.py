"""A software security key: answers options as a browser with a key would, and can misbehave.

`SoftKey(origin).enrol(options)` and `.sign_in(options)` return what `PublicKeyCredential.toJSON()`
gives. Misbehaviour is a keyword: `flags`, `origin`, `rp_id`, `counter`, `client_data` and so on.
"""

import hashlib
import json
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import timedelta
from typing import Any, Literal

import cbor2
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from cpms_core.clock import clock

UP, UV, BE, BS, AT = 1, 4, 8, 16, 64
MODEL = "2fc0579f-8113-47ea-b116-bb5a8db9202a"
ES256 = ec.ECDSA(hashes.SHA256())
MODEL_EXTENSION = x509.ObjectIdentifier("1.3.6.1.4.1.45724.1.1.4")


def b64(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return urlsafe_b64decode(text + "===")


class Maker:
    """A maker of keys: a root certificate, and leaf certificates for its models."""

    def __init__(self, name: str = "Test Maker") -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = self._certify(self.name, self.key, ca=True).sign(
            self.key, hashes.SHA256()
        )
        self.root = self.certificate.public_bytes(serialization.Encoding.PEM)

    def leaf(self, aaguid: str | None) -> tuple[ec.EllipticCurvePrivateKey, bytes]:
        """An attestation key and its certificate (DER), marked with the model if one is given."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name(
            [
                x509.NameAttribute(NameOID.COUNTRY_NAME, "EU"),
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Test"),
                x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "Authenticator Attestation"),
                x509.NameAttribute(NameOID.COMMON_NAME, "Test Key"),
            ]
        )
        builder = self._certify(subject, key, ca=False)
        if aaguid:
            value = b"\x04\x10" + bytes.fromhex(aaguid.replace("-", ""))
            extension = x509.UnrecognizedExtension(MODEL_EXTENSION, value)
            builder = builder.add_extension(extension, critical=False)
        certificate = builder.sign(self.key, hashes.SHA256())
        return key, certificate.public_bytes(serialization.Encoding.DER)

    def _certify(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, *, ca: bool
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(clock.now() - timedelta(days=1))
            .not_valid_after(clock.now() + timedelta(days=3650))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )


class SoftKey:
    """One key on one authenticator. `maker` gives it a real packed attestation."""

    def __init__(
        self,
        origin: str,
        *,
        maker: Maker | None = None,
        aaguid: str = MODEL,
        certified_aaguid: str | None = "",
        credential_id: bytes | None = None,
    ) -> None:
        self.origin = origin
        self.aaguid = aaguid
        self.counter = 0
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.credential_id = os.urandom(32) if credential_id is None else credential_id
        self.user_id = b""
        self.rp_id = ""
        marked = aaguid if certified_aaguid == "" else certified_aaguid
        self.attestation = maker.leaf(marked) if maker else None

    @property
    def public_key(self) -> bytes:
        """COSE."""
        at = self.key.public_key().public_numbers()
        return cbor2.dumps({1: 2, 3: -7, -1: 1, -2: at.x.to_bytes(32), -3: at.y.to_bytes(32)})

    def enrol(
        self,
        options: dict[str, Any],
        *,
        flags: int = UP | UV | AT,
        fmt: Literal["none", "packed", "self", ""] = "",
        rp_id: str = "",
        public_key: bytes = b"",
        **client_data: Any,
    ) -> dict[str, Any]:
        """Answer `navigator.credentials.create()`; further keywords change the client data."""
        self.user_id = unb64(options["user"]["id"])
        self.rp_id = options["rp"]["id"]
        said = self._client_data("webauthn.create", options, client_data)
        attested = (
            bytes.fromhex(self.aaguid.replace("-", ""))
            + len(self.credential_id).to_bytes(2)
            + self.credential_id
            + (public_key or self.public_key)
        )
        data = self._authenticator_data(rp_id or self.rp_id, flags, self.counter) + attested
        fmt = fmt or ("packed" if self.attestation and self._wants_proof(options) else "none")
        statement = self._statement(fmt, data + hashlib.sha256(said).digest())
        attestation = cbor2.dumps(
            {"fmt": "none" if fmt == "none" else "packed", "attStmt": statement, "authData": data}
        )
        return self._credential(
            {"clientDataJSON": b64(said), "attestationObject": b64(attestation)}
        )

    def sign_in(
        self,
        options: dict[str, Any],
        *,
        flags: int = UP | UV,
        rp_id: str = "",
        counter: int | None = None,
        user_id: bytes | None = None,
        signature: bytes = b"",
        **client_data: Any,
    ) -> dict[str, Any]:
        """Answer `navigator.credentials.get()`; further keywords change the client data."""
        allowed = [unb64(item["id"]) for item in options.get("allowCredentials", [])]
        assert not allowed or self.credential_id in allowed, "this key was not asked for"
        if counter is None:
            self.counter += 1
        said = self._client_data("webauthn.get", options, client_data)
        data = self._authenticator_data(
            rp_id or options["rpId"], flags, self.counter if counter is None else counter
        )
        proof = signature or self.key.sign(data + hashlib.sha256(said).digest(), ES256)
        parts = {
            "clientDataJSON": b64(said),
            "authenticatorData": b64(data),
            "signature": b64(proof),
        }
        if user_id is not None:
            parts["userHandle"] = b64(user_id)
        return self._credential(parts)

    def _client_data(self, kind: str, options: dict[str, Any], changes: dict[str, Any]) -> bytes:
        said = {
            "type": kind,
            "challenge": options["challenge"],
            "origin": self.origin,
            "crossOrigin": False,
        }
        return json.dumps(said | changes).encode()

    def _authenticator_data(self, rp_id: str, flags: int, counter: int) -> bytes:
        return hashlib.sha256(rp_id.encode()).digest() + bytes([flags]) + counter.to_bytes(4)

    def _statement(self, fmt: str, signed: bytes) -> dict[str, Any]:
        if fmt == "none":
            return {}
        if fmt == "self":
            return {"alg": -7, "sig": self.key.sign(signed, ES256)}
        assert self.attestation, "a packed attestation needs a maker"
        key, certificate = self.attestation
        return {"alg": -7, "sig": key.sign(signed, ES256), "x5c": [certificate]}

    def _wants_proof(self, options: dict[str, Any]) -> bool:
        return bool(options.get("attestation", "none") != "none")

    def _credential(self, response: dict[str, Any]) -> dict[str, Any]:
        return {
            "id": b64(self.credential_id),
            "rawId": b64(self.credential_id),
            "type": "public-key",
            "authenticatorAttachment": "cross-platform",
            "clientExtensionResults": {},
            "response": response,
        }
