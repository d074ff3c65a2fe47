"""A plugin that is switched off is gone with all it brought; what was entered with it stays."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from cpms_core.http.app import live_site, load_plugins
from cpms_core.settings import Settings, Site
from tests.site import ORIGIN, PLUGINS, Browser, Live, TestSite
from tests.web.attempts import ATTEMPTS, Attempt, name_of, plain
from tests.web.matrix import Matrix


@pytest.fixture
def bare_site(quick_site: TestSite, tmp_path: Path) -> Iterator[TestSite]:
    """The same store, served with no plugin but the pages'."""
    site = Site(tmp_path / "bare", Settings(demonstration=True, base_url=ORIGIN))
    live = live_site(site, load_plugins(()), key=quick_site.live.key)
    with TestSite(Live(live), quick_site.engine, quick_site.folder) as made:
        yield made


def test_everything_of_a_plugin_that_is_off_is_gone(
    quick_site: TestSite, bare_site: TestSite
) -> None:
    matrix = Matrix(quick_site, "assessment")
    person = bare_site.browser(matrix.world["coordinator"].token)
    gone = 0
    assert _entries(quick_site) > _entries(bare_site)
    for owner, route in quick_site.live.registry.routes:
        if owner.name not in PLUGINS:
            continue
        attempt = ATTEMPTS.get(name_of(owner, route), Attempt())
        method, path = matrix.address(name_of(owner, route), attempt)
        answer = person.get(path) if method == "GET" else person.post(path)
        assert answer.status_code == 404, f"{method} {path}"
        gone += 1
    assert gone > 3
    home = person.get("/").text
    assert all(href not in home for href in _entries(quick_site) - _entries(bare_site))
    files = re.findall(r'"(/assets/dicom_viewer/[^"]+)"', _viewer(matrix))
    assert files
    for path in files:
        assert quick_site.browser().get(path).status_code == 200
        assert bare_site.browser().get(path).status_code == 404, path


def _entries(site: TestSite) -> set[str]:
    """Of the top bar."""
    return {link.href for link in site.live.registry.links}


def _viewer(matrix: Matrix) -> str:
    """The page of the images."""
    registry = matrix.site.live.registry
    for owner, route in registry.routes:
        if owner.name == "dicom_viewer" and plain(route.path).endswith("/studies/{group}"):
            attempt = ATTEMPTS.get(name_of(owner, route), Attempt())
            return matrix.send(name_of(owner, route), attempt, "professional").text
    raise AssertionError("there is no viewer")


def test_what_was_entered_with_it_is_shown_and_taken_out_without_it(
    quick_site: TestSite, bare_site: TestSite
) -> None:
    matrix = Matrix(quick_site, "assessment")
    case = f"/cases/{matrix.world.values['case_id']}"
    person = as_same(bare_site, matrix.world["professional"])
    assert "Tall for the age" in person.get(case).text
    exported = person.post(f"{case}/export.json")
    assert exported.status_code == 200
    assert "Tall for the age" in json.dumps(exported.json())


def as_same(site: TestSite, browser: Browser) -> Browser:
    return site.browser(browser.token, browser.actor)
