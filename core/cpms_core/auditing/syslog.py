"""Send messages to a syslog server: over TLS, each with its length before it (RFC 5425)."""

import socket
import ssl
from collections.abc import Iterable
from contextlib import closing, suppress
from ipaddress import ip_address
from pathlib import Path

from msgspec import Struct

from cpms_core.errors import CpmsError

_PATIENCE = 15  # seconds


class Receiver(Struct, frozen=True, kw_only=True):
    host: str
    port: int
    ca: Path | None = None
    """Certificates that are believed; None for the system's."""
    is_plain: bool = False
    """Without TLS; only to a receiver on this machine, which passes the messages on."""


def parse_receiver(text: str, *, ca: Path | None = None, is_plain: bool = False) -> Receiver:
    """`host:port`, `[::1]:6514`."""
    host, _, port = text.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 2**16:
        raise CpmsError(f"{text!r} is no host:port, syslog.hospital.example:6514 for instance.")
    return Receiver(host=host.strip("[]"), port=int(port), ca=ca, is_plain=is_plain)


def send(receiver: Receiver, messages: Iterable[bytes]) -> int:
    """How many were handed over. CpmsError says after how many it broke off."""
    sent = 0
    try:
        with closing(_connect(receiver)) as connection:
            for message in messages:
                connection.sendall(b"%d %s" % (len(message), message))
                sent += 1
            if isinstance(connection, ssl.SSLSocket):
                with suppress(OSError):  # many receivers just close
                    connection.unwrap()
    except OSError as error:
        where = f"{receiver.host}:{receiver.port}"
        raise CpmsError(
            f"{where} took {sent} messages, then this went wrong: {error}. Export again from the"
            " same moment on; every message names its entry, so that doubles can be told."
        ) from error
    return sent


def _connect(receiver: Receiver) -> socket.socket:
    plain = socket.create_connection((receiver.host, receiver.port), timeout=_PATIENCE)
    try:
        if receiver.is_plain:
            _ensure_own_machine(plain)
            return plain
        context = ssl.create_default_context(cafile=receiver.ca)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return context.wrap_socket(plain, server_hostname=receiver.host)
    except BaseException:
        plain.close()
        raise


def _ensure_own_machine(connection: socket.socket) -> None:
    """By the address that was reached, whatever its name says."""
    address = connection.getpeername()[0]
    if not ip_address(address).is_loopback:
        raise CpmsError(
            f"{address} is another machine: the audit goes there over TLS only. Nothing was sent."
        )
