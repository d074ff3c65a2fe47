"""What people tell of themselves, and what it is used for."""

import pytest
from msgspec.structs import replace

from tests.site import Browser, TestSite
from tests.web.test_panel_pages import Panels

TOLD = {
    "job_title": "consultant in clinical genetics",
    "specialty": "skeletal dysplasias",
    "languages": ["el", "en"],
    "areas": ["ithaca/undiagnosed"],
}


@pytest.fixture
def expert(site: TestSite) -> Browser:
    return site.person(hcp="CZ01", name="Dr Jana Dvořáková")


def test_home_asks_once_and_the_answer_can_be_changed(expert: Browser, site: TestSite) -> None:
    assert "Tell your colleagues who you are" in expert.get("/").text
    page = expert.follow(expert.post("/me/preferences", TOLD)).text
    assert "Your preferences are saved." in page
    assert "Tell your colleagues who you are" not in expert.get("/").text
    form = expert.get("/me/preferences").text
    assert 'value="consultant in clinical genetics"' in form
    assert form.count(" checked") == 3
    assert "site:preferences:saved" in site.events()
    expert.post("/me/preferences", TOLD | {"areas": [], "languages": ["cs"]})
    assert expert.get("/me/preferences").text.count(" checked") == 1


def test_everything_wrong_is_said_at_once_and_nothing_typed_is_lost(expert: Browser) -> None:
    wrong = {
        "job_title": "",
        "specialty": "dysmorphology",
        "languages": ["tlh"],
        "areas": ["ithaca/nowhere", "skin", "ithaca/undiagnosed"],
    }
    answer = expert.post("/me/preferences", wrong)
    assert answer.status_code == 422
    for told in ("Enter your job title", "at least one language", "areas of the list"):
        assert told in answer.text
    assert 'value="dysmorphology"' in answer.text
    assert answer.text.count(" checked") == 1


def test_who_looks_for_experts_sees_those_first_who_follow_the_area(site: TestSite) -> None:
    panels = Panels(site)
    panels.lyon.post("/me/preferences", TOLD)
    page = panels.coordinator.get(f"/requests/{panels.request_id}").text
    assert "consultant in clinical genetics, skeletal dysplasias" in page
    assert "Greek, English" in page
    assert page.count("follows this area") == 1
    assert page.index("Dr Lyon") < page.index("Dr Ghent")


def test_areas_of_a_plugin_that_is_off_stay_chosen(
    expert: Browser, site: TestSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    expert.post("/me/preferences", TOLD)
    registry = site.live.registry
    with monkeypatch.context() as patch:
        patch.setattr(site.live, "registry", replace(registry, networks={}))
        assert "Thematic areas" not in expert.get("/me/preferences").text
        assert expert.post("/me/preferences", TOLD | {"areas": []}).status_code == 303
    assert expert.get("/me/preferences").text.count(" checked") == 3
