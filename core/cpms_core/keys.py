"""The site key: the one secret that everything sealed depends on. It is never in the data folder.

It comes from a file, or from what a command prints (a vault's client, for instance). It is written
as 64 hexadecimal digits, so that it survives being copied by hand.
"""

import os
import re
import secrets
import shlex
import stat
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Never

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from cpms_core.errors import CpmsError

_LENGTH = 32
_HEX = re.compile(r"[0-9a-f]{64}", re.ASCII)
_COMMAND_TIMEOUT = 30  # seconds
_FOR_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class SiteKeyError(CpmsError):
    """There is no usable site key; sealed identities stay closed, everything else works."""


class SiteKey:
    """Keys for every purpose, derived from the one secret, which itself does not leave."""

    __slots__ = ("_secret",)

    def __init__(self, secret: bytes) -> None:
        if len(secret) != _LENGTH:
            raise SiteKeyError(f"A site key has {_LENGTH} bytes, this one has {len(secret)}.")
        self._secret = secret

    def __repr__(self) -> str:
        return f"<SiteKey {self.key_id}>"

    def __reduce__(self) -> Never:
        raise TypeError("a site key is not pickled")

    @property
    def key_id(self) -> str:
        """A fingerprint that may be stored and shown; 16 hexadecimal digits."""
        return self.derive("key id")[:8].hex()

    def derive(self, purpose: str, *context: bytes) -> bytes:
        """32 bytes for one purpose; other purposes' and other contexts' keys say nothing of it."""
        parts = (purpose.encode(), *context)
        # Each part's length goes first, or ("ab", "c") and ("a", "bc") would share a key.
        info = b"CPMS v1" + b"".join(len(part).to_bytes(4) + part for part in parts)
        return HKDF(SHA256(), _LENGTH, salt=None, info=info).derive(self._secret)

    def require_id(self, expected: str) -> None:
        """Raise SiteKeyError if this is not the key the store was made with."""
        if self.key_id != expected:
            raise SiteKeyError(
                f"The site key {self.key_id} is not the one this site was made with ({expected})."
                " Patients' identities stay closed until the right one is given; nothing was"
                " changed."
            )

    def export(self) -> str:
        """The secret as text, for the safe or for its place. Nothing else may call it."""
        return self._secret.hex()


def load_site_key(path: Path | None = None, command: str = "") -> SiteKey:
    """The key a command prints, if there is one, else the file's. SiteKeyError says what to do."""
    if command:
        return _parse(_run(command), f"The command {shlex.split(command)[0]!r}")
    if path is None:
        raise SiteKeyError("No place of the site key is set.")
    try:
        if stat.S_IMODE(path.stat().st_mode) & _FOR_OTHERS:
            raise SiteKeyError(
                f"Others on this machine may read the site key {path}. Make it its owner's alone"
                f" (chmod 600 {path}) and start again."
            )
        return _parse(path.read_bytes(), f"The file {path}")
    except FileNotFoundError as error:
        raise SiteKeyError(
            f"There is no site key at {path}. Bring back the copy that is kept apart from the"
            " backups; without it patients' identities cannot be read."
        ) from error
    except OSError as error:
        raise SiteKeyError(f"The site key {path} cannot be read: {error.strerror}.") from error


def create_site_key(path: Path) -> SiteKey:
    """A new key, durable before this returns; whoever lost the race gets the winner's key."""
    return _place(path, secrets.token_hex(_LENGTH))


def write_site_key(path: Path, key: SiteKey) -> None:
    """Put this key at its place; SiteKeyError if another one lies there, which stays."""
    there = _place(path, key.export())
    if there.key_id != key.key_id:
        raise SiteKeyError(
            f"Another site key ({there.key_id}) lies at {path}; it was not replaced. Move it away"
            " and put the right one there."
        )


def _place(path: Path, secret: str) -> SiteKey:
    """Never replaces a key that is there; the key that lies there afterwards."""
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(secret + "\n")
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(fresh, path)  # unlike a rename, never replaces a key that is there
    finally:
        fresh.unlink()
    _sync_folder(path.parent)
    return load_site_key(path)


def _run(command: str) -> bytes:
    try:
        done = subprocess.run(  # noqa: S603 the command is the administrator's own setting
            shlex.split(command), capture_output=True, check=True, timeout=_COMMAND_TIMEOUT
        )
    except (OSError, subprocess.SubprocessError) as error:
        # Not the error's own text: it may quote what the command printed.
        reason = type(error).__name__
        raise SiteKeyError(f"The command for the site key failed ({reason}).") from None
    return done.stdout


def _parse(raw: bytes, source: str) -> SiteKey:
    text = raw.decode("ascii", "replace").strip().lower()
    if not _HEX.fullmatch(text):
        raise SiteKeyError(f"{source} yields no site key: 64 hexadecimal digits were expected.")
    return SiteKey(bytes.fromhex(text))


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
