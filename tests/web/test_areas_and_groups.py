"""What a coordinator configures of the own ERN: thematic areas, and groups of experts."""

import re
from uuid import UUID

import pytest
from sqlalchemy import select

from cpms_core.actor import Role
from cpms_core.clock import clock
from cpms_core.directory.models import ExpertGroup, ThematicArea
from cpms_core.identity.models import User
from cpms_core.panels.models import PanelMember
from tests import factories
from tests.site import Browser, TestSite
from tests.web.test_panel_pages import Panels

AREAS = "/directory/erns/ithaca/areas"
GROUPS = "/directory/erns/ithaca/groups"


@pytest.fixture
def coordinator(site: TestSite) -> Browser:
    return site.person(Role.COORDINATOR, ern="ithaca", name="Cora Coordinator")


@pytest.fixture
def expert(site: TestSite) -> Browser:
    return site.person(hcp="CZ01", name="Dr Jana Dvořáková")


def draft(site: TestSite, person: Browser) -> str:
    """The page from which a new case of this person is sent."""
    with site.transaction() as session:
        case = factories.make_case(session, person.actor, hcp="CZ01").id
    return f"/cases/{case}/submit?ern=ithaca"


def test_a_renamed_area_has_its_new_title_everywhere(site: TestSite, coordinator: Browser) -> None:
    panels = Panels(site).make()
    renamed = coordinator.post(f"{AREAS}/undiagnosed", {"title": "No answer yet"})
    assert renamed.status_code == 303
    assert "No answer yet" in coordinator.get("/erns/ithaca").text
    assert "No answer yet" in panels.submitter.get("/").text
    assert "No answer yet" in panels.submitter.get(f"/cases/{panels.case_id}").text
    assert "No answer yet" in panels.lead.get(panels.panel).text
    assert "No answer yet" in panels.submitter.get("/me/preferences").text
    assert "No answer yet" in panels.submitter.get(draft(site, panels.submitter)).text
    assert "the plugin calls it" in coordinator.get(AREAS).text


def test_an_added_area_is_offered_and_a_request_can_be_sent_under_it(
    site: TestSite, coordinator: Browser, expert: Browser
) -> None:
    shown = coordinator.follow(coordinator.post(AREAS, {"title": "Crânio-synostosis!"})).text
    assert "added here" in shown
    assert 'value="cranio_synostosis"' in expert.get(draft(site, expert)).text
    told = {"job_title": "geneticist", "languages": "en", "areas": "ithaca/cranio_synostosis"}
    assert expert.post("/me/preferences", told).status_code == 303
    assert site.events().count("ern:area:changed") == 1


def test_a_retired_area_is_not_offered_and_keeps_its_title_where_it_was_used(
    site: TestSite, coordinator: Browser
) -> None:
    panels = Panels(site).make()
    title = next(
        one.title for one in site.live.registry.networks["ithaca"].areas if one.key == "undiagnosed"
    )
    follows = {"job_title": "geneticist", "languages": "en", "areas": "ithaca/undiagnosed"}
    assert panels.ghent.post("/me/preferences", follows).status_code == 303
    assert coordinator.post(f"{AREAS}/undiagnosed/retire").status_code == 303
    form = draft(site, panels.submitter)
    assert 'value="undiagnosed"' not in panels.submitter.get(form).text
    refused = panels.submitter.post(form, {"ern": "ithaca", "area": "undiagnosed"})
    assert refused.status_code == 422 and "no such thematic area" in refused.text
    assert title in coordinator.get("/erns/ithaca").text
    assert title in panels.lead.get(panels.panel).text
    assert title not in panels.ghent.get("/me/preferences").text
    assert panels.ghent.post("/me/preferences", follows | {"areas": []}).status_code == 303
    assert coordinator.post(f"{AREAS}/undiagnosed/offer").status_code == 303
    assert panels.ghent.get("/me/preferences").text.count(" checked") == 2, "it is still followed"


