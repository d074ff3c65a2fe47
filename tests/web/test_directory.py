"""The directory: centres, countries, and networks that are there for a time."""

import re
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select

from cpms_core.actor import Role
from cpms_core.clock import clock
from cpms_core.directory.models import Country, Ern, Hcp, Membership
from tests import factories
from tests.site import Browser, TestSite
from tests.web.access import ask
from tests.web.test_panel_pages import Panels

CENTRE = {"code": "fr77", "name": "CHU de  Nantes", "city": "Nantes"}
FLU = {"id": "flu", "name": "Flu support", "scope": "severe influenza"}


@pytest.fixture
def admin(site: TestSite) -> Browser:
    return site.person(Role.SYSTEM_ADMIN, hcp=None, name="Ada Admin")


def page_of(site: TestSite, code: str) -> str:
    with site.transaction() as session:
        return f"/directory/centres/{factories.hcp_id(session, code)}"


def kinds_of(site: TestSite, code: str) -> dict[str, str]:
    with site.transaction() as session:
        found = select(Membership).join(Hcp).where(Hcp.code == code)
        return {one.ern_id: one.kind for one in session.scalars(found)}


def close(admin: Browser, site: TestSite, code: str) -> None:
    assert admin.post(page_of(site, code) + "/close").status_code == 303


def test_a_centre_is_added_found_and_described(site: TestSite, admin: Browser) -> None:
    shown = admin.follow(admin.post("/directory/centres/new", CENTRE)).text
    assert "FR77 is in the directory" in shown
    assert "<h1>CHU de Nantes</h1>" in shown
    for search in ("fr77", "NANTES", "Nantes"):
        listed = admin.get("/directory", params={"q": search}).text
        assert "1 centre " in listed and "FR77" in listed
    changed = admin.post(page_of(site, "FR77"), {"name": "CHU Nantes", "city": ""})
    assert "CHU Nantes" in admin.follow(changed).text
    assert site.events() == ["site:centre:added", "site:centre:changed"]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"code": "FR10"}, "FR10 is taken"),
        ({"code": "F1"}, "two letters and two letters or digits"),
        ({"code": "ZZ10"}, "There is no country ZZ"),
        ({"name": ""}, "Use 1 to 200 characters"),
        ({"name": "one\ntwo"}, "on one line"),
        ({"name": "\u202etfel ot thgir"}, "on one line"),
        ({"city": "x" * 101}, "at most 100"),
    ],
)
def test_a_centre_that_does_not_fit_is_refused_and_kept_on_the_page(
    site: TestSite, admin: Browser, change: dict[str, str], problem: str
) -> None:
    answer = admin.post("/directory/centres/new", {**CENTRE, "city": "Rezé"} | change)
    assert answer.status_code == 422
    assert problem in answer.text
    assert "city" in change or 'value="Rezé"' in answer.text
    assert site.events() == []


def test_all_that_is_wrong_with_a_centre_is_said_at_once(admin: Browser) -> None:
    answer = admin.post("/directory/centres/new", {"code": "", "name": "", "city": ""})
    assert "2 things have" in answer.text


def test_a_manager_describes_the_own_centre_and_sees_no_other(site: TestSite) -> None:
    manager = site.person(Role.CENTRE_MANAGER, hcp="FR10")
    listed = manager.get("/directory").text
    assert "FR10" in listed and "FR25" not in listed
    own, other = page_of(site, "FR10"), page_of(site, "FR25")
    assert manager.post(own, {"name": "Robert-Debré", "city": "Paris"}).status_code == 303
    assert manager.get(other).status_code == 404
    assert manager.post(other, {"name": "Mine", "city": ""}).status_code == 404
    page = manager.get(own).text
    assert "/close" not in page and "/memberships" not in page
    assert "Countries" not in page
    assert manager.post(own + "/close").status_code == 403


def test_a_coordinator_decides_who_belongs_to_the_own_ern_only(site: TestSite) -> None:
    coordinator = site.person(Role.COORDINATOR, ern="ithaca")
    path = page_of(site, "DE01") + "/memberships"
    assert coordinator.post(path, {"ern": "ithaca", "kind": "affiliated"}).status_code == 303
    assert kinds_of(site, "DE01")["ithaca"] == "affiliated"
    assert "Affiliated partner" in coordinator.get(page_of(site, "DE01")).text
    assert coordinator.post(path, {"ern": "ithaca", "kind": "full_member"}).status_code == 303
    assert kinds_of(site, "DE01")["ithaca"] == "full_member"
    assert coordinator.post(path, {"ern": "rnd", "kind": "none"}).status_code == 404
    assert coordinator.post(path, {"ern": "ithaca", "kind": "owner"}).status_code == 422
    assert coordinator.post(path, {"ern": "ithaca", "kind": "none"}).status_code == 303
    assert kinds_of(site, "DE01").keys() == {"rnd", "epicare"}
    assert coordinator.post(page_of(site, "DE01"), {"name": "X", "city": ""}).status_code == 403
    assert site.events().count("ern:membership:changed") == 3


