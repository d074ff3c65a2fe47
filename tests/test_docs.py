"""What the pages for people say is there: links, commands, settings, tests."""

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from cpms_core.cli import _parser
from cpms_core.settings import Settings

ROOT = Path(__file__).parents[1]
PAGES = (
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
)
SCRIPT = {"run", "test", "lint", "fix", "isolated", "bench", "COMMAND"}
"""What the shell script does itself, and its word for any."""

_LINK = re.compile(r"\]\(([^)\s]+)\)")
_COMMAND = re.compile(r"(?:(?<=`)|(?<=\./)|(?<=    )|(?<=/))cpms(?: ([a-zA-Z]+))(?: ([a-z-]+))?")


def named(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    broken = [
        link
        for link in _LINK.findall(page.read_text())
        if "://" not in link and not leads_somewhere(page, link)
    ]
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_command_that_is_mentioned_exists(page: Path) -> None:
    known = commands(_parser())
    unknown = [
        f"cpms {first} {second}".strip()
        for first, second in _COMMAND.findall(page.read_text())
        if first not in SCRIPT and not is_known(known, first, second)
    ]
    assert unknown == []


def test_every_command_and_option_of_the_guides_is_found() -> None:
    """The search above must see what it is there for."""
    found = _COMMAND.findall((ROOT / "docs" / "operations.md").read_text())
    assert {("migrate", ""), ("people", "invite"), ("plugins", "disable")} <= set(found)
    assert not is_known(commands(_parser()), "plugins", "destroy")
    assert not is_known(commands(_parser()), "frobnicate", "")


def test_every_setting_is_explained() -> None:
    explained = (ROOT / "docs" / "operations.md").read_text()
    rows = set(re.findall(r"^\| `([a-z_]+)` \|", explained, flags=re.MULTILINE))
    assert {field.name for field in msgspec.structs.fields(Settings)} <= rows


def test_every_default_of_a_setting_is_the_one_that_is_told() -> None:
    explained = (ROOT / "docs" / "operations.md").read_text()
    for field in msgspec.structs.fields(Settings):
        told = re.search(rf"^\| `{field.name}` \| `([^`]*)` \|", explained, flags=re.MULTILINE)
        assert told is not None, field.name
        assert told[1] == msgspec.json.encode(field.default).decode(), field.name


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_test_that_is_named_exists(page: Path) -> None:
    paths = re.findall(r"`(tests/[a-z0-9_/]+\.py)`", page.read_text())
    assert [path for path in paths if not (ROOT / path).is_file()] == []


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_module_that_is_named_exists(page: Path) -> None:
    """`cases/scope.py` stands for the one file whose path ends so."""
    modules = [path.as_posix() for part in ("core", "web", "plugins") for path in sources(part)]
    named_there = re.findall(r"`([a-z0-9_]+(?:/[a-z0-9_]+)*\.py)`", page.read_text())
    missing = [
        name
        for name in named_there
        if not name.startswith("tests/") and not any(m.endswith(f"/{name}") for m in modules)
    ]
    assert missing == []


def test_the_decisions_are_numbered_without_gaps_and_fit_a_page() -> None:
    decisions = sorted((ROOT / "docs" / "adr").glob("*.md"))
    assert [int(path.name[:4]) for path in decisions] == list(range(1, len(decisions) + 1))
    for path in decisions:
        text = path.read_text()
        assert re.findall(r"^## (.+)$", text, flags=re.MULTILINE) == [
            "Context",
            "Decision",
            "Consequences",
        ], path.name
        assert text.startswith(f"# {int(path.name[:4])}. "), path.name
        assert len(text.splitlines()) <= 60, path.name


def sources(part: str) -> list[Path]:
    return [path for path in (ROOT / part).rglob("*.py") if "node_modules" not in path.parts]


def leads_somewhere(page: Path, link: str) -> bool:
    path, _, heading = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    if not target.exists():
        return False
    return not heading or heading in set(headings(target))


def headings(page: Path) -> Iterator[str]:
    """Anchors as common viewers make them from headings."""
    for title in re.findall(r"^#+ (.+)$", page.read_text(), flags=re.MULTILINE):
        yield re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def commands(parser: argparse.ArgumentParser) -> dict[str, dict[str, argparse.ArgumentParser]]:
    """Each command with its acts, if it has any."""
    return {name: subcommands(one) for name, one in subcommands(parser).items()}


def subcommands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def is_known(known: dict[str, dict[str, argparse.ArgumentParser]], first: str, second: str) -> bool:
    if first not in known:
        return False
    # A command without acts may be followed by any word.
    return not known[first] or not second or second in known[first]
