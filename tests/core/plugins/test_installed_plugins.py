"""Plugins as installed packages: broken, in conflict, pretending to be another, mended."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cpms_core.plugins.host import check_plugin, installed_plugins, load

WORKING = """
from collections.abc import Sequence

from msgspec import Struct

from cpms_core import Dataset, Plugin, hookimpl


class Form(Struct, frozen=True, kw_only=True):
    note: str = ""


class Thing(Plugin):
    @hookimpl
    def datasets(self) -> Sequence[Dataset]:
        return (Dataset(key="{name}.form", title="Form", schema=Form),)
"""

Install = Callable[..., Path]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """`install(name, code)` puts a package and what its wheel would leave behind on the path."""
    monkeypatch.syspath_prepend(tmp_path)

    def put(name: str, code: str = WORKING, *, dist: str = "", target: str = "") -> Path:
        package = tmp_path / (f"cpms_{name}" if name != "web" else "cpms_zz_evil")
        package.mkdir(exist_ok=True)
        (package / "__init__.py").write_text(code.replace("{name}", name))
        dist = dist or f"cpms-{name}"
        info = tmp_path / f"{dist.replace('-', '_')}-1.2.3.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.4\nName: {dist}\nVersion: 1.2.3\nSummary: A {name}\n"
        )
        target = target or f"cpms_{name}:Thing"
        (info / "entry_points.txt").write_text(f"[cpms.plugins]\n{name} = {target}\n")
        return package

    yield put
    for module in [one for one in sys.modules if one.startswith(("cpms_zz_", "cpms_ern_zz_"))]:
        del sys.modules[module]


def refused(*names: str) -> dict[str, str]:
    """Why each of these is refused when a site lists them."""
    return {one.name: one.reason for one in load(names).failures if one.name in names}


def test_an_installed_plugin_is_listed_with_its_package(install: Install) -> None:
    install("zz_plain")
    (found,) = [one for one in installed_plugins() if one.name == "zz_plain"]
    assert (found.dist, found.version, found.title) == ("cpms-zz_plain", "1.2.3", "A zz_plain")
    assert "cpms_zz_plain" not in sys.modules
    assert refused("zz_plain") == {}
    assert check_plugin("zz_plain") == []


@pytest.mark.parametrize(
    ("code", "complaint"),
    [
        ("raise ValueError('no\\nlicence')", "ValueError: no licence (cpms_zz_bad/__init__.py, l"),
        ("raise SystemExit(7)", "its import failed: SystemExit: 7"),
        ("class Halt(BaseException): pass\nraise Halt('now')", "its import failed: Halt: now"),
        ("import nothing_of_this_name", "No module named 'nothing_of_this_name'"),
        ("def broken(:", "its import failed: SyntaxError"),
        ("Other = 3", "has no attribute 'Thing'"),
        ("Thing = 3", "it names 3, which is no subclass of cpms_core.Plugin"),
    ],
)
def test_a_plugin_that_cannot_be_imported_leaves_the_others_alone(
    install: Install, code: str, complaint: str
) -> None:
    install("zz_bad", code)
    install("zz_good")
    loaded = load(["zz_bad", "zz_good"])
    assert "zz_good.form" in loaded.registry.datasets
    reasons = {one.name: one.reason for one in loaded.failures}
    assert complaint in reasons["zz_bad"]
    assert "zz_good" not in reasons
    assert complaint in "\n".join(check_plugin("zz_bad"))


def test_a_mended_plugin_is_taken_up_whole_without_a_restart(install: Install) -> None:
    code = "from cpms_zz_mend.part import ANSWER\n" + WORKING
    package = install("zz_mend", code + "\nraise ValueError(ANSWER)\n")
    (package / "part.py").write_text("ANSWER = 'first'\n")
    assert "ValueError: first" in refused("zz_mend")["zz_mend"]
    (package / "part.py").write_text("ANSWER = 'second, and longer'\n")
    (package / "__init__.py").write_text(code.replace("{name}", "zz_mend"))
    assert refused("zz_mend") == {}
    assert sys.modules["cpms_zz_mend"].ANSWER == "second, and longer"


def test_two_packages_that_offer_one_name_are_both_refused(install: Install) -> None:
    install("zz_two")
    install("zz_two", dist="cpms-other")
    assert "cpms-other and cpms-zz_two both offer" in refused("zz_two")["zz_two"]


def test_nobody_else_can_be_the_pages_of_the_site(install: Install) -> None:
    install("web", dist="zz-evil", target="cpms_zz_evil:Thing")
    with_pages = {plugin.dist for plugin in load([]).registry.plugins.values()}
    assert "zz-evil" not in with_pages
    assert "cpms_zz_evil" not in sys.modules


def test_a_plugin_cannot_live_inside_core_or_in_anothers_package(install: Install) -> None:
    install("zz_inside", target="cpms_core.hookspecs:Plugin")
    install("zz_first")
    install("zz_second", target="cpms_zz_first:Thing")
    reasons = refused("zz_inside", "zz_first", "zz_second")
    assert "from inside core" in reasons["zz_inside"]
    assert "package cpms_zz_first already belongs to zz_first" in reasons["zz_second"]
    assert "zz_first" not in reasons


def test_a_plugin_is_checked_against_those_it_would_stand_beside(install: Install) -> None:
    install("ern_zz_one", WORKING.replace("{name}", "zz_one"))
    install("zz_one")
    assert check_plugin("zz_one") == []
    (problem,) = check_plugin("zz_one", beside=["ern_zz_one", "zz_one", "not_there"])
    assert problem == "dataset zz_one.form already belongs to ern_zz_one"


@pytest.mark.parametrize("name", ["core", "cpms", "../x", "Upper"])
def test_a_name_that_no_plugin_can_have_is_refused(name: str) -> None:
    assert "cannot be the name of a plugin" in refused(name)[name]
