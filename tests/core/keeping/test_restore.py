"""Bringing a backup back, and refusing what is none."""

import hashlib
import io
import json
import shutil
import tarfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select

from cpms_core import audit
from cpms_core.auditing.chain import seal
from cpms_core.db import make_engine, transaction
from cpms_core.errors import CpmsError
from cpms_core.files import FileStore
from cpms_core.identity.models import AccountLink, ApiToken, SignInSession
from cpms_core.keeping.backup import make_backup
from cpms_core.keeping.check import check_site
from cpms_core.keeping.restore import restore_backup
from cpms_core.keys import SiteKey, SiteKeyError, write_site_key
from tests.core.keeping.kept import Kept, content

CHANGED = {"session", "api_token", "account_link", "audit_event"}


@pytest.mark.parametrize("onto", ["sqlite", "postgresql"])
def test_a_backup_of_either_engine_restores_onto_either(
    kept: Kept, tmp_path: Path, onto: str, request: pytest.FixtureRequest
) -> None:
    backup = tmp_path / "site.tar.gz"
    make_backup(kept.site, kept.engine, backup, kept.key)
    url = request.getfixturevalue("empty_postgresql") if onto == "postgresql" else ""
    restored = restore_backup(backup, tmp_path / "there", database=url, key=kept.key)
    engine = make_engine(restored.site.database_url)
    with ExitStack() as stack:
        stack.callback(engine.dispose)
        assert engine.dialect.name == onto
        _compare(kept, engine)
        seal(engine)
        write_site_key(restored.site.site_key_path, kept.key)
        assert check_site(restored.site, engine).problems == []


def _compare(kept: Kept, engine: Engine) -> None:
    before, after = content(kept.engine), content(engine)
    assert {name for name in before if before[name] != after[name]} == CHANGED
    # What was sealed is unchanged; the backup itself and the restoring came after it.
    sealed = [row for row in before["audit_event"] if row[-2] is not None]
    assert sealed == after["audit_event"][: len(sealed)]


def test_files_settings_and_plugins_come_back(backup: Path, source: Kept, tmp_path: Path) -> None:
    site = restore_backup(backup, tmp_path / "there", key=source.key).site
    assert FileStore(site.files).verify(source.photo)
    assert site.settings.site_name == "Überall"
    assert site.settings.idle_minutes == 20
    assert site.settings.database == ""
    assert (site.data / "plugins.toml").read_text() == '# ours\nenabled = ["ern_ithaca"]\n'
    assert sorted(path.name for path in site.data.iterdir()) == [
        "cpms.sqlite3",
        "files",
        "plugins.toml",
        "site.toml",
    ]


def test_no_session_no_token_and_no_link_comes_back_to_life(backup: Path, tmp_path: Path) -> None:
    engine = make_engine(restore_backup(backup, tmp_path / "there").site.database_url)
    with transaction(engine) as session:
        alive = select(SignInSession).where(SignInSession.revoked_at.is_(None))
        assert session.scalars(alive).all() == []
        assert session.scalars(select(SignInSession)).all() != []
        tokens = session.scalars(select(ApiToken.revoked_at)).all()
        assert tokens and all(tokens)
        assert session.scalars(select(AccountLink)).all() != []
        open_links = select(AccountLink).where(AccountLink.used_at.is_(None))
        assert session.scalars(open_links).all() == []
        events = session.scalars(select(audit.AuditEvent.tag).order_by(audit.AuditEvent.id)).all()
    engine.dispose()
    assert events[-1] == "site:backup:restored"


def test_without_the_key_all_is_restored_and_it_is_said(backup: Path, tmp_path: Path) -> None:
    restored = restore_backup(backup, tmp_path / "there")
    assert "identities stay unreadable" in restored.remarks[0]
    engine = make_engine(restored.site.database_url)
    problems = check_site(restored.site, engine).problems
    engine.dispose()
    assert len(problems) == 1
    assert "There is no site key" in problems[0]


def test_the_key_of_another_site_is_refused_before_anything_happens(
    backup: Path, tmp_path: Path
) -> None:
    with pytest.raises(SiteKeyError, match="is not the one this site was made with"):
        restore_backup(backup, tmp_path / "there", key=SiteKey(bytes(32)))
    assert not (tmp_path / "there").exists()


def test_a_folder_that_holds_something_is_left_alone(backup: Path, tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.mkdir()
    (there / "something").touch()
    with pytest.raises(CpmsError, match="is not empty"):
        restore_backup(backup, there)
    assert [path.name for path in there.iterdir()] == ["something"]


def test_an_empty_folder_will_do(backup: Path, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    assert restore_backup(backup, tmp_path / "there").site.data == tmp_path / "there"


def test_a_database_that_holds_a_site_is_left_alone(
    backup: Path, kept: Kept, tmp_path: Path
) -> None:
    before = content(kept.engine)
    url = kept.engine.url.render_as_string(hide_password=False)
    with pytest.raises(CpmsError, match="holds a site already"):
        restore_backup(backup, tmp_path / "there", database=url)
    assert content(kept.engine) == before
    assert not (tmp_path / "there").exists()


def test_a_restore_that_failed_half_way_can_be_tried_again(
    backup: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("cpms_core.keeping.restore._publish", full)
        with pytest.raises(CpmsError, match="was not restored"):
            restore_backup(backup, tmp_path / "there")
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".")) == []
    restore_backup(backup, tmp_path / "there")


def test_a_file_that_is_not_there_or_no_backup_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CpmsError, match="There is no file"):
        restore_backup(tmp_path / "nothing.tar", tmp_path / "there")
    (tmp_path / "text.tar").write_text("Dear colleague, " * 1000)
    with pytest.raises(CpmsError, match="is no backup"):
        restore_backup(tmp_path / "text.tar", tmp_path / "there")


