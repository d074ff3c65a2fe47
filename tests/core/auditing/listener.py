"""A syslog server for tests: TLS with a certificate authority that lives as long as the test."""

import socket
import ssl
import threading
from contextlib import suppress
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from types import TracebackType
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from cpms_core.clock import clock


class Authority:
    """Makes certificates; `ca.pem` in the folder is its own."""

    def __init__(self, folder: Path, name: str = "ca") -> None:
        self.file = folder / f"{name}.pem"
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        own = self._builder(self._name, self._key).add_extension(
            x509.BasicConstraints(ca=True, path_length=0), critical=True
        )
        own = own.add_extension(_usage(signs_certificates=True), critical=True)
        self._issuer = x509.SubjectKeyIdentifier.from_public_key(self._key.public_key())
        own = own.add_extension(self._issuer, critical=False)
        self.file.write_bytes(_pem(own.sign(self._key, hashes.SHA256())))

    def certificate(self, address: str = "127.0.0.1") -> Path:
        """A file with the certificate and the key of a server at this address."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, address)])
        names = x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))])
        made = self._builder(name, key).add_extension(names, critical=False)
        made = made.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        issuer = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(self._issuer)
        made = made.add_extension(issuer, critical=False)
        file = self._folder / f"server-{x509.random_serial_number()}.pem"
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        file.write_bytes(private + _pem(made.sign(self._key, hashes.SHA256())))
        return file

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey
    ) -> x509.CertificateBuilder:
        return x509.CertificateBuilder(
            issuer_name=self._name,
            subject_name=subject,
            public_key=key.public_key(),
            serial_number=x509.random_serial_number(),
            not_valid_before=clock.now() - timedelta(hours=1),
            not_valid_after=clock.now() + timedelta(hours=1),
        )


class Listener:
    """Takes one connection after the other; `received` is all that came through."""

    def __init__(self, certificate: Path | None = None) -> None:
        self.received = b""
        self._context: ssl.SSLContext | None = None
        if certificate:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(certificate)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._take, daemon=True)

    def messages(self) -> list[bytes]:
        """What came, parted by the lengths that stand before each."""
        found, rest = [], self.received
        while rest:
            length, _, rest = rest.partition(b" ")
            found.append(rest[: int(length)])
            assert len(found[-1]) == int(length)
            rest = rest[int(length) :]
        return found

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._thread.join(timeout=10)
        self._socket.close()

    def _take(self) -> None:
        plain, _ = self._socket.accept()
        plain.settimeout(10)
        with plain, suppress(OSError):  # whoever called may not like our certificate
            if self._context is None:
                self._read(plain)
                return
            with self._context.wrap_socket(plain, server_side=True) as secured:
                self._read(secured)
                secured.unwrap()

    def _read(self, taken: socket.socket) -> None:
        while data := taken.recv(65536):
            self.received += data


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
