"""`cpms audit anchor` and `verify`, as an administrator's cron runs them."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from cpms_core import audit
from cpms_core.audit import Event
from cpms_core.auditing.chain import seal
from cpms_core.db import make_engine, transaction
from cpms_core.keys import create_site_key
from cpms_core.settings import Site
from tests.core.auditing.conftest import Run


@contextmanager
def opened(folder: Site) -> Iterator[Engine]:
    engine = make_engine(folder.database_url)
    yield engine
    engine.dispose()


def add(folder: Site, count: int = 5) -> None:
    with opened(folder) as engine, transaction(engine) as session:
        for page in range(count):
            audit.record(session, None, Event.CASE_READ, page=page)


def do(folder: Site, *statements: str) -> None:
    with opened(folder) as engine, transaction(engine) as session:
        for statement in statements:
            session.execute(text(statement))


def test_verify_seals_what_waits_and_says_how_much_holds(run: Run, folder: Site) -> None:
    assert run("verify") == (0, "0 entries, the chain holds.\n", "")
    add(folder)
    assert run("verify") == (0, "5 entries, the chain holds.\n", "")


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("UPDATE audit_event SET roles = 'guest' WHERE seq = 3", "#3 (20"),
        ("DELETE FROM audit_event WHERE seq = 3", "#3 is missing; the next that is there"),
        ("DELETE FROM audit_event WHERE seq > 3", "#4 is missing, with all that followed: the"),
    ],
)
def test_verify_names_the_first_bad_entry_and_fails(
    run: Run, folder: Site, statement: str, told: str
) -> None:
    add(folder)
    run("verify")
    do(folder, statement)
    code, out, _ = run("verify")
    assert code == 1
    assert out.startswith(f"PROBLEM: The audit's chain breaks: the entry {told}")
    assert "holds" not in out


def test_anchors_are_added_and_verified(run: Run, folder: Site, tmp_path: Path) -> None:
    file = tmp_path / "anchors"
    for _ in range(2):
        add(folder)
        assert run("anchor", file)[0] == 0
    code, out, _ = run("verify", "--anchors", file)
    assert code == 0
    assert out.startswith("2 anchors, the last at #10 on ")
    assert out.endswith("10 entries, the chain holds.\n")


def test_anchors_beside_the_audit_prove_nothing_and_are_refused(run: Run, folder: Site) -> None:
    add(folder)
    code, _, err = run("anchor", folder.data / "anchors")
    assert code == 1
    assert "is in the site's folder" in err
    assert not (folder.data / "anchors").exists()


def test_an_older_store_that_was_restored_is_found(run: Run, folder: Site, tmp_path: Path) -> None:
    file, store = tmp_path / "anchors", folder.data / "cpms.sqlite3"
    add(folder)
    run("anchor", file)
    shutil.copy(store, tmp_path / "old")
    add(folder)
    run("anchor", file)
    for left in folder.data.glob("cpms.sqlite3-*"):
        left.unlink()
    shutil.copy(tmp_path / "old", store)
    assert run("verify")[0] == 0
    code, out, _ = run("verify", "--anchors", file)
    assert code == 1
    assert "the entry #6 is missing, with all that followed: the chain went to #10." in out
    add(folder)
    code, out, _ = run("verify", "--anchors", file)
    assert code == 1
    assert "#10" in out and "the chain was rewritten" in out


def test_a_chain_rewritten_with_everything_that_remembers_it_is_found(
    run: Run, folder: Site, tmp_path: Path
) -> None:
    file = tmp_path / "anchors"
    add(folder)
    run("anchor", file)
    do(
        folder,
        "DELETE FROM audit_event WHERE seq = 2",
        "UPDATE audit_event SET seq = NULL, hash = NULL",
        "DELETE FROM site_state WHERE key = 'audit_head'",
    )
    with opened(folder) as engine:
        seal(engine)
    add(folder)
    assert run("verify")[0] == 0
    assert run("verify", "--anchors", file)[0] == 1


def test_anchors_that_were_tampered_with_are_told_and_the_good_ones_still_used(
    run: Run, folder: Site, tmp_path: Path
) -> None:
    file = tmp_path / "anchors"
    for _ in range(3):
        add(folder)
        run("anchor", file)
    lines = file.read_text().splitlines(keepends=True)
    file.write_text(lines[0] + lines[2])
    code, out, _ = run("verify", "--anchors", file)
    assert code == 1
    assert out.startswith(f"PROBLEM: Line 2 of {file} does not follow the line before it")
    assert "1 anchor, the last at #5" in out
    assert run("anchor", file)[0] == 1


def test_without_the_right_site_key_nothing_is_anchored(
    run: Run, folder: Site, tmp_path: Path
) -> None:
    add(folder)
    run("anchor", tmp_path / "anchors")
    folder.site_key_path.unlink()
    assert run("anchor", tmp_path / "anchors")[0] == 1
    create_site_key(folder.site_key_path)
    code, out, _ = run("verify", "--anchors", tmp_path / "anchors")
    assert code == 1
    assert "of another site" in out