@pytest.mark.parametrize("share", [0.05, 0.3, 0.6, 0.9, 0.99])
def test_a_backup_that_is_cut_off_is_refused(backup: Path, tmp_path: Path, share: float) -> None:
    raw = backup.read_bytes()
    cut = tmp_path / "cut.tar.gz"
    cut.write_bytes(raw[: int(len(raw) * share)])
    with pytest.raises(CpmsError, match=r"cut off|damaged"):
        restore_backup(cut, tmp_path / "there")
    assert not (tmp_path / "there").exists()


Members = dict[str, bytes]


def rewritten(backup: Path, change: Callable[[Members], None]) -> Path:
    """The same backup with other members, well-formed as a tar."""
    with tarfile.open(backup) as archive:
        members: Members = {}
        for one in archive:
            stream = archive.extractfile(one)
            assert stream is not None
            members[one.name] = stream.read()
    change(members)
    target = backup.with_name("changed.tar")
    with tarfile.open(target, "w") as archive:
        for name, raw in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(raw)
            archive.addfile(info, io.BytesIO(raw))
    return target


def refuse(backup: Path, change: Callable[[Members], None], match: str, **options: Any) -> None:
    there = backup.with_name("there")
    with pytest.raises(CpmsError, match=match):
        restore_backup(rewritten(backup, change), there, **options)
    assert not there.exists()
    assert [path for path in backup.parent.iterdir() if path.name.startswith(".there")] == []


def test_a_changed_table_is_refused(backup: Path) -> None:
    def change(members: Members) -> None:
        table = members["tables/role_grant.jsonl"]
        members["tables/role_grant.jsonl"] = table.replace(b"professional", b"system_admin")

    refuse(backup, change, "the table role_grant was changed")


def test_a_missing_table_is_refused(backup: Path) -> None:
    refuse(
        backup,
        lambda members: members.__delitem__("tables/audit_event.jsonl"),
        "the table audit_event is missing",
    )


def test_a_changed_file_is_refused(backup: Path, source: Kept) -> None:
    refuse(
        backup,
        lambda members: members.__setitem__(f"files/{source.photo}", b"another"),
        "is not what its name says",
    )


def test_an_added_file_is_refused(backup: Path) -> None:
    name = hashlib.sha256(b"new").hexdigest()
    refuse(backup, lambda members: members.__setitem__(f"files/{name}", b"new"), "was added")


@pytest.mark.parametrize("name", ["../evil", "/etc/passwd", "files/../../x", "tables/x.py"])
def test_a_name_that_is_not_ours_is_refused(backup: Path, name: str) -> None:
    refuse(backup, lambda members: members.__setitem__(name, b"x"), "does not belong in it")


def test_a_link_in_the_archive_is_refused(tmp_path: Path) -> None:
    target = tmp_path / "link.tar"
    with tarfile.open(target, "w") as archive:
        info = tarfile.TarInfo("site.toml")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(info)
    with pytest.raises(CpmsError, match="is no file"):
        restore_backup(target, tmp_path / "there")


def test_changed_settings_are_refused(backup: Path) -> None:
    refuse(
        backup,
        lambda members: members.__setitem__("site.toml", b"demonstration = true\n"),
        "site.toml was changed",
    )


def test_a_backup_without_its_end_is_refused(backup: Path) -> None:
    refuse(backup, lambda members: members.__delitem__("manifest.json"), "its end is missing")


def test_a_manifest_rewritten_by_somebody_without_the_key_is_refused(
    backup: Path, source: Kept
) -> None:
    """All hashes fit, so only the seal of the site key tells."""

    def change(members: Members) -> None:
        table = members["tables/role_grant.jsonl"].replace(b"professional", b"system_admin")
        members["tables/role_grant.jsonl"] = table
        manifest = json.loads(members["manifest.json"])
        for part in manifest["tables"]:
            if part["name"] == "role_grant":
                part["sha256"] = hashlib.sha256(table).hexdigest()
        members["manifest.json"] = json.dumps(manifest).encode()

    refuse(backup, change, "who does not have the site key", key=source.key)


@pytest.mark.parametrize("change", [{"format": 2}, {"revision": "9999"}])
def test_a_backup_of_a_newer_version_says_so(backup: Path, change: dict[str, Any]) -> None:
    def edit(members: Members) -> None:
        header = json.loads(members["header.json"]) | {"version": "7.0", **change}
        members["header.json"] = json.dumps(header).encode()

    refuse(backup, edit, r"made by version 7\.0 of the program")


def test_a_plain_tar_and_a_packed_one_hold_the_same(backup: Path, tmp_path: Path) -> None:
    plain = rewritten(backup, lambda _: None)
    restore_backup(plain, tmp_path / "plain")
    restore_backup(backup, tmp_path / "packed")
    shutil.rmtree(tmp_path / "plain")
