"""Asking for access, step by step, until the request is submitted."""

import pytest
from sqlalchemy import func, select

from cpms_core.actor import Role
from cpms_core.identity.models import AccessRequest
from tests.site import Browser, TestSite
from tests.web.access import ITHACA, ask, code_on, decide, state_of


@pytest.fixture
def nadia(site: TestSite) -> Browser:
    return site.person(None, hcp=None, name="Dr Nadia Berger")


def test_each_step_leads_to_the_next_and_can_be_bookmarked(nadia: Browser) -> None:
    assert 'href="/access/new/country?ern=ithaca"' in nadia.get("/access/new").text
    assert "/access/new/centre?ern=ithaca&amp;country=FR" in (
        nadia.get("/access/new/country?ern=ithaca").text
    )
    centres = nadia.get("/access/new/centre?ern=ithaca&country=FR").text
    assert "/access/new/profile?ern=ithaca&amp;centre=FR10" in centres
    assert centres.index("FR30") < centres.index("Guest access, France")
    profiles = nadia.get("/access/new/profile?ern=ithaca&centre=FR10").text
    assert profiles.count('type="checkbox"') == 4
    recap = nadia.get("/access/new/recap?ern=ithaca&centre=FR10&professional=on&dispatcher=on").text
    for told in ("ERN ITHACA", "Robert-Debré", "health professional", "dispatcher"):
        assert told in recap


def test_the_erns_own_centres_come_first(nadia: Browser) -> None:
    with_rnd = nadia.get("/access/new/centre?ern=rnd&country=DE").text
    assert "full member" in with_rnd
    assert "not a member of this ERN" in nadia.get("/access/new/centre?ern=skin&country=DE").text


@pytest.mark.parametrize(
    "step",
    [
        *("country?ern=nowhere", "centre?ern=ithaca&country=XX", "centre?ern=no&country=FR"),
        *("profile?ern=ithaca&centre=XX99", "profile?ern=no&centre=FR10"),
        *("recap?ern=ithaca&centre=XX99&professional=on", "recap?ern=&centre=&professional=on"),
    ],
)
def test_what_does_not_exist_is_said_to_be_missing(nadia: Browser, step: str) -> None:
    answer = nadia.get(f"/access/new/{step}")
    assert answer.status_code == 404
    assert "There is no" in answer.text


@pytest.mark.parametrize("step", ["country", "centre?ern=ithaca", "profile?ern=ithaca", "recap"])
def test_a_step_without_the_ones_before_leads_to_the_first(nadia: Browser, step: str) -> None:
    assert nadia.get(f"/access/new/{step}").headers["location"] == "/access/new"


def test_without_a_profile_the_choice_is_asked_again(nadia: Browser) -> None:
    answer = nadia.get("/access/new/recap?ern=ithaca&centre=FR10")
    assert answer.status_code == 422
    assert "Choose at least one" in answer.text
    assert 'action="/access/new/recap"' in answer.text


def test_guest_access_asks_for_the_guest_alone(nadia: Browser, site: TestSite) -> None:
    to_recap = nadia.get("/access/new/profile?ern=ithaca&centre=FR00")
    assert "guest" in nadia.follow(to_recap).text
    forged = nadia.post("/access/new", ITHACA | {"centre": "FR00"})
    assert forged.status_code == 422
    nadia.post("/access/new", {"ern": "ithaca", "centre": "FR00", "guest": "on"})
    assert state_of(site) == "submitted"
    assert nadia.post("/access/new", {**ITHACA, "guest": "on"}).status_code == 422


# --- submitting ---


def test_a_submitted_request_says_its_code_and_what_happens_next(
    nadia: Browser, site: TestSite
) -> None:
    page = nadia.get(ask(nadia))
    assert "Your request is submitted." in page.text
    assert code_on(page)
    assert "genetics, ext. 4312" in page.text
    assert "Your centre endorses" in page.text
    assert "no coordinator yet" in page.text
    assert "site:access:requested" in site.events()
    listed = nadia.get("/access").text
    assert "ERN ITHACA" in listed
    assert "submitted" in listed
    centres = nadia.get("/access/new/centre?ern=ithaca&country=FR").text
    assert centres.count("request submitted") == 1


def test_the_same_role_at_the_same_place_is_asked_for_once_at_a_time(
    nadia: Browser, site: TestSite
) -> None:
    first = ask(nadia)
    again = nadia.post("/access/new", ITHACA | {"coordinator": "on"})
    assert again.status_code == 422
    assert "asked for this here already" in again.text
    assert "genetics, ext. 4312" in again.text
    ask(nadia, ern="rnd")
    ask(nadia, centre="FR20")
    decide(nadia, first, "withdraw")
    ask(nadia)
    with site.transaction() as session:
        assert session.scalar(select(func.count()).select_from(AccessRequest)) == 4


def test_a_form_sent_twice_is_one_request(nadia: Browser, site: TestSite) -> None:
    first = ask(nadia, _once="once")
    assert ask(nadia, _once="once") == first
    with site.transaction() as session:
        assert session.scalar(select(func.count()).select_from(AccessRequest)) == 1


def test_who_holds_it_already_need_not_ask(site: TestSite) -> None:
    answer = site.person(Role.PROFESSIONAL).post("/access/new", ITHACA)
    assert answer.status_code == 422
    assert "You hold all of this already" in answer.text


def test_a_comment_that_is_too_long_is_given_back(nadia: Browser) -> None:
    answer = nadia.post("/access/new", ITHACA | {"comment": "genetics " * 300})
    assert answer.status_code == 422
    assert "at most 2000 characters" in answer.text
    assert "genetics genetics" in answer.text
