"""Take out one guard after the other, in a copy of the tree: each time some test must fail.

A guard is a statement of core that calls something named `ensure…` or `require…` for nothing but
the error it may raise. One run of the tests in which each guard notes who comes past it tells which
of them could miss it; then only these are asked. `./cpms bench guards` takes three quarters of an
hour; names after `--only` choose files.
"""

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from tests.bench.figure import CannotMeasureError, Figure, none_of
from tests.bench.ground import ROOT
from tests.bench.security.noting import NOTED

_PARTS = ("core", "web", "plugins", "tests", "docs", "pyproject.toml", "plugins.toml")
_MEMBERS = (
    "core",
    "web",
    *(f"plugins/{name}" for name in ("ern_ithaca", "dicom_viewer", "reporting")),
)
_CORE = "core/cpms_core"
_TESTS = ("tests/core", "tests/web")
_NOTE = "from tests.bench.security.noting import note as note_the_guard; note_the_guard"
_PASSED, _FAILED = 0, 1


class Guard(NamedTuple):
    file: str
    """Below the root."""
    first: int
    last: int
    name: str

    def __str__(self) -> str:
        return f"{self.file}:{self.first} {self.name}"


def measure(chosen: Sequence[str] = ()) -> Figure:
    guards = [
        guard for guard in find_guards() if not chosen or any(c in guard.file for c in chosen)
    ]
    with TemporaryDirectory(prefix="cpms-guards-") as name:
        copy = Path(name)
        for part in _PARTS:
            source = ROOT / part
            (shutil.copytree if source.is_dir() else shutil.copy)(source, copy / part)
        passing = _tests_passing(copy, guards)
        survivors = 0
        for guard, tests in zip(guards, passing, strict=True):
            missed_by = _missed_by(copy, guard, tests)
            survivors += missed_by is None
            print(f"    {guard}: {missed_by or f'NOT MISSED, by {len(tests)} tests'}", flush=True)
    return none_of(f"Guards that no test misses, of {len(guards)}", survivors)


def find_guards() -> list[Guard]:
    """In the order of the files; what the command line and backups ask is not among them."""
    files = sorted((ROOT / _CORE).rglob("*.py"))
    return [
        guard
        for file in files
        if not {"commands", "keeping", "migrations"} & set(file.parts)
        for guard in sorted(
            _guards_in(str(file.relative_to(ROOT)), file.read_text(encoding="utf-8"))
        )
    ]


def _guards_in(file: str, source: str) -> Iterator[Guard]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            called = node.value.func
            name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
            if name.lstrip("_").startswith(("ensure", "require")):
                yield Guard(file, node.lineno, node.end_lineno or node.lineno, name)


def without(source: str, guard: Guard) -> str:
    lines = source.splitlines(keepends=True)
    indent = _indent(lines[guard.first - 1])
    return "".join([*lines[: guard.first - 1], f"{indent}pass\n", *lines[guard.last :]])


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _tests_passing(copy: Path, guards: Sequence[Guard]) -> list[list[str]]:
    """Of each guard the tests that come past it: those of its own feature, the matrix, the others.

    A test that fails with every guard in its place would prove nothing, so it is left out.
    """
    sources = {guard.file: (copy / guard.file).read_text(encoding="utf-8") for guard in guards}
    for file, source in sources.items():
        lines = source.splitlines(keepends=True)
        for number, guard in reversed(list(enumerate(guards))):
            if guard.file == file:
                indent = _indent(lines[guard.first - 1])
                lines.insert(guard.first - 1, f"{indent}{_NOTE}({number})\n")
        (copy / file).write_text("".join(lines), encoding="utf-8")
    noted_at = copy / NOTED.relative_to(ROOT)
    noted_at.mkdir()
    failing = _failures(copy, "-n", "2", *_TESTS)
    for test in failing:
        print(f"    {test} fails with every guard in its place: left out", flush=True)
    for file, source in sources.items():
        (copy / file).write_text(source, encoding="utf-8")
    noted = [
        line.split("\t", 1)
        for file in noted_at.iterdir()
        for line in file.read_text(encoding="utf-8").splitlines()
    ]
    passing: list[set[str]] = [set() for _ in guards]
    for which, test in noted:
        if test not in failing:
            passing[int(which)].add(test)
    return [
        sorted(tests, key=lambda test: (feature not in test, "test_matrix" not in test, test))
        for feature, tests in zip(map(_feature, guards), passing, strict=True)
    ]


def _missed_by(copy: Path, guard: Guard, tests: Sequence[str]) -> str | None:
    """The first of them that fails without it."""
    if not tests:
        return None
    file = copy / guard.file
    source = file.read_text(encoding="utf-8")
    file.write_text(without(source, guard), encoding="utf-8")
    chosen = copy / "chosen.txt"
    chosen.write_text("\n".join(tests), encoding="utf-8")
    try:
        return next(iter(_failures(copy, "-x", f"@{chosen}")), None)
    finally:
        file.write_text(source, encoding="utf-8")


def _feature(guard: Guard) -> str:
    return f"tests/core/{Path(guard.file).relative_to(_CORE).parts[0].removesuffix('.py')}"


def _failures(copy: Path, *arguments: str) -> list[str]:
    path = os.pathsep.join(str(copy / folder) for folder in (*_MEMBERS, "."))
    command = [sys.executable, "-m", "pytest", "-q", "--engines=sqlite", *arguments]
    ended = subprocess.run(
        command,
        cwd=copy,
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    said = ended.stdout.decode(errors="replace").strip()
    if ended.returncode not in {_PASSED, _FAILED}:
        raise CannotMeasureError(f"pytest {arguments} ended with {ended.returncode}: {said[-300:]}")
    return re.findall(r"^(?:FAILED|ERROR) (tests/.+?)(?: - .*)?$", said, re.MULTILINE)
