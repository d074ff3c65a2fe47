"""What a backup consists of: one tar whose tables are lines of JSON, the same for both engines.

    header.json     format, version and revision: whether this program can read the rest
    site.toml       the settings, without the database's address
    plugins.toml
    tables/*.jsonl  a row a line, columns in the manifest's order
    files/<sha256>  every file a row names
    manifest.json   what all of it must be: counts and SHA-256 of every part; last, so that a
                    backup that was cut off has none
    manifest.mac    HMAC of the manifest with the site key, if the site had it at hand

The site key is never in it, nor are the coded terms, which come with the program.
"""

import hashlib
import hmac
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import Struct
from sqlalchemy import Date, DateTime, LargeBinary, Table, Uuid

from cpms_core.cases.models import Attachment
from cpms_core.keys import SiteKey
from cpms_core.store import METADATA

FORMAT: Final = 1
HEADER, MANIFEST, MAC = "header.json", "manifest.json", "manifest.mac"
SETTINGS, PLUGINS = "site.toml", "plugins.toml"

LEFT_OUT: Final = frozenset({"challenge", "code_system", "concept", "concept_term", "concept_word"})
"""Terms are loaded anew; a ceremony that was begun is over."""

FILES_NAMED = (Attachment.sha256,)
"""The columns that name files of the store."""


class Header(Struct, frozen=True, kw_only=True):
    format: int
    version: str
    """Of the program."""
    revision: str
    """Of the tables."""
    made_at: datetime


class TablePart(Struct, frozen=True, kw_only=True):
    name: str
    columns: tuple[str, ...]
    rows: int
    sha256: str


class FilePart(Struct, frozen=True, kw_only=True):
    sha256: str
    size: int


class Manifest(Struct, frozen=True, kw_only=True):
    header: Header
    engine: str
    key_id: str
    """Which site key opens the identities; empty if the site never had one."""
    settings: str
    """SHA-256 of site.toml."""
    plugins: str
    tables: tuple[TablePart, ...]
    files: tuple[FilePart, ...]
    absent: tuple[str, ...] = ()
    """Files that rows name but that were missing or damaged when the backup was made."""

    @property
    def rows(self) -> int:
        return sum(table.rows for table in self.tables)

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files)


def tables() -> list[Table]:
    """Every table of a backup; those that others point at come first."""
    return [table for table in METADATA.sorted_tables if table.name not in LEFT_OUT]


def encode_row(row: Any) -> bytes:
    return msgspec.json.encode(list(row)) + b"\n"


def decoder(table: Table, columns: tuple[str, ...]) -> Callable[[bytes], dict[str, Any]]:
    """A line of this table back as the values to insert."""
    readers = [_reader(table, name) for name in columns]

    def decode(line: bytes) -> dict[str, Any]:
        values = msgspec.json.decode(line, type=list[Any])
        pairs = zip(columns, readers, values, strict=True)
        return {name: None if value is None else read(value) for name, read, value in pairs}

    return decode


def _reader(table: Table, name: str) -> Callable[[Any], Any]:
    # A column's own decorator (times in UTC) is looked through.
    kind = getattr(table.columns[name].type, "impl_instance", table.columns[name].type)
    readers: Mapping[type[Any], Callable[[Any], Any]] = {
        Uuid: UUID,
        DateTime: datetime.fromisoformat,
        Date: date.fromisoformat,
        LargeBinary: b64decode,
    }
    return next((read for one, read in readers.items() if isinstance(kind, one)), _as_it_is)


def _as_it_is(value: Any) -> Any:
    return value


def seal(manifest: bytes, key: SiteKey) -> str:
    """Proves to whoever has the site key that nobody else wrote this manifest."""
    return hmac.new(key.derive("backup manifest"), manifest, hashlib.sha256).hexdigest()


def chunks(stream: Any, size: int = 1024 * 1024) -> Iterator[bytes]:
    while chunk := stream.read(size):
        yield chunk
