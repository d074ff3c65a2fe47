import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest

from cpms_core.http.assets import Assets, AssetsError, built_folder, ensure, source_folder

ROOT = Path(__file__).parents[3]

BUILD = """
import { appendFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
const out = "../cpms_sample/static/built";
rmSync(out, { recursive: true, force: true });
mkdirSync(out + "/fonts", { recursive: true });
writeFileSync(out + "/app.css", readFileSync("app.css"));
writeFileSync(out + "/fonts/a.woff2", "x".repeat(2000));
appendFileSync("../builds", process.version + "\\n");
"""
LOCK = {"name": "sample", "lockfileVersion": 3, "packages": {"": {"name": "sample"}}}


def make_checkout(folder: Path) -> Path:
    """A source checkout of one package, `cpms_sample`, whose build needs nothing from elsewhere."""
    assets = folder / "assets"
    assets.mkdir()
    (folder / "cpms_sample").mkdir()
    (folder / "cpms_sample" / "__init__.py").touch()
    (assets / "package.json").write_text(
        json.dumps({"name": "sample", "type": "module", "scripts": {"build": "node build.js"}})
    )
    (assets / "package-lock.json").write_text(json.dumps(LOCK))
    (assets / "build.js").write_text(BUILD)
    (assets / "app.css").write_text("body { color: black }\n" * 100)
    return folder


@pytest.fixture
def sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(tmp_path)
    return make_checkout(tmp_path)


