"""Signed heads of the chain, kept in a file outside: what shows that a whole chain was rewritten.

A file of anchors has one JSON object a line. Each is signed with a key derived from the site key
and carries the hash of the line before it, so that the file is itself a chain.
"""

import fcntl
import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import Engine

from cpms_core.auditing.chain import START, Head, seal_all, walk
from cpms_core.clock import clock
from cpms_core.db import transaction
from cpms_core.errors import CpmsError
from cpms_core.keys import SiteKey


class Anchor(Struct, frozen=True, kw_only=True):
    key_id: str
    """Of the site key, and so of the site."""
    seq: int
    hash: str
    """Of the entry at this place, SHA-256 in hexadecimal digits, as the rest."""
    at: datetime
    previous: str
    """SHA-256 of the line before this one; empty in the first."""
    signature: str = ""
    """Ed25519, over this line with an empty signature."""


class AnchorsError(CpmsError):
    """A file of anchors is not what was written; `good` are those before the first bad line."""

    def __init__(self, message: str, good: tuple[Anchor, ...]) -> None:
        super().__init__(message)
        self.good = good


def add_anchor(engine: Engine, key: SiteKey, file: Path) -> Anchor:
    """Seal what waits, walk what came since the last anchor, and sign the end of it.

    Nothing is written if the file or the chain is not as it was left.
    """
    seal_all(engine)
    with _locked(file) as lines:
        anchors = _read(lines, file, key)
        start = Head(anchors[-1].seq, bytes.fromhex(anchors[-1].hash)) if anchors else START
        with transaction(engine, read_only=True) as session:
            walked = walk(session, start)
        if walked.first_break:
            raise CpmsError(f"The audit's chain breaks: the entry {walked.first_break}")
        if walked.end == START:
            raise CpmsError("There is no event yet, so there is nothing to anchor.")
        anchor = _sign(
            Anchor(
                key_id=key.key_id,
                seq=walked.end.seq,
                hash=walked.end.hash.hex(),
                at=clock.now(),
                previous=_line_hash(anchors[-1]) if anchors else "",
            ),
            key,
        )
        lines.write(_line(anchor))
    return anchor


def read_anchors(file: Path, key: SiteKey) -> tuple[Anchor, ...]:
    """AnchorsError names the first line that was changed, removed, moved or slipped in."""
    try:
        with file.open("rb") as lines:
            return _read(lines, file, key)
    except OSError as error:
        raise CpmsError(f"{file} cannot be read: {error.strerror}.") from error


def by_place(anchors: Iterable[Anchor]) -> Mapping[int, bytes]:
    """What the chain must have where it was anchored."""
    return {anchor.seq: bytes.fromhex(anchor.hash) for anchor in anchors}


def _read(lines: BinaryIO, file: Path, key: SiteKey) -> tuple[Anchor, ...]:
    found: list[Anchor] = []
    for number, line in enumerate(lines, 1):
        wrong = _wrong(line, found[-1] if found else None, key)
        if wrong:
            raise AnchorsError(f"Line {number} of {file} {wrong}", tuple(found))
        found.append(_DECODER.decode(line))
    return tuple(found)


def _wrong(line: bytes, before: Anchor | None, key: SiteKey) -> str:
    try:
        anchor = _DECODER.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return "is no anchor: it was changed, or only half written."
    if anchor.key_id != key.key_id:
        return f"is of another site: it names the site key {anchor.key_id}."
    if line != _line(anchor) or not _is_signed(anchor, key):
        return "was changed: its signature is not this site's."
    if anchor.previous != (_line_hash(before) if before else ""):
        return "does not follow the line before it: a line was removed, moved or slipped in."
    return ""


@contextmanager
def _locked(file: Path) -> Iterator[BinaryIO]:
    """Open to read from the start and to add at the end; on the disk when the block ends."""
    try:
        with file.open("a+b") as lines:
            fcntl.flock(lines, fcntl.LOCK_EX)
            lines.seek(0)
            yield lines
            lines.flush()
            os.fsync(lines.fileno())
    except OSError as error:
        raise CpmsError(f"{file} cannot be written: {error.strerror}.") from error


def _sign(anchor: Anchor, key: SiteKey) -> Anchor:
    return replace(anchor, signature=_private_key(key).sign(_signed_bytes(anchor)).hex())


def _is_signed(anchor: Anchor, key: SiteKey) -> bool:
    try:
        signature = bytes.fromhex(anchor.signature)
        _private_key(key).public_key().verify(signature, _signed_bytes(anchor))
    except (ValueError, InvalidSignature):
        return False
    return True


def _private_key(key: SiteKey) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(key.derive("audit anchor"))


def _signed_bytes(anchor: Anchor) -> bytes:
    return b"CPMS audit anchor 1\n" + msgspec.json.encode(replace(anchor, signature=""))


def _line(anchor: Anchor) -> bytes:
    return msgspec.json.encode(anchor) + b"\n"


def _line_hash(anchor: Anchor) -> str:
    return hashlib.sha256(_line(anchor)).hexdigest()


_DECODER = msgspec.json.Decoder(Anchor)
