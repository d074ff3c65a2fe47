"""Take out one guard after the other, in a copy of the tree: each time some test must fail.

A guard is a statement of core that calls something named `ensure…` or `require…` for nothing but
the error it may raise. `./cpms bench guards` takes an hour; names after `--only` choose files.
"""

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from tests.bench.figure import CannotMeasureError, Figure, none_of
from tests.bench.ground import ROOT

_PARTS = ("core", "web", "plugins", "tests", "pyproject.toml", "plugins.toml")
_CORE = "core/cpms_core"
_PASSED, _FAILED = 0, 1
_EVERYBODY = ("tests/web/test_matrix.py", "tests/web")


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
        survivors = []
        for guard in guards:
            found = _is_missed(copy, guard)
            print(f"    {'missed by a test' if found else 'NOT MISSED'}: {guard}", flush=True)
            if not found:
                survivors.append(guard)
    return none_of(f"Guards that no test misses, of {len(guards)}", len(survivors))


def find_guards() -> list[Guard]:
    """In the order of the files; what the command line and backups ask is not among them."""
    files = sorted((ROOT / _CORE).rglob("*.py"))
    return [
        guard
        for file in files
        if not {"commands", "keeping", "migrations"} & set(file.parts)
        for guard in _guards_in(str(file.relative_to(ROOT)), file.read_text(encoding="utf-8"))
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
    statement = lines[guard.first - 1]
    indent = statement[: len(statement) - len(statement.lstrip())]
    return "".join([*lines[: guard.first - 1], f"{indent}pass\n", *lines[guard.last :]])


def _is_missed(copy: Path, guard: Guard) -> bool:
    """Whether some test fails without it: the nearest tests first, then the pages'."""
    file = copy / guard.file
    source = file.read_text(encoding="utf-8")
    file.write_text(without(source, guard), encoding="utf-8")
    try:
        return any(_fails(copy, tests) for tests in _tests_for(copy, guard.file))
    finally:
        file.write_text(source, encoding="utf-8")


def _tests_for(copy: Path, file: str) -> Iterator[str]:
    feature = Path(file).relative_to(_CORE).parts[0].removesuffix(".py")
    near = (f"tests/core/{feature}", f"tests/core/test_{feature}.py")
    yield from (path for path in near if (copy / path).exists())
    yield from _EVERYBODY


def _fails(copy: Path, tests: str) -> bool:
    folders = (
        "core",
        "web",
        "plugins/ern_ithaca",
        "plugins/dicom_viewer",
        "plugins/reporting",
        ".",
    )
    path = os.pathsep.join(str(copy / folder) for folder in folders)
    command = [sys.executable, "-m", "pytest", "-x", "-q", "--engines=sqlite", tests]
    ended = subprocess.run(
        command, cwd=copy, env={**os.environ, "PYTHONPATH": path}, capture_output=True, check=False
    )
    if ended.returncode not in {_PASSED, _FAILED}:
        said = ended.stdout.decode(errors="replace").strip()
        raise CannotMeasureError(f"pytest {tests} ended with {ended.returncode}: {said[-300:]}")
    return ended.returncode == _FAILED
