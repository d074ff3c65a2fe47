"""Unpack a backup into a folder, believing nothing in it before it was compared."""

import gzip
import hashlib
import hmac
import re
import tarfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, TypeVar

import msgspec
from msgspec import Struct

from cpms_core.errors import CpmsError
from cpms_core.files import FileStore
from cpms_core.keeping import parts
from cpms_core.keeping.parts import FilePart, Header, Manifest, TablePart
from cpms_core.keys import SiteKey
from cpms_core.store import revision

T = TypeVar("T")
_SMALL = 16 * 1024 * 1024
"""Bytes; no settings, list or manifest is longer."""
_TABLE = re.compile(r"tables/([a-z_]{1,60})\.jsonl", re.ASCII)
_FILE = re.compile(r"files/([0-9a-f]{64})", re.ASCII)
_BROKEN = (
    tarfile.TarError,
    EOFError,
    zlib.error,
    gzip.BadGzipFile,
    ValueError,
    msgspec.MsgspecError,
)


class BrokenBackupError(CpmsError):
    """The file is no backup, or no longer the one that was made."""


class _Found(Struct):
    """What was read so far; `small` by name, hashes of tables by name, sizes of files by hash."""

    small: dict[str, bytes] = {}
    tables: dict[str, tuple[str, int]] = {}
    files: dict[str, int] = {}


def unpack(archive: Path, folder: Path, key: SiteKey | None) -> Manifest:
    """Settings, `tables/` and `files/` in `folder`; raises unless all of it is what was made."""
    found = _Found()
    try:
        with archive.open("rb") as raw, tarfile.open(fileobj=raw, mode="r:*") as opened:
            for member, stream in _members(opened):
                _take(member, stream, folder, found)
    except FileNotFoundError:
        raise CpmsError(f"There is no file {archive}.") from None
    except _BROKEN as error:
        raise BrokenBackupError(
            f"{archive} is no backup of a site, or it is cut off or damaged ({error}). "
            "Nothing was restored; try an older one."
        ) from error
    manifest = _manifest(archive, found, key)
    for wrong in _differences(manifest, found):
        raise BrokenBackupError(
            f"{archive} is not as it was made: {wrong}. Nothing was restored; try an older one."
        )
    return manifest


def _members(archive: tarfile.TarFile) -> Iterator[tuple[tarfile.TarInfo, IO[bytes]]]:
    for member in archive:
        stream = archive.extractfile(member) if member.isreg() else None
        if stream is None:
            raise ValueError(f"{member.name[:60]!r} is no file")
        yield member, stream


def _take(member: tarfile.TarInfo, stream: IO[bytes], folder: Path, found: _Found) -> None:
    """Our own names only: nothing in the archive says where anything is written."""
    name = member.name
    if name in found.small:
        raise ValueError(f"{name} is in it twice")
    if (table := _TABLE.fullmatch(name)) and table[1] not in found.tables:
        found.tables[table[1]] = _keep_table(stream, folder / "tables", table[1])
    elif (file := _FILE.fullmatch(name)) and file[1] not in found.files:
        found.files[file[1]] = _keep_file(stream, FileStore(folder / "files"), file[1])
    elif name in {parts.HEADER, parts.SETTINGS, parts.PLUGINS, parts.MANIFEST, parts.MAC}:
        found.small[name] = _keep_small(member, stream, folder)
        if name == parts.HEADER:
            _ensure_readable(_decoded(found.small[name], Header))
    else:
        raise ValueError(f"{name[:60]!r} does not belong in it")


def _keep_small(member: tarfile.TarInfo, stream: IO[bytes], folder: Path) -> bytes:
    if member.size > _SMALL:
        raise ValueError(f"{member.name} is too long")
    content = stream.read()
    if member.name in {parts.SETTINGS, parts.PLUGINS}:
        (folder / member.name).write_bytes(content)
    return content


def _keep_table(stream: IO[bytes], folder: Path, name: str) -> tuple[str, int]:
    folder.mkdir(exist_ok=True)
    digest, rows = hashlib.sha256(), 0
    with (folder / f"{name}.jsonl").open("xb") as target:
        for chunk in parts.chunks(stream):
            digest.update(chunk)
            rows += chunk.count(b"\n")
            target.write(chunk)
    return digest.hexdigest(), rows


def _keep_file(stream: IO[bytes], store: FileStore, sha256: str) -> int:
    stored = store.add(stream)  # type: ignore[arg-type]  # IO is all that tarfile promises; it reads
    if stored.sha256 != sha256:
        raise ValueError(f"the file {sha256[:12]}… is not what its name says")
    return stored.size


def _ensure_readable(header: Header) -> None:
    known = revision()
    if header.format != parts.FORMAT or header.revision != known:
        raise CpmsError(
            f"This backup was made by version {header.version} of the program, which keeps its"
            f" tables in another way (revision {header.revision}, this one has {known}). Restore"
            " it with that version, then bring the site to this one with `cpms migrate`."
        )


def _manifest(archive: Path, found: _Found, key: SiteKey | None) -> Manifest:
    encoded = found.small.get(parts.MANIFEST)
    if encoded is None or parts.HEADER not in found.small:
        raise BrokenBackupError(
            f"{archive} is cut off: its end is missing. Nothing was restored; try an older one."
        )
    try:
        manifest = _decoded(encoded, Manifest)
    except msgspec.MsgspecError as error:
        raise BrokenBackupError(f"{archive} is damaged: {error}. Nothing was restored.") from error
    if key is not None:
        if manifest.key_id:
            key.require_id(manifest.key_id)
        given = found.small.get(parts.MAC, b"").decode("ascii", "replace")
        if given and not hmac.compare_digest(given, parts.seal(encoded, key)):
            raise BrokenBackupError(
                f"{archive} was changed by somebody who does not have the site key. "
                "Nothing was restored."
            )
    return manifest


def _differences(manifest: Manifest, found: _Found) -> Iterator[str]:
    if _decoded(found.small[parts.HEADER], Header) != manifest.header:
        yield "its header is another one"
    for name, expected in ((parts.SETTINGS, manifest.settings), (parts.PLUGINS, manifest.plugins)):
        if hashlib.sha256(found.small.get(name, b"")).hexdigest() != expected:
            yield f"{name} was changed"
    yield from _compared("table", _listed(manifest.tables, _table), found.tables)
    yield from _compared("file", _listed(manifest.files, _file), found.files)
    if known := {part.name for part in manifest.tables} ^ {one.name for one in parts.tables()}:
        yield f"its tables are not this version's ({', '.join(sorted(known))})"


def _listed(listed: tuple[T, ...], pair: Callable[[T], tuple[str, Any]]) -> dict[str, Any]:
    return dict(pair(one) for one in listed)


def _table(part: TablePart) -> tuple[str, tuple[str, int]]:
    return part.name, (part.sha256, part.rows)


def _file(part: FilePart) -> tuple[str, int]:
    return part.sha256, part.size


def _compared(kind: str, expected: dict[str, Any], found: dict[str, Any]) -> Iterator[str]:
    for name in sorted(expected.keys() - found.keys()):
        yield f"the {kind} {name} is missing"
    for name in sorted(found.keys() - expected.keys()):
        yield f"the {kind} {name} was added"
    for name in sorted(expected.keys() & found.keys()):
        if expected[name] != found[name]:
            yield f"the {kind} {name} was changed"


def _decoded(content: bytes, kind: type[T]) -> T:
    return msgspec.json.decode(content, type=kind)
