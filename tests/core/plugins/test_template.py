"""`cpms plugins new` writes a plugin that works: checked, tested, built, installed, loaded."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from cpms_core.errors import ConflictError, InvalidError
from cpms_core.plugins.template import new_plugin
from tests.wheels import ROOT, build_wheel, install_wheel

REPORT = """
import json, sys
from cpms_core.plugins.host import check_plugin, installed_plugins, load
listed = sys.argv[1:]
loaded = load(listed)
print(json.dumps({
    "installed": [plugin.name for plugin in installed_plugins()],
    "imported": "cpms_head_count" in sys.modules,
    "failures": [failure.name for failure in loaded.failures if failure.name in listed],
    "fields": {
        key: [field.title for field in entry.fields]
        for key, entry in loaded.registry.datasets.items()
    },
    "problems": check_plugin("head_count") if listed else [],
}))
"""


def report(env: Mapping[str, str], *listed: str) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-c", REPORT, *listed], env=env, capture_output=True, text=True, check=True
    )
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_a_new_plugin_is_a_wheel_a_site_can_use(tmp_path: Path) -> None:
    source = new_plugin("head_count", tmp_path)
    wheel = build_wheel(source, tmp_path)
    assert wheel.name == "cpms_head_count-0.1.0-py3-none-any.whl"
    env = install_wheel(wheel, tmp_path / "site")

    off = report(env)
    assert "head_count" in str(off["installed"])
    assert not off["imported"], "what is not listed is not imported"

    on = report(env, "head_count")
    assert on["imported"]
    assert on["failures"] == []
    assert on["problems"] == []
    fields = on["fields"]
    assert isinstance(fields, dict)
    assert fields["head_count.visit"] == [
        "Seen on",
        "Weight",
        "Walks without help",
        "Remarks",
    ]


def test_a_new_plugins_own_tests_and_types_and_style_are_clean(tmp_path: Path) -> None:
    source = new_plugin("ern_sample", tmp_path)
    for command in (
        ["pytest", "-q", "-p", "no:cacheprovider", "-W", "error"],
        ["mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), "cpms_ern_sample"],
        ["ruff", "check", "--config", str(ROOT / "pyproject.toml"), "cpms_ern_sample"],
        ["ruff", "format", "--check", "--config", str(ROOT / "pyproject.toml"), "."],
    ):
        done = subprocess.run(
            [sys.executable, "-m", *command],
            cwd=source,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"


def test_a_new_plugin_is_about_thirty_lines(tmp_path: Path) -> None:
    module = new_plugin("short", tmp_path) / "cpms_short" / "__init__.py"
    assert len(module.read_text().splitlines()) <= 30


@pytest.mark.parametrize(
    "name", ["", "1abc", "Abc", "a-b", "../x", "a/b", "class", "web", "core", "cpms", "a" * 41, "é"]
)
def test_a_name_that_cannot_be_used_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidError):
        new_plugin(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_is_taken_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConflictError, match="'reporting' is installed already"):
        new_plugin("reporting", tmp_path)
    (tmp_path / "mine").mkdir()
    with pytest.raises(ConflictError, match="exists already; nothing was written"):
        new_plugin("mine", tmp_path)
    assert list((tmp_path / "mine").iterdir()) == []
