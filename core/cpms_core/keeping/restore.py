"""Restore a backup into an empty folder, and onto an empty database of either engine.

Everything is unpacked beside the folder and compared with the manifest first; only a backup that is
whole gets as far as a table. Whoever was signed in when it was made is not any more: a session or
link that was ended since then must not come back to life.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import JSON, Connection, Engine, Table, bindparam, func, insert, select, update
from sqlalchemy.dialects.postgresql import JSONB

from cpms_core import audit
from cpms_core.audit import Event
from cpms_core.clock import clock
from cpms_core.db import make_engine, transaction
from cpms_core.errors import CpmsError
from cpms_core.identity.models import AccountLink, ApiToken, SignInSession
from cpms_core.keeping import parts
from cpms_core.keeping.parts import Manifest, TablePart
from cpms_core.keeping.unpack import unpack
from cpms_core.keys import SiteKey
from cpms_core.settings import Site, read_site, write_settings
from cpms_core.store import METADATA, migrate

_BATCH = 500


class Restored(Struct, frozen=True, kw_only=True):
    site: Site
    manifest: Manifest
    remarks: tuple[str, ...]
    """Sentences on what is not as it was, for whoever restores."""


def restore_backup(
    archive: Path, data: Path, *, database: str = "", key: SiteKey | None = None
) -> Restored:
    """The site that the backup holds, in `data`. CpmsError leaves everything as it was."""
    data = data.absolute()
    _ensure_empty_folder(data)
    with _folder_beside(data) as folder:
        manifest = unpack(archive, folder, key)
        _settle(folder, database)
        # The folder is not yet at its place, and SQLite's file lies in it.
        url = database or f"sqlite:///{folder / 'cpms.sqlite3'}"
        engine = make_engine(url)
        try:
            _fill(engine, manifest, folder)
        finally:
            engine.dispose()
        shutil.rmtree(folder / "tables")
        _publish(folder, data)
    return Restored(site=read_site(data), manifest=manifest, remarks=tuple(_remarks(manifest, key)))


def _ensure_empty_folder(data: Path) -> None:
    if data.exists() and (not data.is_dir() or any(data.iterdir())):
        raise CpmsError(f"{data} is not empty. A backup is restored into an empty folder only.")
    data.parent.mkdir(parents=True, exist_ok=True)


@contextmanager
def _folder_beside(data: Path) -> Iterator[Path]:
    """On the same disk, so that the finished folder only has to be renamed."""
    folder = Path(tempfile.mkdtemp(prefix=f".{data.name}.", dir=data.parent))
    try:
        yield folder
    except OSError as error:
        raise CpmsError(
            f"The backup was not restored ({error.strerror or error}). {data} is as it was."
        ) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _settle(folder: Path, database: str) -> None:
    """The settings as they were, with the database of this place."""
    if database:
        settings = read_site(folder).settings
        write_settings(folder, replace(settings, database=database))


def _fill(engine: Engine, manifest: Manifest, folder: Path) -> None:
    _ensure_empty_store(engine)
    migrate(engine)
    with transaction(engine) as session:
        connection = session.connection()
        for part in manifest.tables:
            _load(connection, part, folder / "tables" / f"{part.name}.jsonl")
        now = clock.now()
        for table in (SignInSession, ApiToken):
            ended = update(table).where(table.revoked_at.is_(None))
            session.execute(ended.values(revoked_at=now))
        used = update(AccountLink).where(AccountLink.used_at.is_(None))
        session.execute(used.values(used_at=now))
        made_at = manifest.header.made_at.isoformat(timespec="seconds")
        audit.record(session, None, Event.BACKUP_RESTORED, made_at=made_at, rows=manifest.rows)


def _ensure_empty_store(engine: Engine) -> None:
    """No table of ours, or only empty ones: what an earlier try may have left."""
    with engine.connect() as connection:
        present = [
            table
            for table in METADATA.sorted_tables
            if engine.dialect.has_table(connection, table.name)
        ]
        full = [table.name for table in present if connection.scalar(select(table).limit(1))]
    if full:
        raise CpmsError(
            "The database holds a site already. A backup is restored into an empty database only;"
            " nothing was changed."
        )


def _load(connection: Connection, part: TablePart, path: Path) -> None:
    table = METADATA.tables[part.name]
    decode = parts.decoder(table, part.columns)
    statement = insert(table).values(
        {name: bindparam(name, type_=_exact(table, name)) for name in part.columns}
    )
    with path.open("rb") as lines:
        batch: list[dict[str, Any]] = []
        for line in lines:
            batch.append(decode(line))
            if len(batch) >= _BATCH:
                connection.execute(statement, batch)
                batch.clear()
        if batch:
            connection.execute(statement, batch)
    stored = connection.scalar(select(func.count()).select_from(table))
    if stored != part.rows:
        raise CpmsError(f"The table {part.name} could not be restored whole; nothing was kept.")


def _exact(table: Table, name: str) -> Any:
    """A missing JSON value is SQL's NULL, as it was, and not JSON's."""
    kind = table.columns[name].type
    if isinstance(kind, JSON):
        return JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
    return kind


def _publish(folder: Path, data: Path) -> None:
    for path in (*folder.iterdir(), folder):
        _sync(path)
    # Renaming over an empty folder is one step: there is never half a site at this place.
    folder.replace(data)
    _sync(data.parent)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _remarks(manifest: Manifest, key: SiteKey | None) -> Iterator[str]:
    if manifest.key_id and key is None:
        yield (
            f"The site key {manifest.key_id} was not given. Patients' identities stay unreadable,"
            " and the site does not start, until it is back."
        )
    for name in manifest.absent:
        yield f"The file {name} was missing or damaged when the backup was made."
    yield "Everybody signs in again, and links that were open have ended: make new ones."