@pytest.mark.parametrize("title", ["", "x" * 121, "two\nlines", "UNDIAGNOSED  syndrome"])
def test_a_title_that_does_not_fit_is_refused_and_kept(coordinator: Browser, title: str) -> None:
    coordinator.post(AREAS, {"title": "Undiagnosed syndrome"})
    answer = coordinator.post(AREAS, {"title": title})
    assert answer.status_code == 422
    assert "One thing has to be put right" in answer.text
    again = coordinator.post(f"{AREAS}/undiagnosed", {"title": title})
    assert again.status_code == 422


def test_two_areas_that_would_have_the_same_key_get_two(
    site: TestSite, coordinator: Browser
) -> None:
    for title in ("A+B", "A B C"):
        assert coordinator.post(AREAS, {"title": title}).status_code == 303
    coordinator.post(f"{AREAS}/a_b", {"title": "Other"})
    assert coordinator.post(AREAS, {"title": "A-B"}).status_code == 303
    with site.transaction() as session:
        keys = set(session.scalars(select(ThematicArea.key)))
    assert {"a_b", "a_b_2", "a_b_c"} <= keys


def test_nobody_configures_another_ern(site: TestSite) -> None:
    stranger = site.person(Role.COORDINATOR, ern="erknet")
    for path in (AREAS, GROUPS):
        assert stranger.get(path).status_code == 404
    assert stranger.post(AREAS, {"title": "Mine"}).status_code == 404
    assert stranger.post(GROUPS, {"name": "Mine"}).status_code == 404
    assert stranger.post("/directory/erns/nowhere/areas", {"title": "Mine"}).status_code == 404
    assert site.person(Role.SYSTEM_ADMIN, hcp=None).get(AREAS).status_code == 200


def make_group(coordinator: Browser, *members: Browser, name: str = "Dysplasias") -> str:
    """Its address."""
    path: str = coordinator.post(GROUPS, {"name": name}).headers["location"]
    ids = [str(one.actor.user_id) for one in members]
    saved = coordinator.post(path, {"name": name, "members": ids, "seen": "1"})
    assert saved.status_code == 303, saved.text[:2000]
    return path


def test_a_group_is_made_filled_changed_and_ended(
    site: TestSite, coordinator: Browser, expert: Browser
) -> None:
    path = make_group(coordinator, expert)
    page = coordinator.get(path).text
    assert page.count(" checked") == 1
    assert "Dr Jana Dvořáková" in page
    assert "1 expert<" in coordinator.get(GROUPS).text
    assert coordinator.post(path, {"name": "Skeletal", "seen": "2"}).status_code == 303
    assert "nobody in it yet" in coordinator.get(GROUPS).text
    assert coordinator.post(path + "/end", {"seen": "3"}).status_code == 303
    assert "No group yet" in coordinator.get(GROUPS).text
    assert coordinator.get(path).status_code == 404
    told = [one for one in site.events() if one.startswith("ern:group:")]
    assert told == ["ern:group:made", "ern:group:changed", "ern:group:changed", "ern:group:ended"]


def test_two_who_change_a_group_do_not_undo_each_other(
    coordinator: Browser, expert: Browser
) -> None:
    path = make_group(coordinator, expert)
    late = coordinator.post(path, {"name": "Other", "seen": "1"})
    assert late.status_code == 409
    assert coordinator.get(path).text.count(" checked") == 1


def test_only_health_professionals_in_use_join_a_group(
    site: TestSite, coordinator: Browser
) -> None:
    path = make_group(coordinator)
    for person in (
        site.person(Role.RESEARCHER),
        site.person(hcp="FR25", disabled_at=clock.now()),
    ):
        form = {"name": "Kept name", "members": str(person.actor.user_id), "seen": "2"}
        answer = coordinator.post(path, form)
        assert answer.status_code == 422
        assert "whose accounts are in use" in answer.text
        assert 'value="Kept name"' in answer.text
    nobody = {"name": "X", "members": str(UUID(int=3)), "seen": "2"}
    assert coordinator.post(path, nobody).status_code == 422
    taken = coordinator.post(GROUPS, {"name": "dysplasias"})
    assert taken.status_code == 422 and "Another group" in taken.text