@pytest.fixture(scope="module")
def built_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One build for all tests that only read: npm takes a second each time."""
    folder = make_checkout(tmp_path_factory.mktemp("checkout"))
    ensure([folder])
    return folder


@pytest.fixture
def assets(built_once: Path, monkeypatch: pytest.MonkeyPatch) -> Assets:
    monkeypatch.syspath_prepend(built_once)
    return Assets({"sample": "cpms_sample"})


def builds(sample: Path) -> list[str]:
    log = sample / "builds"
    return log.read_text().splitlines() if log.exists() else []


def test_the_first_run_builds_and_the_second_finds_it_done(sample: Path) -> None:
    ensure([sample])
    ensure([sample])
    assert len(builds(sample)) == 1
    assert (sample / "cpms_sample/static/built/app.css").is_file()


def test_a_changed_source_is_built_again(sample: Path) -> None:
    ensure([sample])
    (sample / "assets/app.css").write_text("body { color: white }")
    ensure([sample])
    assert len(builds(sample)) == 2
    assert "white" in (sample / "cpms_sample/static/built/app.css").read_text()


def test_what_lies_in_node_modules_does_not_make_it_stale(sample: Path) -> None:
    ensure([sample])
    (sample / "assets/node_modules").mkdir(exist_ok=True)
    (sample / "assets/node_modules/left.js").write_text("1")
    ensure([sample])
    assert len(builds(sample)) == 1


def test_two_processes_at_once_build_once(sample: Path) -> None:
    code = (
        "import pathlib, sys; from cpms_core.http.assets import ensure;"
        "ensure([pathlib.Path(sys.argv[1])])"
    )
    both = [subprocess.Popen([sys.executable, "-c", code, str(sample)]) for _ in range(2)]
    assert [process.wait(timeout=60) for process in both] == [0, 0]
    assert len(builds(sample)) == 1


def test_a_failed_build_says_where_and_what_to_do_and_is_tried_again(sample: Path) -> None:
    (sample / "assets/app.css").unlink()
    with pytest.raises(AssetsError, match=r"(?s)assets.*start\s+again.*app\.css"):
        ensure([sample])
    (sample / "assets/app.css").write_text("p {}")
    ensure([sample])
    assert (sample / "cpms_sample/static/built/app.css").read_text() == "p {}"


def test_a_lock_that_does_not_fit_is_refused(sample: Path) -> None:
    package = json.loads((sample / "assets/package.json").read_text())
    package["dependencies"] = {"left-out": "1.0.0"}
    (sample / "assets/package.json").write_text(json.dumps(package))
    with pytest.raises(AssetsError, match="npm ci"):
        ensure([sample])
    assert builds(sample) == []


def test_without_a_node_on_the_path_the_one_from_the_wheel_builds(
    sample: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = sample / "bin"
    bare.mkdir()
    (bare / "sh").symlink_to("/bin/sh")
    monkeypatch.setenv("PATH", str(bare))
    ensure([sample])
    (version,) = builds(sample)
    assert int(version.removeprefix("v").partition(".")[0]) >= 24


def test_an_old_node_on_the_path_is_passed_over(
    sample: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = sample / "bin"
    bare.mkdir()
    (bare / "sh").symlink_to("/bin/sh")
    for name in ("node", "npm"):
        (bare / name).write_text("#!/bin/sh\necho v18.19.0\n")
        (bare / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(bare))
    ensure([sample])
    assert builds(sample) != ["v18.19.0"] and len(builds(sample)) == 1


def test_a_package_without_sources_is_left_alone(tmp_path: Path) -> None:
    ensure([tmp_path])
    assert list(tmp_path.iterdir()) == []


def test_the_sources_of_a_checkout_are_found_by_the_package_name(sample: Path) -> None:
    assert source_folder("cpms_sample") == sample
    assert source_folder("json") is None
    assert source_folder("cpms_that_nobody_has") is None


def test_an_address_holds_a_hash_that_changes_with_the_files(sample: Path) -> None:
    ensure([sample])
    first = Assets({"sample": "cpms_sample"}).url("sample", "app.css")
    (sample / "cpms_sample/static/built/app.css").write_text("p {}")
    second = Assets({"sample": "cpms_sample"}).url("sample", "app.css")
    assert first.startswith("/assets/sample/") and first.endswith("/app.css")
    assert first != second


def test_a_file_is_found_by_its_address_and_packed_for_who_can_unpack_it(assets: Assets) -> None:
    _, _, package, digest, path = assets.url("sample", "app.css").split("/", 4)
    plain = assets.find(package, digest, path)
    packed = assets.find(package, digest, path, gzipped=True)
    assert plain is not None and packed is not None
    assert plain.media_type == packed.media_type == "text/css; charset=utf-8"
    assert (plain.encoding, packed.encoding) == ("", "gzip")
    assert gzip.decompress(packed.content) == plain.content
    font = assets.find(package, digest, "fonts/a.woff2", gzipped=True)
    assert font is not None and (font.media_type, font.encoding) == ("font/woff2", "")


@pytest.mark.parametrize(
    "path", ["../__init__.py", "..%2f__init__.py", ".stamp", "app.css.gz", "", "fonts", "no.css"]
)
def test_nothing_but_built_files_is_found(assets: Assets, path: str) -> None:
    digest = assets.url("sample", "app.css").split("/")[3]
    assert assets.find("sample", digest, path) is None


def test_another_build_s_address_is_not_answered_with_this_one(assets: Assets) -> None:
    assert assets.find("sample", "0" * 16, "app.css") is None
    assert assets.find("other", "0" * 16, "app.css") is None


def test_a_page_that_names_a_missing_file_is_told_so(assets: Assets) -> None:
    with pytest.raises(AssetsError, match=r"nope\.css"):
        assets.url("sample", "nope.css")


def test_no_lock_file_names_a_registry() -> None:
    locks = [*ROOT.glob("web/assets/package-lock.json")]
    locks += ROOT.glob("plugins/*/assets/package-lock.json")
    assert locks
    for lock in locks:
        packages = json.loads(lock.read_text())["packages"].values()
        assert [entry["resolved"] for entry in packages if "resolved" in entry] == []


def test_every_front_end_dependency_is_pinned_exactly() -> None:
    for manifest in ROOT.glob("*/assets/package.json"):
        for name, version in json.loads(manifest.read_text())["dependencies"].items():
            assert version[0].isdigit() and "x" not in version, f"{name} {version}"


def test_the_site_s_own_files_are_built_with_their_fonts() -> None:
    folder = source_folder("cpms_web")
    assert folder is not None
    ensure([folder])
    built = built_folder("cpms_web")
    assert built is not None
    style = (built / "app.css").read_text()
    for font in built.glob("fonts/*.woff2"):
        assert f"./fonts/{font.name}" in style
    names = {path.name for path in built.iterdir()}
    assert {"app.js", "ceremony.js", "app.css", "icon.svg", "app.webmanifest"} <= names
