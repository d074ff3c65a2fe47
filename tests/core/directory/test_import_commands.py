"""`cpms people import` and `cpms centres import`."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select

from cpms_core.cli import main
from cpms_core.db import make_engine, transaction
from cpms_core.directory.models import Hcp
from cpms_core.identity.models import User
from cpms_core.settings import Settings, Site, read_site, write_settings
from tests.engines import SqliteTemplate

PEOPLE = (
    "name,email,role,centre\n"
    "Eva Nová,eva@example.org,professional,FR10\n"
    "Jan Král,jan@example.org,professional,XX99\n"
)
Run = Callable[..., tuple[int, str]]


@pytest.fixture
def site(sqlite_template: SqliteTemplate, tmp_path: Path) -> Site:
    data = tmp_path / "site"
    data.mkdir()
    with sqlite_template.copy(data):
        pass
    write_settings(data, Settings(demonstration=True))
    return read_site(data)


@pytest.fixture
def run(site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """`run("people", text, …)`: the exit code and what was printed."""

    def call(kind: str, text: str, *options: str) -> tuple[int, str]:
        file = tmp_path / "file.csv"
        file.write_text(text)
        with pytest.raises(SystemExit) as ended:
            main([kind, "import", str(file), "--data", str(site.data), *options])
        printed = capsys.readouterr()
        code = ended.value.code
        return (code if isinstance(code, int) else 1), printed.out + printed.err

    return call


def stored(site: Site, column: object) -> set[str]:
    engine = make_engine(site.database_url)
    with transaction(engine, read_only=True) as session:
        found = set(session.scalars(select(column)))  # type: ignore[call-overload]  # a column of either table
    engine.dispose()
    return found


def test_a_dry_run_tells_and_changes_nothing(site: Site, run: Run) -> None:
    code, said = run("people", PEOPLE, "--dry-run")
    assert code == 1
    assert "2: added: Eva Nová · eva@example.org: health professional at FR10" in said
    assert "3: refused: Jan Král · jan@example.org: There is no centre XX99." in said
    assert "Nothing is changed. It would be: 1 added, 0 changed, 1 refused." in said
    assert stored(site, User.email) == set()


def test_people_and_centres_are_imported(site: Site, run: Run) -> None:
    code, said = run("people", PEOPLE)
    assert code == 1 and "Imported: 1 added, 0 changed, 1 refused." in said
    assert stored(site, User.email) == {"eva@example.org"}
    code, said = run("centres", "code,name\nFR77,CHU de Nantes\n")
    assert code == 0 and "2: added: FR77 CHU de Nantes" in said
    assert "FR77" in stored(site, Hcp.code)


def test_a_file_that_cannot_be_read_is_told_in_a_sentence(site: Site, run: Run) -> None:
    code, said = run("centres", "code\n")
    assert code == 1 and "Missing: name" in said
    with pytest.raises(SystemExit):
        main(["centres", "import", "/nowhere/at/all.csv", "--data", str(site.data)])