def test_closing_says_what_is_there_and_needs_the_key(site: TestSite, admin: Browser) -> None:
    Panels(site).make()
    site.person(hcp="CZ01")
    path = page_of(site, "CZ01") + "/close"
    preview = admin.get(path).text
    for told in ("2 people work here", "1 patient is", "1 open panel discusses"):
        assert told in preview
    assert admin.post(path, touches=False).status_code == 403
    shown = admin.follow(admin.post(path)).text
    assert "nobody new comes to it" in shown
    assert "/reopen" in shown
    assert admin.post(path).status_code == 409


def test_nobody_new_comes_to_a_closed_centre(site: TestSite, admin: Browser) -> None:
    newcomer = site.person(None, hcp=None)
    close(admin, site, "FR25")
    assert "FR25" not in newcomer.get("/access/new/centre?ern=ithaca&country=FR").text
    recap = newcomer.get("/access/new/recap?ern=ithaca&centre=FR25&professional=on")
    assert recap.status_code == 422 and "This centre is closed" in recap.text
    request = {"ern": "ithaca", "centre": "FR25", "professional": "on"}
    assert newcomer.post("/access/new", request).status_code == 422
    new = {"name": "Eva Nová", "email": "eva@example.org", "role": "professional", "hcp": "FR25"}
    assert "This centre is closed" in admin.post("/people/invite", new).text
    other = site.person(None, hcp="FR10").actor.user_id
    given = admin.post(f"/people/{other}/roles", {"role": "professional", "hcp": "FR25"})
    assert given.status_code == 422 and "This centre is closed" in given.text


def test_at_a_closed_centre_no_patient_is_enrolled_and_all_stays_readable(
    site: TestSite, admin: Browser
) -> None:
    panels = Panels(site).make()
    close(admin, site, "CZ01")
    assert panels.pseudonym in panels.submitter.get("/centre").text
    assert panels.submitter.get(f"/cases/{panels.case_id}").status_code == 200
    patient = {
        "given_name": "Eva",
        "family_name": "Malá",
        "birth_date": "2020-01-01",
        "sex": "female",
    }
    assert panels.submitter.post("/centre/patients/new", patient).status_code == 422
    assert admin.post(page_of(site, "CZ01") + "/reopen").status_code == 303
    assert panels.submitter.post("/centre/patients/new", patient).status_code == 303


def test_whoever_waits_for_access_to_a_centre_is_told_that_it_closed(
    site: TestSite, admin: Browser
) -> None:
    newcomer = site.person(None, hcp=None)
    request = ask(newcomer)
    assert "1 request for access is" in admin.get(page_of(site, "FR10") + "/close").text
    close(admin, site, "FR10")
    assert "This centre was closed" in newcomer.get(request).text


def test_a_country_is_added_and_gets_its_guest_access_in_one_click(
    site: TestSite, admin: Browser
) -> None:
    assert admin.post("/directory/countries", {"code": "1", "name": ""}).status_code == 422
    added = admin.post("/directory/countries", {"code": "ch", "name": "Switzerland"})
    assert "/directory/countries/CH/guest-access" in admin.follow(added).text
    assert "in the directory already" in (
        admin.post("/directory/countries", {"code": "CH", "name": "Swiss"}).text
    )
    made = admin.follow(admin.post("/directory/countries/CH/guest-access")).text
    assert "Guest access, Switzerland is there, as CH00" in made
    assert "/directory/countries/CH/guest-access" not in made
    assert admin.post("/directory/countries/CH/guest-access").status_code == 409
    assert admin.post("/directory/countries/QQ/guest-access").status_code == 404
    with site.transaction() as session:
        assert session.scalars(select(Hcp.is_guest).where(Hcp.code == "CH00")).one()
        assert session.get_one(Country, "CH").name == "Switzerland"


def temporary(admin: Browser, days: int = 3) -> None:
    """A network for a time."""
    ends_on = (clock.today() + timedelta(days=days)).isoformat()
    assert admin.post("/directory/erns", {**FLU, "ends_on": ends_on}).status_code == 303