def seats(site: TestSite, panels: Panels) -> dict[str, str]:
    with site.transaction() as session:
        found = select(User.name, PanelMember.state).join(User, User.id == PanelMember.user_id)
        rows = session.execute(found.where(PanelMember.panel_id == panels.panel_id))
        return {row[0]: row[1] for row in rows}


def group_id(path: str) -> str:
    return path.rpartition("/")[2]


def test_a_group_is_invited_in_one_step_and_it_is_said_who_was_skipped_and_why(
    site: TestSite, coordinator: Browser, expert: Browser
) -> None:
    panels = Panels(site).make()
    gone = site.person(hcp="FR20", name="Dr Gone")
    path = make_group(coordinator, expert, panels.submitter, panels.ghent, gone)
    with site.transaction() as session:
        session.get_one(User, gone.actor.user_id).disabled_at = clock.now()
    assert "Dysplasias (4)" in coordinator.get(f"{panels.panel}/members").text
    form = {"group": group_id(path), "role": "observer"}
    said = coordinator.follow(coordinator.post(f"{panels.panel}/groups", form)).text
    assert "1 of “Dysplasias” is invited" in said
    assert re.search("Dr Ghent: is on this panel already", said)
    assert re.search("Dr Žofie Příhodová: The submitter takes part", said)
    assert re.search("Dr Gone: This person cannot take part", said)
    assert seats(site, panels)["Dr Jana Dvořáková"] == "invited"
    assert "Dr Gone" not in seats(site, panels)
    assert expert.get(f"/cases/{panels.case_id}").status_code == 200
    again = coordinator.post(f"{panels.panel}/groups", form)
    assert again.status_code == 422
    assert "0 of “Dysplasias” are invited" in again.text


def test_a_lead_invites_a_group_of_the_panels_ern_and_no_other(
    site: TestSite, coordinator: Browser, expert: Browser
) -> None:
    panels = Panels(site).make()
    path = make_group(coordinator, expert)
    with site.transaction() as session:
        foreign = ExpertGroup(ern_id="erknet", name="Kidneys")
        session.add(foreign)
        session.flush()
        other = str(foreign.id)
    for group in (other, str(UUID(int=5))):
        form = {"group": group, "role": "member"}
        assert panels.lead.post(f"{panels.panel}/groups", form).status_code == 404
    assert panels.lead.post(f"{panels.panel}/groups", {"group": ""}).status_code == 422
    form = {"group": group_id(path), "role": "member"}
    assert panels.ghent.post(f"{panels.panel}/groups", form).status_code == 403
    assert panels.lead.post(f"{panels.panel}/groups", form).status_code == 303
    empty = make_group(coordinator, name="Empty")
    nobody = panels.lead.post(
        f"{panels.panel}/groups", {"group": group_id(empty), "role": "member"}
    )
    assert nobody.status_code == 422 and "Nobody is in “Empty” yet" in nobody.text


def test_a_group_can_be_invited_while_the_lead_is_named(
    site: TestSite, coordinator: Browser, expert: Browser
) -> None:
    panels = Panels(site)
    path = make_group(coordinator, expert, panels.lead)
    page = f"/requests/{panels.request_id}"
    assert "Dysplasias (2)" in coordinator.get(page).text
    form = {"lead": str(panels.lead.actor.user_id), "group": group_id(path), "seen": "1"}
    said = coordinator.follow(coordinator.post(f"{page}/lead", form)).text
    assert "1 of “Dysplasias” is invited. Not invited: Dr Lead: is on this panel already" in said
