"""What `cpms check` finds, and the commands around it."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text, update

from cpms_core import cli
from cpms_core.clock import clock
from cpms_core.db import make_engine, transaction
from cpms_core.files import FileStore
from cpms_core.jobs import MAX_ATTEMPTS, Job, enqueue
from cpms_core.keeping.check import check_site
from cpms_core.keys import create_site_key
from tests.core.keeping.kept import Kept


def problems(kept: Kept, *, is_quick: bool = False) -> list[str]:
    return check_site(kept.site, kept.engine, is_quick=is_quick).problems


def test_a_whole_site_has_figures_and_no_problem(kept: Kept) -> None:
    report = check_site(kept.site, kept.engine)
    assert report.problems == []
    assert report.figures[0] == "2 people, 1 patient, 1 case, 1 audit event"
    assert "audit sealed to #1, the chain holds" in report.figures
    assert f"site key {kept.key.key_id}" in report.figures
    # A file that was removed from its case is counted in bytes until it is erased.
    assert "1 file, 18 bytes" in report.figures


def test_a_missing_file_is_found(copied: Kept) -> None:
    FileStore(copied.site.files).remove(copied.photo)
    assert problems(copied) == [f"The file {copied.photo} is missing."]


def test_a_file_with_other_bytes_is_found_unless_only_a_quick_look_is_wanted(copied: Kept) -> None:
    FileStore(copied.site.files).path(copied.photo).write_bytes(b"a Photo")
    assert problems(copied, is_quick=True) == []
    assert problems(copied) == [
        f"The file {copied.photo} is damaged: its bytes are not what was kept."
    ]


def test_a_file_that_no_row_names_is_found_once_it_is_an_hour_old(
    copied: Kept, tmp_path: Path
) -> None:
    (tmp_path / "lost").write_bytes(b"lost")
    lost = FileStore(copied.site.files).add(tmp_path / "lost").sha256
    assert problems(copied) == []
    clock.offset = timedelta(hours=2)
    assert problems(copied) == [f"The file {lost} belongs to no case; a crash may have left it."]


def test_a_changed_event_breaks_the_chain(kept: Kept) -> None:
    with transaction(kept.engine) as session:
        session.execute(text("UPDATE audit_event SET roles = 'guest'"))
    (problem,) = problems(kept)
    assert problem.startswith("The audit's chain breaks: the entry #1 (")
    assert problem.endswith("UTC) was changed, moved or slipped in after it was sealed.")


def test_another_site_key_is_found(copied: Kept) -> None:
    copied.site.site_key_path.unlink()
    create_site_key(copied.site.site_key_path)
    (problem,) = problems(copied)
    assert "is not the one this site was made with" in problem


def test_a_key_that_is_gone_is_found(copied: Kept) -> None:
    copied.site.site_key_path.unlink()
    (problem,) = problems(copied)
    assert "There is no site key" in problem


def test_a_plugin_that_cannot_be_loaded_is_found(copied: Kept) -> None:
    copied.site.plugins_file.write_text('enabled = ["ern_ithaca", "gone"]\n')
    (problem,) = problems(copied)
    assert problem == ("The plugin gone fails: no installed package offers a plugin called 'gone'")


def test_a_broken_list_of_plugins_is_found(copied: Kept) -> None:
    copied.site.plugins_file.write_text("enabled = [\n")
    (problem,) = problems(copied)
    assert "is not valid TOML" in problem


def test_a_job_that_gave_up_is_found(copied: Kept) -> None:
    with transaction(copied.engine) as session:
        enqueue(session, "mail", {})
        session.execute(update(Job).values(attempts=MAX_ATTEMPTS, error="no route"))
    assert problems(copied) == ["The job mail gave up: no route"]


def test_a_store_of_another_version_is_found(copied: Kept) -> None:
    with copied.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0000'"))
    assert problems(copied) == ["The store is of another version. Run `cpms migrate`."]


def test_a_store_that_is_not_there_is_found(copied: Kept, tmp_path: Path) -> None:
    engine = make_engine(f"sqlite:///{tmp_path / 'nothing.sqlite3'}")
    report = check_site(copied.site, engine)
    assert report.problems == [f"There is no store: {tmp_path / 'nothing.sqlite3'} does not exist."]
    assert not (tmp_path / "nothing.sqlite3").exists()


def run(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as ended:
        cli.main([str(argument) for argument in arguments])
    return int(ended.value.code or 0)


def test_the_command_ends_with_a_failure_and_a_list(
    copied: Kept, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("check", "--data", copied.site.data) == 0
    assert capsys.readouterr().out.endswith("Nothing is amiss.\n")
    FileStore(copied.site.files).remove(copied.photo)
    assert run("check", "--data", copied.site.data) == 1
    said = capsys.readouterr().out.splitlines()
    assert said[-2:] == [f"PROBLEM: The file {copied.photo} is missing.", "1 problem."]


def test_orphans_are_erased_when_asked(
    copied: Kept, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "lost").write_bytes(b"lost")
    store = FileStore(copied.site.files)
    lost = store.add(tmp_path / "lost").sha256
    clock.offset = timedelta(hours=2)
    assert run("check", "--remove-orphans", "--data", copied.site.data) == 0
    assert "Erased 1 file" in capsys.readouterr().out
    assert not store.exists(lost)
    assert store.exists(copied.photo)


def test_backup_and_restore_as_commands(
    copied: Kept,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("cpms_core.commands.keeping.load_terms", lambda *_, **__: {})
    file, there = tmp_path / "site.tar", tmp_path / "there"
    assert run("backup", file, "--data", copied.site.data) == 0
    assert "The site key is NOT in it" in capsys.readouterr().out
    key = copied.site.site_key_path
    assert run("restore", file, "--data", there, "--site-key", key) == 0
    assert f"The site key lies at {there}.key" in capsys.readouterr().out
    assert run("check", "--data", there) == 0


def test_a_restore_without_the_key_says_where_to_put_it(
    backup: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("cpms_core.commands.keeping.load_terms", lambda *_, **__: {})
    assert run("restore", backup, "--data", tmp_path / "there") == 0
    assert f"Put the site key at {tmp_path / 'there'}.key before" in capsys.readouterr().out


def test_the_key_is_exported_to_standard_output_alone(
    source: Kept, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("key", "export", "--data", source.site.data) == 0
    said = capsys.readouterr()
    assert said.out == source.key.export() + "\n"
    assert "every patient's identity" in said.err


def test_a_folder_without_a_site_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("check", "--data", tmp_path / "nowhere") == 1
    assert "There is no site" in capsys.readouterr().err
