"""A backup of a site that goes on working."""

import json
import stat
import tarfile
import threading
from pathlib import Path

import pytest
from sqlalchemy import func, select

from cpms_core import audit
from cpms_core.db import make_engine, transaction
from cpms_core.errors import CpmsError
from cpms_core.files import FileStore
from cpms_core.identity.models import RoleGrant, User
from cpms_core.keeping.backup import make_backup
from cpms_core.keeping.restore import restore_backup
from tests import factories
from tests.core.keeping.kept import Kept


def names(path: Path) -> list[str]:
    with tarfile.open(path) as archive:
        return archive.getnames()


def member(path: Path, name: str) -> bytes:
    with tarfile.open(path) as archive:
        stream = archive.extractfile(name)
        assert stream is not None
        return stream.read()


def test_a_backup_holds_every_table_every_file_and_the_settings(kept: Kept, tmp_path: Path) -> None:
    backup = tmp_path / "site.tar.gz"
    make_backup(kept.site, kept.engine, backup, kept.key)
    inside = names(backup)
    assert inside[0] == "header.json"
    assert inside[-2:] == ["manifest.json", "manifest.mac"]
    assert f"files/{kept.photo}" in inside
    assert {"tables/user_account.jsonl", "tables/audit_event.jsonl", "site.toml"} <= set(inside)
    manifest = json.loads(member(backup, "manifest.json"))
    assert manifest["engine"] == kept.engine.dialect.name
    assert manifest["key_id"] == kept.key.key_id
    assert {file["sha256"]: file["size"] for file in manifest["files"]}[kept.photo] == 7


def test_a_backup_holds_neither_the_site_key_nor_the_address_of_the_database(
    kept: Kept, tmp_path: Path
) -> None:
    target = tmp_path / "plain.tar"
    make_backup(kept.site, kept.engine, target, kept.key)
    raw = target.read_bytes()
    assert kept.key.export().encode() not in raw
    assert bytes.fromhex(kept.key.export()) not in raw
    assert kept.engine.url.render_as_string(hide_password=False).encode() not in raw
    assert b"database" not in member(target, "site.toml")
    assert "Überall".encode() in member(target, "site.toml")


def test_nobody_but_its_owner_may_read_a_backup(backup: Path) -> None:
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600


def test_a_backup_is_an_event(copied: Kept, tmp_path: Path) -> None:
    make_backup(copied.site, copied.engine, tmp_path / "site.tar", copied.key)
    with transaction(copied.engine) as session:
        tags = list(session.scalars(select(audit.AuditEvent.tag).order_by(audit.AuditEvent.id)))
    assert tags[-1] == "site:backup:made"


def test_a_backup_overwrites_nothing(backup: Path, copied: Kept) -> None:
    before = backup.read_bytes()
    with pytest.raises(CpmsError, match="is there already"):
        make_backup(copied.site, copied.engine, backup, copied.key)
    assert backup.read_bytes() == before


def test_a_backup_that_fails_leaves_nothing_behind(
    copied: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tarfile.TarFile, "addfile", full)
    folder = tmp_path / "backups"
    folder.mkdir()
    with pytest.raises(CpmsError, match="No space left on device"):
        make_backup(copied.site, copied.engine, folder / "site.tar", copied.key)
    assert list(folder.iterdir()) == []


def test_a_missing_or_damaged_file_is_told_and_the_rest_is_kept(
    copied: Kept, tmp_path: Path
) -> None:
    FileStore(copied.site.files).path(copied.photo).write_bytes(b"rotten!")
    manifest = make_backup(copied.site, copied.engine, tmp_path / "site.tar", copied.key)
    assert manifest.absent == (copied.photo,)
    assert len(manifest.files) == 1
    restored = restore_backup(tmp_path / "site.tar", tmp_path / "there", key=copied.key)
    assert any(copied.photo in remark for remark in restored.remarks)


def test_a_backup_is_of_one_moment_while_others_write(kept: Kept, tmp_path: Path) -> None:
    """Each writer adds a person and that person's role at once; a backup never has one alone."""
    stop, written, errors = threading.Event(), [0], []

    def write() -> None:
        try:
            while not stop.is_set():
                with transaction(kept.engine) as session:
                    factories.make_user(session)
                written[0] += 1
        except Exception as error:  # noqa: BLE001 - a thread's failure has to reach the test
            errors.append(error)

    thread = threading.Thread(target=write)
    thread.start()
    while not written[0] and not errors:
        stop.wait(0.01)
    manifests = [
        make_backup(kept.site, kept.engine, tmp_path / f"{number}.tar", kept.key)
        for number in range(3)
    ]
    stop.set()
    thread.join()
    assert errors == []
    counts = [{table.name: table.rows for table in one.tables} for one in manifests]
    # The coordinator of before has two roles.
    assert all(one["user_account"] == one["role_grant"] - 1 for one in counts)
    assert counts[0]["user_account"] < counts[2]["user_account"] <= written[0] + 2
    restored = restore_backup(tmp_path / "0.tar", tmp_path / "there", key=kept.key)
    engine = make_engine(restored.site.database_url)
    with transaction(engine) as session:
        people = session.scalar(select(func.count()).select_from(User))
        roles = session.scalar(select(func.count()).select_from(RoleGrant))
    engine.dispose()
    assert (people, roles) == (counts[0]["user_account"], counts[0]["role_grant"])
