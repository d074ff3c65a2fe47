"""What no tool checks by itself: file sizes, and that every member stands in the contracts."""

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
LONGEST = 400
WRITTEN_BY_HAND = {".py", ".html", ".css", ".js", ".mjs", ".ts", ".sh", ".typ", ""}
"""Ends of the files people write; tables, lock files and pictures are data, guides are prose."""
GENERATED = "migrations/versions"
"""Alembic writes these and nobody changes them afterwards."""


def tracked() -> list[Path]:
    """Files of the project; new ones count before they are committed."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return [ROOT / line for line in listed.splitlines() if (ROOT / line).is_file()]


def settings(path: Path = ROOT / "pyproject.toml") -> dict[str, Any]:
    return tomllib.loads(path.read_text())


def members() -> list[Path]:
    """The folder of every distribution of the workspace."""
    found = (path for place in ("core", "web", "plugins/*") for path in ROOT.glob(place))
    return sorted(path for path in found if (path / "pyproject.toml").is_file())


def contract(name: str) -> dict[str, Any]:
    contracts = settings()["tool"]["importlinter"]["contracts"]
    (found,) = [one for one in contracts if one["name"] == name]
    return dict(found)


def package_of(member: Path) -> str:
    (package,) = settings(member / "pyproject.toml")["tool"]["hatch"]["build"]["targets"]["wheel"][
        "packages"
    ]
    return str(package)


def test_no_file_is_longer_than_a_person_reads() -> None:
    lines = {
        path.relative_to(ROOT): len(path.read_text(encoding="utf-8").splitlines())
        for path in tracked()
        if path.suffix in WRITTEN_BY_HAND
        and path.name != "LICENSE"
        and not path.parent.as_posix().endswith(GENERATED)
    }
    assert len(lines) > 20, "the list of files is not empty"
    assert {path: count for path, count in lines.items() if count > LONGEST} == {}


def test_every_member_stands_in_the_import_contracts() -> None:
    packages = {package_of(member) for member in members()}
    assert {"cpms_core", "cpms_web", "cpms_ern_ithaca"} <= packages
    assert set(settings()["tool"]["importlinter"]["root_packages"]) == packages
    above, core = contract("web and plugins are siblings above core")["layers"]
    assert core == "cpms_core"
    assert set(above.split(" | ")) == packages - {"cpms_core"}


@pytest.mark.parametrize("member", members(), ids=lambda path: path.name)
def test_every_member_is_a_typed_package_of_its_own(member: Path) -> None:
    package = package_of(member)
    assert package == f"cpms_{member.name}"
    assert (member / package / "py.typed").is_file()
    described = settings(member / "pyproject.toml")["project"]
    assert described["name"] == package.replace("_", "-")
    if member.name != "core":
        entry = described["entry-points"]["cpms.plugins"]
        assert list(entry) == [member.name]


@pytest.mark.parametrize(
    "plugin", [member for member in members() if member.parent.name == "plugins"], ids=str
)
def test_a_plugin_imports_the_public_api_of_core_and_nothing_else(plugin: Path) -> None:
    """Import-linter says the same of what is installed; this also names the line."""
    inner = [
        f"{path.relative_to(ROOT)}:{line} {module}"
        for path in plugin.rglob("*.py")
        if "node_modules" not in path.parts
        for line, module in imports(path)
        if module.startswith("cpms_core.")
    ]
    assert inner == []


def test_every_plugin_a_fresh_site_enables_is_in_the_workspace() -> None:
    enabled = set(tomllib.loads((ROOT / "plugins.toml").read_text())["enabled"])
    assert enabled <= {member.name for member in members()}


def test_every_folder_of_tests_is_a_package() -> None:
    folders = {path.parent for path in tracked() if path.is_relative_to(ROOT / "tests")}
    with_tests = {folder for folder in folders if any(folder.glob("*.py"))}
    assert [folder for folder in with_tests if not (folder / "__init__.py").is_file()] == []


def test_a_suppression_gives_its_reason_on_its_line() -> None:
    bare = re.compile(r"#\s*(?:noqa(?::[\sA-Z0-9,]+)?|type:\s*ignore(?:\[[a-z, -]+\])?)\s*$")
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in tracked()
        if path.suffix == ".py"
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if bare.search(line)
    ]
    assert found == []


def imports(path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Import(names=names):
                yield from ((node.lineno, name.name) for name in names)
            case ast.ImportFrom(module=str(module)):
                yield node.lineno, module
            case _:
                pass
