"""Back up a running site into one file that either engine restores.

Everything is read inside one transaction that sees the store as it was at one moment, while others
go on writing. Files are written before the rows that name them and never change, so the snapshot's
files are there to be copied afterwards.
"""

import hashlib
import os
import re
import shutil
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import IO, Any

import msgspec
from msgspec.structs import replace
from sqlalchemy import Connection, Engine, select, union

from cpms_core import __version__, audit
from cpms_core.audit import Event
from cpms_core.clock import clock
from cpms_core.db import READ_ONLY, transaction
from cpms_core.errors import CpmsError, NotFoundError
from cpms_core.files import FileStore
from cpms_core.keeping import parts
from cpms_core.keeping.parts import FilePart, Header, Manifest, TablePart
from cpms_core.keys import SiteKey
from cpms_core.plugins.enabled import site_file
from cpms_core.settings import Settings, Site
from cpms_core.state import KEY_ID, SiteState
from cpms_core.store import is_current, revision

_DATABASE_LINE = re.compile(r"^[ \t]*database[ \t]*=.*\n?", re.MULTILINE)


def make_backup(site: Site, engine: Engine, target: Path, key: SiteKey | None) -> Manifest:
    """Write the backup; nothing is left behind if it fails, and nothing is ever overwritten."""
    _ensure_possible(engine, target)
    with _told(target), _folder_beside(target) as folder:
        header = Header(
            format=parts.FORMAT, version=__version__, revision=revision(), made_at=clock.now()
        )
        with _one_moment(engine) as connection:
            tables = [_dump(connection, table, folder) for table in parts.tables()]
            names = _file_names(connection)
            key_id = connection.scalar(select(SiteState.value).where(SiteState.key == KEY_ID))
        partial = folder / "backup"
        with partial.open("xb") as raw, _archive(raw, target) as archive:
            settings, plugins = _settings(site), site_file(site.data).read_bytes()
            _add(archive, parts.HEADER, msgspec.json.encode(header))
            _add(archive, parts.SETTINGS, settings)
            _add(archive, parts.PLUGINS, plugins)
            for table in tables:
                archive.add(folder / table.name, f"tables/{table.name}.jsonl", filter=_anonymous)
            files, absent = _add_files(archive, FileStore(site.files), names)
            manifest = Manifest(
                header=header,
                engine=engine.dialect.name,
                key_id=key_id or "",
                settings=hashlib.sha256(settings).hexdigest(),
                plugins=hashlib.sha256(plugins).hexdigest(),
                tables=tuple(tables),
                files=tuple(files),
                absent=tuple(absent),
            )
            encoded = msgspec.json.encode(manifest)
            _add(archive, parts.MANIFEST, encoded)
            if key is not None:
                _add(archive, parts.MAC, parts.seal(encoded, key).encode())
        _publish(partial, target)
    with transaction(engine) as session:
        audit.record(
            session, None, Event.BACKUP_MADE, rows=manifest.rows, files=len(manifest.files)
        )
    return manifest


def _ensure_possible(engine: Engine, target: Path) -> None:
    if target.exists():
        raise CpmsError(f"{target} is there already; a backup overwrites nothing.")
    if not target.parent.is_dir():
        raise CpmsError(f"There is no folder {target.parent} to write the backup into.")
    if not is_current(engine):
        raise CpmsError("The store is of another version. Run `cpms migrate` first.")


@contextmanager
def _told(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CpmsError(
            f"The backup {target} was not made ({error.strerror or error}). The site is as it was,"
            " and nothing half-made was left behind."
        ) from error


@contextmanager
def _folder_beside(target: Path) -> Iterator[Path]:
    """On the same disk, so that the finished file only has to be renamed; readable by nobody."""
    folder = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _one_moment(engine: Engine) -> Iterator[Connection]:
    """A transaction that sees one moment of the store and holds nobody up."""
    options: dict[str, Any] = {**READ_ONLY, "yield_per": 1000}
    if engine.dialect.name == "postgresql":
        options |= {"isolation_level": "REPEATABLE READ"}
    with engine.connect() as connection:
        yield connection.execution_options(**options)


def _dump(connection: Connection, table: Any, folder: Path) -> TablePart:
    digest, count = hashlib.sha256(), 0
    with (folder / table.name).open("xb") as file:
        for row in connection.execute(select(table).order_by(*table.primary_key.columns)):
            line = parts.encode_row(row)
            digest.update(line)
            file.write(line)
            count += 1
    columns = tuple(str(column.name) for column in table.columns)
    return TablePart(name=str(table.name), columns=columns, rows=count, sha256=digest.hexdigest())


def _file_names(connection: Connection) -> list[str]:
    named = union(*(select(column) for column in parts.FILES_NAMED))
    return sorted(connection.scalars(named))


@contextmanager
def _archive(raw: IO[bytes], target: Path) -> Iterator[tarfile.TarFile]:
    is_packed = target.name.endswith((".gz", ".tgz"))
    # Images hardly shrink, so the quickest level is the best.
    options: dict[str, Any] = {"mode": "w:gz", "compresslevel": 1} if is_packed else {"mode": "w"}
    with tarfile.open(fileobj=raw, format=tarfile.PAX_FORMAT, **options) as archive:
        yield archive


def _settings(site: Site) -> bytes:
    """As the administrator wrote them, but for the database's address and its password."""
    path = site.data / "site.toml"
    text = _DATABASE_LINE.sub("", path.read_text(encoding="utf-8")) if path.exists() else ""
    if msgspec.toml.decode(text, type=Settings) != replace(site.settings, database=""):
        raise CpmsError(
            f"{path} sets its database in a way that cannot be taken out. Write it as one line"
            ' `database = "…"`, then try again.'
        )
    return text.encode()


def _add_files(
    archive: tarfile.TarFile, store: FileStore, names: Sequence[str]
) -> tuple[list[FilePart], list[str]]:
    """What was added, and what is missing or not what its name says."""
    files, absent = [], []
    for name in names:
        try:
            if not store.verify(name):
                absent.append(name)
                continue
            path = store.path(name)
            archive.add(path, f"files/{name}", filter=_anonymous)
            files.append(FilePart(sha256=name, size=path.stat().st_size))
        except NotFoundError:
            absent.append(name)
    return files, absent


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Who owns what on this machine is nobody's business elsewhere."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mode = 0o600
    return member


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = _anonymous(tarfile.TarInfo(name))
    member.size = len(content)
    member.mtime = int(clock.now().timestamp())
    archive.addfile(member, BytesIO(content))


def _publish(partial: Path, target: Path) -> None:
    """All of it is on the disk before it has its name."""
    partial.chmod(0o600)
    with partial.open("rb+") as file:
        os.fsync(file.fileno())
    partial.rename(target)
    folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
