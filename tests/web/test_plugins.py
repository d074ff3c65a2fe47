"""The page of plugins: what is on, what failed and why, switching one on and off."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace
from sqlalchemy import select

from cpms_core.actor import Role
from cpms_core.audit import AuditEvent
from cpms_core.errors import StoreUnavailableError
from cpms_core.plugins.enabled import read_enabled
from cpms_core.plugins.host import PluginFailure
from tests.site import PLUGINS, Browser, TestSite


@pytest.fixture
def listed(site: TestSite) -> Iterator[Path]:
    """The site's list, as it runs."""
    path = site.live.site.plugins_file
    path.write_text("# kept\nenabled = [{}]\n".format(", ".join(f'"{name}"' for name in PLUGINS)))
    yield path
    path.unlink()


@pytest.fixture
def admin(site: TestSite, listed: Path) -> Browser:
    assert listed.exists()
    return site.person(Role.SYSTEM_ADMIN, hcp=None)


def row(page: str, name: str) -> str:
    return page[page.index(f"<strong>{name}</strong>") :].partition("</li>")[0]


def badge(page: str, name: str) -> str:
    """The words of the badge in front of the name."""
    before = page[: page.index(f"<strong>{name}</strong>")]
    return before[before.rindex('class="badge') :]


def test_the_page_says_what_each_plugin_brings(admin: Browser, site: TestSite) -> None:
    page = admin.get("/plugins").text
    assert "forms: Findings" in row(page, "ern_ithaca")
    assert "ERN ITHACA" in row(page, "ern_ithaca")
    assert "viewers: " in row(page, "dicom_viewer")
    assert "always on" in page[page.index("<strong>web</strong>") :]
    assert "/plugins/web/" not in page
    assert site.events() == ["site:plugins:listed"]


def test_switching_off_changes_the_list_and_is_an_event(
    admin: Browser, listed: Path, site: TestSite
) -> None:
    answer = admin.post("/plugins/dicom_viewer/disable")
    page = admin.follow(answer).text
    assert "What it kept in cases stays" in page
    assert "stopping" in badge(page, "dicom_viewer")
    assert 'hx-trigger="load delay:2s"' in page
    assert read_enabled(listed) == ("ern_ithaca", "reporting")
    assert listed.read_text().startswith("# kept\n")
    assert "site:plugin:disabled" in site.events()


def test_switching_on_changes_the_list_and_is_an_event(
    admin: Browser, listed: Path, site: TestSite
) -> None:
    listed.write_text('enabled = ["ern_ithaca"]\n')
    page = admin.follow(admin.post("/plugins/reporting/enable")).text
    assert "takes effect within seconds" in page
    assert read_enabled(listed) == ("ern_ithaca", "reporting")
    assert "site:plugin:enabled" in site.events()
    with site.transaction() as session:
        tag = AuditEvent.tag == "site:plugin:enabled"
        assert session.scalars(select(AuditEvent.detail).where(tag)).one() == {"name": "reporting"}


def test_a_switch_whose_event_cannot_be_kept_changes_nothing(
    admin: Browser, listed: Path, site: TestSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise StoreUnavailableError("The disk is full.")

    monkeypatch.setattr("cpms_core.http.kernel.announce_later", refuse)
    before = listed.read_text()
    assert admin.post("/plugins/reporting/disable").status_code == 503
    assert listed.read_text() == before
    assert "site:plugin:disabled" not in site.events()


def test_a_plugin_that_failed_says_why(
    admin: Browser, site: TestSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = site.live.registry
    plugins = {name: info for name, info in registry.plugins.items() if name != "reporting"}
    failure = PluginFailure(name="reporting", reason="its import failed: <b>\ntwo owners of a key")
    monkeypatch.setattr(site.live, "registry", replace(registry, plugins=plugins))
    monkeypatch.setattr(site.live, "failures", (failure,))
    page = admin.get("/plugins").text
    assert "its import failed: &lt;b&gt;" in row(page, "reporting")
    assert "two owners of a key" in row(page, "reporting")
    assert "failed" in badge(page, "reporting")


def test_a_plugin_that_is_listed_but_not_installed_can_be_taken_off(
    admin: Browser, listed: Path
) -> None:
    listed.write_text('enabled = ["ern_ithaca", "gone"]\n')
    assert "not installed" in badge(admin.get("/plugins").text, "gone")
    assert admin.post("/plugins/gone/disable").status_code == 303
    assert read_enabled(listed) == ("ern_ithaca",)


@pytest.mark.parametrize("name", ["gone", "web", "..", "x" * 300, "ern_ithaca%00"])
def test_what_is_not_installed_cannot_be_switched_on(
    admin: Browser, listed: Path, name: str
) -> None:
    before = listed.read_text()
    assert admin.post(f"/plugins/{name}/enable").status_code in {404, 405, 422}
    assert listed.read_text() == before


def test_the_pages_themselves_cannot_be_switched_off(admin: Browser, listed: Path) -> None:
    answer = admin.post("/plugins/web/disable")
    assert answer.status_code == 422
    assert "always on" in answer.text
    assert read_enabled(listed) == PLUGINS


def test_a_broken_list_is_shown_and_nothing_is_switched(admin: Browser, listed: Path) -> None:
    listed.write_text('enabled = ["ern_ithaca"')
    page = admin.get("/plugins")
    assert page.status_code == 200
    assert "is not valid TOML" in page.text
    assert "the plugins stay as they are" in page.text
    answer = admin.post("/plugins/reporting/enable")
    assert answer.status_code == 422
    assert listed.read_text() == 'enabled = ["ern_ithaca"'


@pytest.mark.parametrize("role", [Role.CENTRE_MANAGER, Role.COORDINATOR, Role.PROFESSIONAL])
def test_nobody_else_comes_near(site: TestSite, listed: Path, role: Role) -> None:
    person = site.person(role)
    assert person.get("/plugins").status_code == 403
    assert person.post("/plugins/reporting/disable").status_code == 403
    assert read_enabled(listed) == PLUGINS


def test_while_something_changes_only_the_list_is_sent_again(admin: Browser, listed: Path) -> None:
    listed.write_text('enabled = ["ern_ithaca"]\n')
    part = admin.get("/plugins", headers={"HX-Request": "true"})
    assert part.text.lstrip().startswith('<div id="plugins"')
    assert "<html" not in part.text
