"""`cpms plugins new NAME`: a working dataset plugin with its test, as an outside team has it."""

import keyword
import sys
from importlib.util import find_spec
from pathlib import Path
from string import Template

from cpms_core.errors import ConflictError, InvalidError
from cpms_core.plugins.enabled import ALWAYS_ON, NAME
from cpms_core.plugins.host import RESERVED, installed_plugins


def new_plugin(name: str, into: Path) -> Path:
    """Write the plugin to `into/<name>` and return that folder, which must not exist yet."""
    _refuse_name(name)
    folder = into / name
    if folder.exists():
        raise ConflictError(f"{folder} exists already; nothing was written.")
    words = name.replace("_", " ")
    values = {
        "name": name,
        "dist": f"cpms-{name.replace('_', '-')}",
        "package": f"cpms_{name}",
        "cls": "".join(word.capitalize() for word in name.split("_")),
        "prefix": name.removeprefix("ern_") or name,
        "title": words[:1].upper() + words[1:],
    }
    for path, text in _FILES.items():
        target = folder / Template(path).substitute(values)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(Template(text).substitute(values), encoding="utf-8")
    return folder


def _refuse_name(name: str) -> None:
    if not NAME.fullmatch(name) or keyword.iskeyword(name):
        raise InvalidError(
            f"{name!r} cannot name a plugin: start with a letter, go on with a-z, 0-9 and _, "
            "at most 40 characters, no word of Python."
        )
    if name in RESERVED or name == ALWAYS_ON:
        raise InvalidError(f"{name!r} is a name of core's own; choose another.")
    if name in {plugin.name for plugin in installed_plugins()}:
        raise ConflictError(f"A plugin called {name!r} is installed already; choose another name.")
    package = f"cpms_{name}"
    if package in sys.modules or find_spec(package):
        raise ConflictError(f"A package {package!r} is installed already; choose another name.")


_PYPROJECT = """\
[project]
name = "$dist"
version = "0.1.0"
description = "$title: a dataset for the Clinical Patient Management System"
requires-python = ">=3.11"
dependencies = ["cpms-core"]

[project.entry-points."cpms.plugins"]
$name = "$package:$cls"

[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[tool.hatch.build.targets.wheel]
packages = ["$package"]

[tool.pytest.ini_options]
pythonpath = ["."]
"""

_MODULE = '''\
"""$title: one dataset. Core derives the form, its checks, storage, display and export."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated

from cpms_core import Dataset, Plugin, YesNo, hookimpl
from msgspec import Meta, Struct


class Visit(Struct, frozen=True, kw_only=True):
    """What the form asks, in this order; a field with an empty default may stay empty."""

    seen_on: Annotated[date, Meta(title="Seen on")]
    weight: Annotated[float, Meta(title="Weight", ge=0, le=500, extra={"unit": "kg"})] | None = None
    walks: Annotated[YesNo, Meta(title="Walks without help")] = "unknown"
    remarks: Annotated[str, Meta(title="Remarks", extra={"lines": 4})] = ""


class $cls(Plugin):
    @hookimpl
    def datasets(self) -> Sequence[Dataset]:
        return (Dataset(key="$prefix.visit", title="$title: visit", schema=Visit),)
'''

_TEST = """\
from datetime import date

from cpms_core.testing import check_plugin, fill_form, form_errors

from $package import $cls, Visit


def test_the_plugin_can_be_enabled() -> None:
    assert check_plugin($cls) == []


def test_the_form_takes_what_a_clinician_writes() -> None:
    visit = fill_form(Visit, {"seen_on": "2024-05-17", "weight": "12.5", "walks": "yes"})
    assert visit == Visit(seen_on=date(2024, 5, 17), weight=12.5, walks="yes")


def test_the_form_says_what_is_wrong() -> None:
    assert set(form_errors(Visit, {"weight": "1000"})) == {"seen_on", "weight"}
"""

_README = """\
# $title

A plugin of the Clinical Patient Management System with one dataset.

    uv build --wheel                        # makes dist/${package}-0.1.0-py3-none-any.whl
    uv pip install dist/*.whl               # into the environment of the site
    cpms plugins check $name
    cpms plugins enable $name

The running site takes it up within seconds. Tests: `pytest`, in an environment with cpms-core.
"""

_FILES = {
    "pyproject.toml": _PYPROJECT,
    "README.md": _README,
    "$package/__init__.py": _MODULE,
    "$package/py.typed": "",
    "tests/test_$name.py": _TEST,
}
