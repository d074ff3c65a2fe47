"""Files by their content: a file's name in the store is the SHA-256 of its bytes.

`add` returns only when the bytes and the name are on the disk, so the row that names a file may be
committed after it and never points at nothing. A crash between the two leaves a file without a row,
which `iter_all` finds. Nothing here knows what a file is or whose.
"""

import hashlib
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO

from msgspec import Struct

from cpms_core.clock import clock
from cpms_core.errors import NotFoundError, StoreUnavailableError, TooLargeError

_CHUNK = 1024 * 1024
_NAME = re.compile(r"[0-9a-f]{64}", re.ASCII)
_SHARD = re.compile(r"[0-9a-f]{2}", re.ASCII)


class StoredFile(Struct, frozen=True):
    """A file of the store; `size` in bytes."""

    sha256: str
    size: int


class FileStore:
    """A folder of files, `ab/cd/<sha256>`, and `tmp/` for those that are not there yet."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._tmp = root / "tmp"
        self._durable: set[Path] = set()

    def add(self, source: Path | BinaryIO, *, max_size: int | None = None) -> StoredFile:
        """Copy a file or the rest of a stream into the store. The same content is stored once.

        TooLargeError beyond `max_size` bytes, StoreUnavailableError if the disk refuses; neither
        leaves anything behind.
        """
        if isinstance(source, Path):
            with source.open("rb") as stream:
                return self.add(stream, max_size=max_size)
        fresh = self.incoming()
        try:
            with _storing(), fresh.open("wb") as target:
                stored = _copy(source, target, max_size)
                _sync(target)
            self._place(fresh, stored.sha256)
        finally:
            fresh.unlink(missing_ok=True)
        return stored

    def adopt(self, incoming: Path) -> StoredFile:
        """Move a file that was written to an `incoming()` path into the store, without copying."""
        if incoming.parent != self._tmp:
            raise ValueError("only a file of the incoming area can be adopted")
        with _storing(), incoming.open("rb+") as file:
            stored = StoredFile(hashlib.file_digest(file, "sha256").hexdigest(), file.tell())
            _sync(file)
        self._place(incoming, stored.sha256)
        return stored

    def incoming(self) -> Path:
        """A new empty file on the store's own disk, for an upload as it arrives.

        Its user unlinks or adopts it; `sweep` takes what a crash left.
        """
        with _storing():
            self._tmp.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor, name = tempfile.mkstemp(dir=self._tmp)
            os.close(descriptor)
        return Path(name)

    def path(self, sha256: str) -> Path:
        """Where a file lies, if it does; NotFoundError for what is not a SHA-256 in lower case."""
        if not _NAME.fullmatch(sha256):
            raise NotFoundError
        return self.root / sha256[:2] / sha256[2:4] / sha256

    def exists(self, sha256: str) -> bool:
        return self.path(sha256).is_file()

    def open(self, sha256: str) -> BufferedReader:
        """For reading; the caller closes it."""
        try:
            return self.path(sha256).open("rb")
        except FileNotFoundError as error:
            raise NotFoundError("This file is missing from the store.") from error
        except OSError as error:
            raise StoreUnavailableError("The store cannot read this file now.") from error

    def verify(self, sha256: str) -> bool:
        """Whether the stored bytes still are the ones the name says. Reads the whole file."""
        with self.open(sha256) as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == sha256

    def iter_all(self, *, older_than: timedelta = timedelta(0)) -> Iterator[StoredFile]:
        """Every file last written at least that long ago, in order of name.

        One that looks unused may be about to be named by a row: ask for an hour before removing.
        """
        for shard in (second for first in _shards(self.root) for second in _shards(first)):
            for path in sorted(shard.iterdir()):
                with suppress(FileNotFoundError):
                    status = path.stat()
                    if _NAME.fullmatch(path.name) and _age(status) >= older_than:
                        yield StoredFile(path.name, status.st_size)

    def remove(self, sha256: str) -> None:
        """Erase a file; nothing happens if it is gone already."""
        path = self.path(sha256)
        with _storing():
            path.unlink(missing_ok=True)
            if path.parent.exists():
                _sync_folder(path.parent)

    def sweep(self, older_than: timedelta) -> int:
        """Remove what interrupted uploads left; how many there were."""
        removed = 0
        for path in self._tmp.iterdir() if self._tmp.exists() else ():
            with suppress(FileNotFoundError):
                if _age(path.stat()) >= older_than:
                    path.unlink()
                    removed += 1
        return removed

    def _place(self, fresh: Path, sha256: str) -> None:
        """Rename even over a file of this name: that one may be damaged, or not durable yet."""
        target = self.path(sha256)
        with _storing():
            self._make_durable(target.parent)
            fresh.replace(target)
            _sync_folder(target.parent)

    def _make_durable(self, folder: Path) -> None:
        """Create a shard's folders and bring their names to the disk, once a process.

        One that exists may have been made by a process that died before its name was durable.
        """
        for part in (self.root, folder.parent, folder):
            if part not in self._durable:
                part.mkdir(mode=0o700, parents=True, exist_ok=True)
                _sync_folder(part.parent)
                self._durable.add(part)


@contextmanager
def _storing() -> Iterator[None]:
    """A disk that is full, broken or read-only, in words.

    Nothing that failed is tried again: after a failed fsync the kernel may have dropped the very
    pages that were to be written.
    """
    try:
        yield
    except OSError as error:
        raise StoreUnavailableError(
            f"The file was not kept, because the store cannot be written ({error.strerror})."
            " Everything saved before is safe. Try again later, and tell the system administrator."
        ) from error


def _copy(source: BinaryIO, target: BinaryIO, max_size: int | None) -> StoredFile:
    digest, size = hashlib.sha256(), 0
    while chunk := source.read(_CHUNK):
        size += len(chunk)
        if max_size is not None and size > max_size:
            raise TooLargeError(
                f"The file is larger than this site accepts ({max_size // _CHUNK} MB); it was not"
                " kept."
            )
        digest.update(chunk)
        target.write(chunk)
    return StoredFile(digest.hexdigest(), size)


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk, which a file's own fsync does not do."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _shards(folder: Path) -> list[Path]:
    if not folder.exists():
        return []
    return sorted(path for path in folder.iterdir() if _SHARD.fullmatch(path.name))


def _age(status: os.stat_result) -> timedelta:
    return clock.now() - datetime.fromtimestamp(status.st_mtime, UTC)
