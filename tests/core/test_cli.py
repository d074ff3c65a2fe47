"""The `cpms` program at its edges: what an administrator mistypes is told in a sentence."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from cpms_core.cli import main
from cpms_core.keys import create_site_key
from cpms_core.settings import Settings, Site, read_site, write_settings
from tests.engines import SqliteTemplate
from tests.journeys.server import CPMS

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """`run("people", "list", …)`: the exit code and what was printed, to stdout and to stderr."""

    def call(*arguments: str | Path) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main([str(one) for one in arguments])
        code = ended.value.code
        printed = capsys.readouterr()
        return (code if isinstance(code, int) else 1), printed.out, printed.err

    return call


@pytest.fixture
def site(sqlite_template: SqliteTemplate, tmp_path: Path) -> Site:
    data = tmp_path / "site"
    data.mkdir()
    with sqlite_template.copy(data):
        pass
    write_settings(data, Settings(demonstration=True))
    made = read_site(data)
    create_site_key(made.site_key_path)
    return made


def test_the_program_itself_starts_and_names_its_commands() -> None:
    done = subprocess.run([CPMS, "--help"], capture_output=True, text=True, check=True)
    for command in ("run", "serve", "migrate", "people", "plugins", "import", "verify", "check"):
        assert f"\n    {command} " in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("people", "list"),
        ("people", "invite", "a@example.org", "--name", "Dr A"),
        ("people", "disable", "a@example.org"),
        ("import", "phenopacket", ".", "--as", "a@example.org"),
        ("check",),
        ("backup", "backup.tar"),
        ("serve",),
    ],
)
def test_a_mistyped_folder_is_no_site_and_becomes_none(
    run: Run, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    code, out, err = run(*arguments, "--data", tmp_path / "typo")
    assert code == 1
    assert err.startswith("cpms: There is no site in ")
    assert out == ""
    assert list(tmp_path.iterdir()) == []


def test_settings_that_cannot_be_read_are_named_with_file_and_place(
    run: Run, tmp_path: Path
) -> None:
    (tmp_path / "site.toml").write_text("site_name = =")
    code, _, err = run("people", "list", "--data", tmp_path)
    assert code == 1
    assert "site.toml cannot be read" in err and "line 1" in err
    (tmp_path / "site.toml").write_text('colour = "red"')
    assert "colour" in run("people", "list", "--data", tmp_path)[2]


def test_people_are_invited_listed_and_shut_out_from_the_console(run: Run, site: Site) -> None:
    who = ("--name", "Dr Anna", "--hcp", "FR10", "--data", site.data)
    code, out, _ = run("people", "invite", "Anna@Example.org", *who)
    assert code == 0
    assert f"{site.settings.base_url}/enrol/" in out
    assert run("people", "list", "--data", site.data)[1] == "anna@example.org\n"
    assert run("people", "disable", "anna@example.org", "--data", site.data)[0] == 0
    code, _, err = run("people", "disable", "bob@example.org", "--data", site.data)
    assert (code, err) == (1, "cpms: There is nobody with the address bob@example.org.\n")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("nonsense", "--name", "Dr A", "--hcp", "FR10"), "not an e-mail address"),
        (("a@example.org", "--name", "A", "--hcp", "FR10"), "A name is needed"),
        (("a@example.org", "--name", "Dr A"), "A centre is needed"),
        (("a@example.org", "--name", "Dr A", "--hcp", "XX99"), "no centre XX99"),
        (("a@example.org", "--name", "Dr A", "--role", "coordinator"), ""),
        (("a@example.org", "--name", "Dr A", "--role", "coordinator", "--ern", "no"), "no ERN no"),
    ],
)
def test_an_invitation_that_cannot_be_is_refused_in_words(
    run: Run, site: Site, arguments: tuple[str, ...], told: str
) -> None:
    code, out, err = run("people", "invite", *arguments, "--data", site.data)
    assert code == 1, out
    assert err.startswith("cpms: ")
    assert told in err
    assert run("people", "list", "--data", site.data)[1] == ""


def test_plugins_are_listed_before_there_is_a_site(run: Run, tmp_path: Path) -> None:
    code, out, _ = run("plugins", "list", "--data", tmp_path / "none")
    assert code == 0
    assert out.splitlines()[0].split()[:2] == ["dicom_viewer", "on"]
    assert list(tmp_path.iterdir()) == []


def test_plugins_are_switched_in_the_sites_own_file(run: Run, site: Site) -> None:
    assert run("plugins", "disable", "reporting", "--data", site.data)[0] == 0
    assert "reporting        off" in run("plugins", "list", "--data", site.data)[1]
    assert run("plugins", "enable", "reporting", "--data", site.data)[0] == 0
    assert "reporting        on" in run("plugins", "list", "--data", site.data)[1]
    code, _, err = run("plugins", "enable", "no_such", "--data", site.data)
    assert code == 1
    assert "No plugin 'no_such' is installed" in err


def test_a_list_of_plugins_that_is_no_toml_or_names_strangers_is_told(run: Run, site: Site) -> None:
    site.plugins_file.write_text('enabled = ["reporting"')
    for act in (("list",), ("disable", "reporting"), ("enable", "reporting")):
        code, _, err = run("plugins", *act, "--data", site.data)
        assert code == 1
        assert "plugins.toml is not valid TOML" in err
    site.plugins_file.write_text('enabled = ["reporting", "gone"]')
    code, out, _ = run("plugins", "list", "--data", site.data)
    assert code == 1
    assert "listed but not installed" in out


@pytest.mark.parametrize("what", ["nothing", "folder", "empty", "text", "pdf"])
def test_what_is_no_outcome_is_not_verified(run: Run, tmp_path: Path, what: str) -> None:
    file = tmp_path / what
    contents = {"empty": b"", "text": b"hello", "pdf": b"%PDF-1.7\n%%EOF"}
    if what == "folder":
        file.mkdir()
    elif what in contents:
        file.write_bytes(contents[what])
    code, out, err = run("verify", file)
    assert code == 1
    assert "WRONG" in out
    assert "Traceback" not in out + err


def test_a_demonstration_is_not_served_to_other_machines(run: Run, site: Site) -> None:
    code, _, err = run("serve", "--host", "0.0.0.0", "--data", site.data)  # noqa: S104 - what must be refused
    assert code == 1
    assert "listens on this machine only" in err
    code, _, err = run("serve", "--workers", "2", "--data", site.data)
    assert code == 1
    assert "SQLite" in err
