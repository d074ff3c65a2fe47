"""Every regular expression of ours takes time in proportion to the text, whatever the text."""

import ast
import inspect
import re
import signal
import time
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from pkgutil import walk_packages
from typing import Any

import pytest
from msgspec import Struct

PACKAGES = ("cpms_core", "cpms_web", "cpms_ern_ithaca", "cpms_dicom_viewer", "cpms_reporting")
LONGEST = 8_000
"""Characters: more than the fields that are looked through in this way hold."""
SLOWEST = 0.05
"""Seconds of this process's own time for the longest text."""
OWN_FILES = frozenset({"cpms_core.plugins.enabled._TOKEN"})
"""They read what whoever runs the site has written: plugins.toml."""
COMMON = "a0_ .,-\n\"'\\#"


def packages() -> Iterator[Path]:
    for package in PACKAGES:
        spec = find_spec(package)
        if spec and spec.submodule_search_locations:
            yield Path(spec.submodule_search_locations[0])


class Used(Struct, frozen=True):
    """An expression, and the ways it is used in: `search`, `fullmatch` and so on."""

    where: str
    pattern: re.Pattern[Any]
    ways: frozenset[str]


def in_modules() -> Iterator[Used]:
    """What modules keep under a name of theirs."""
    for folder in packages():
        sources = "\n".join(path.read_text(encoding="utf-8") for path in folder.rglob("*.py"))
        for found in walk_packages([str(folder)], f"{folder.name}."):
            if ".migrations." in found.name or found.name.endswith(("__main__", "sandbox_child")):
                continue
            module = import_module(found.name)
            for name, value in vars(module).items():
                if isinstance(value, re.Pattern):
                    source = inspect.getsource(module) if name.startswith("_") else sources
                    ways = frozenset(re.findall(rf"\b{name}\.(\w+)\(", source))
                    yield Used(f"{found.name}.{name}", value, ways or frozenset({"search"}))


def in_sources() -> Iterator[Used]:
    """What is written where it is used: `re.split(r"…", …)` and the patterns of schemas."""
    for folder in packages():
        for path in sorted(folder.rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                for text, way in _written(node):
                    pattern = re.compile(text, re.MULTILINE)
                    yield Used(f"{path.name}: {text!r}", pattern, frozenset({way}))


def _written(node: ast.AST) -> Iterator[tuple[str, str]]:
    if not isinstance(node, ast.Call):
        return
    way = ast.unparse(node.func)
    is_written = node.args and isinstance(node.args[0], ast.Constant)
    if is_written and way.startswith("re.") and way not in {"re.compile", "re.escape"}:
        yield ast.literal_eval(node.args[0]), way.removeprefix("re.")
    for keyword in node.keywords:
        if keyword.arg == "pattern" and isinstance(keyword.value, ast.Constant):
            yield str(keyword.value.value), "search"


def attacks(pattern: re.Pattern[Any]) -> Iterator[str]:
    """What may be repeated: each character that the pattern speaks of, and each two of them."""
    written = str(pattern.pattern)
    letters = dict.fromkeys(c for c in written + COMMON if c not in "[]()?*^$|{}")
    singles = list(letters)[:10]
    yield from singles
    yield from ("".join(pair) for pair in product(singles[:5], repeat=2))


def slow(used: Used) -> str | None:
    """A text that takes too long, if one of the attacks is one."""
    pattern, ways = used.pattern, used.ways
    runs = [pattern.search] if ways - {"match", "fullmatch"} else []
    runs += [pattern.match] if "match" in ways else []
    runs += [pattern.fullmatch] if "fullmatch" in ways else []
    for unit, last in product(attacks(pattern), ("", "\x01")):
        # Small first: one that doubles with each character never comes to the long ones.
        for length in (20, 200, 2_000, LONGEST):
            text = (unit * length)[:length] + last
            given = text if isinstance(pattern.pattern, str) else text.encode("latin-1", "replace")
            started = time.process_time()
            for run in runs:
                run(given)
            if time.process_time() - started > SLOWEST * max(length / LONGEST, 0.2):
                return f"{unit!r} {length} times"
    return None


@pytest.fixture
def _not_for_ever() -> Iterator[None]:
    def stop(*_signal: object) -> None:
        raise TimeoutError("an expression did not come to an end")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.usefixtures("_not_for_ever")
def test_no_text_makes_an_expression_slow() -> None:
    found = [*in_modules(), *in_sources()]
    assert len(found) > 60
    strangers = [used for used in found if used.where not in OWN_FILES]
    problems = [f"{used.where}: {text}" for used in strangers if (text := slow(used))]
    assert not problems, "\n".join(problems)


@pytest.mark.usefixtures("_not_for_ever")
def test_the_attacks_find_what_is_slow() -> None:
    for bad in (r"(a+)+$", r"\s*,\s*\Z"):
        assert slow(Used("here", re.compile(bad), frozenset({"search"}))), bad