def again(site: TestSite, person: Browser) -> Browser:
    """Days later the session of before has ended."""
    return site.sign_in_again(person.actor.user_id)


def test_a_temporary_network_takes_requests_until_its_last_day(
    site: TestSite, admin: Browser
) -> None:
    temporary(admin)
    panels = Panels(site)
    with site.transaction() as session:
        case = factories.make_case(session, panels.submitter.actor, hcp="CZ01").id
    page = f"/cases/{case}/submit?ern=flu"
    assert "Flu support" in panels.submitter.get(page).text
    newcomer = site.person(None, hcp=None)
    assert "Flu support" in newcomer.get("/access/new").text
    clock.offset = timedelta(days=3)
    assert again(site, panels.submitter).get(page).status_code == 200
    clock.offset = timedelta(days=4)
    late = again(site, panels.submitter)
    assert late.get(page).status_code == 404
    refused = late.post(f"/cases/{case}/submit", {"ern": "flu"})
    assert refused.status_code == 422 and "Flu support was there for a time" in refused.text
    assert "Flu support" not in again(site, newcomer).get("/access/new").text
    refused = again(site, newcomer).get("/access/new/country?ern=flu")
    assert refused.status_code == 422


def test_the_panels_of_a_network_that_has_ended_go_on(site: TestSite, admin: Browser) -> None:
    panels = Panels(site).make()
    with site.transaction() as session:
        session.get_one(Ern, "ithaca").ends_on = clock.today() - timedelta(days=1)
    assert panels.coordinator.get("/erns/ithaca").status_code == 200
    said = {"text": "I have seen this.", "certainty": "fairly_sure"}
    assert panels.lead.post(f"{panels.panel}/contributions", said).status_code == 303
    assert "ended" in admin.get("/directory/erns").text


def test_the_last_day_of_a_temporary_network_can_be_moved(site: TestSite, admin: Browser) -> None:
    temporary(admin)
    yesterday = (clock.today() - timedelta(days=1)).isoformat()
    path = "/directory/erns/flu/end"
    assert admin.post(path, {"ends_on": yesterday}, touches=False).status_code == 403
    assert admin.post(path, {"ends_on": "tomorrow"}).status_code == 422
    assert admin.post(path, {"ends_on": ""}).status_code == 422
    assert admin.post(path, {"ends_on": yesterday}).status_code == 303
    assert "Flu support" not in site.person(None, hcp=None).get("/access/new").text
    assert admin.post("/directory/erns/ithaca/end", {"ends_on": yesterday}).status_code == 422


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"id": "ithaca"}, "ithaca is taken"),
        ({"id": "No Spaces"}, "small letters and digits"),
        ({"ends_on": "2020-01-01"}, "today or later"),
        ({"ends_on": "soon"}, "Write a day"),
        ({"name": ""}, "Use 1 to 60"),
    ],
)
def test_a_network_that_does_not_fit_is_refused(
    admin: Browser, change: dict[str, str], problem: str
) -> None:
    form = {**FLU, "ends_on": "2099-01-01"} | change
    answer = admin.post("/directory/erns", form)
    assert answer.status_code == 422
    assert problem in answer.text
    assert 'value="severe influenza"' in answer.text


@pytest.mark.parametrize("role", [Role.PROFESSIONAL, Role.DISPATCHER, Role.RESEARCHER])
def test_the_directory_is_shown_to_who_keeps_it_alone(site: TestSite, role: Role) -> None:
    browser = site.person(role)
    assert 'href="/directory"' not in browser.get("/").text
    for path in ("/directory", "/directory/countries", "/directory/erns", "/directory/import"):
        assert browser.get(path).status_code == 403


def test_long_lists_of_centres_have_pages(site: TestSite, admin: Browser) -> None:
    with site.transaction() as session:
        session.add_all(
            Hcp(
                code=f"IT{chr(65 + n // 26)}{chr(65 + n % 26)}", name=f"Clinic {n}", country_id="IT"
            )
            for n in range(60)
        )
    first = admin.get("/directory?q=clinic").text
    assert "60 centres" in first
    codes = re.findall(r"IT[A-Z]{2} Clinic", first)
    assert len(codes) == 50
    assert len(re.findall(r"IT[A-Z]{2} Clinic", admin.get("/directory?q=clinic&page=2").text)) == 10


def test_a_centre_that_never_was_is_not_there(admin: Browser) -> None:
    path = f"/directory/centres/{UUID(int=9)}"
    assert admin.get(path).status_code == 404
    for act in ("/close", "/reopen"):
        assert admin.post(path + act).status_code == 404
