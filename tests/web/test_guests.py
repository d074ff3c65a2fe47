"""Guests of one panel: they see its case until their time ends, and nothing else of the site."""

import re
from collections import defaultdict
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from httpx import Response
from sqlalchemy import select

from cpms_core.actor import Actor, Role
from cpms_core.cases.models import CaseShare
from cpms_core.clock import clock
from cpms_core.identity.joining import remove_unused
from cpms_core.identity.models import User
from cpms_core.identity.sessions import actor_for
from cpms_core.panels.models import Panel, PanelMember
from tests import factories
from tests.journeys.people import Someone, link_and_code
from tests.site import Browser, TestSite
from tests.web.attempts import plain
from tests.web.matrix import PUBLIC
from tests.web.test_panel_pages import Panels, read
from tests.web.world import World

EMAIL = "nadia@example.org"


def in_days(days: int) -> str:
    return (clock.today() + timedelta(days=days)).isoformat()


def invite(
    they: Panels, *, by: Browser | None = None, role: str = "member", **changes: str
) -> Response:
    form = {"name": "Dr Nadia Berger", "email": EMAIL, "until": in_days(14), "as": role}
    return (by or they.coordinator).post(f"{they.panel}/guests", form | changes)


def seat_of(site: TestSite, email: str = EMAIL) -> PanelMember:
    with site.transaction() as session:
        wanted = select(PanelMember).join(User, User.id == PanelMember.user_id)
        return session.scalars(wanted.where(User.email == email)).one()


class Guest(Someone):
    """Invited, with a key of their own, signed in."""

    def __init__(self, they: Panels, email: str = EMAIL, **changes: Any) -> None:
        super().__init__(they.site, email)
        self.site = they.site
        self.enrol(*link_and_code(invite(they, email=email, **changes).text))
        self.sign_in()
        with self.site.transaction() as session:
            user = session.scalars(select(User).where(User.email == email)).one()
            self.user_id = user.id
            self.browser._actor = actor_for(session, user)

    @property
    def actor(self) -> Actor:
        return self.browser.actor

    def sign_in_later(self) -> Browser:
        """With a session that has not ended by itself meanwhile."""
        return self.site.sign_in_again(self.user_id)


@pytest.fixture
def they(site: TestSite) -> Panels:
    return Panels(site).make()


@pytest.fixture
def guest(they: Panels) -> Guest:
    return Guest(they)


def test_a_guest_comes_in_with_link_and_code_reads_the_case_and_contributes(
    they: Panels, guest: Guest
) -> None:
    assert "Invitation:" in guest.read("/")
    page = guest.read(they.panel)
    assert "You are a guest on this panel until" in page and "Invite" not in page
    assert they.pseudonym in guest.read(f"/cases/{they.case_id}")
    said = guest.browser.post(f"{they.panel}/contributions", {"text": "I have seen this twice."})
    assert said.status_code == 303
    assert "I have seen this twice." in read(they.lead, they.panel)
    home = guest.read("/")
    assert "Your panel:" in home and they.panel in home and "Nothing is open" not in home


def test_the_link_alone_opens_nothing(they: Panels) -> None:
    link, code = link_and_code(invite(they).text)
    stranger = they.site.browser()
    path = link.removeprefix("http://localhost:8000")
    wrong = "AAAA-AAAA" if code != "AAAA-AAAA" else "BBBB-BBBB"
    for tried in ("", wrong):
        assert stranger.post(f"{path}/begin", json={"code": tried}).status_code == 422
    assert stranger.get(path).status_code == 200  # looking at it lets nobody in
    assert not stranger.token and stranger.get(they.panel).status_code == 303


def test_an_invitation_of_a_guest_asks_for_a_touch_of_the_key(they: Panels) -> None:
    form = {"name": "Dr Nadia", "email": EMAIL, "until": in_days(3), "as": "member"}
    asked = they.coordinator.post(f"{they.panel}/guests", form, touches=False)
    assert asked.status_code == 403 and "Confirm with your security key" in asked.text
    with they.site.transaction() as session:
        assert session.scalar(select(User.id).where(User.email == EMAIL)) is None


@pytest.mark.parametrize("who", ["lead", "ghent", "submitter"])
def test_only_the_ern_invites_guests(they: Panels, who: str) -> None:
    person: Browser = getattr(they, who)
    assert invite(they, by=person).status_code == 403
    if who == "lead":
        assert "Invite a guest" not in read(person, f"{they.panel}/members")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"name": " "}, "full name"),
        ({"email": "nadia"}, "address like name@hospital.eu"),
        ({"until": ""}, "Choose a day from today to"),
        ({"until": "soon"}, "Write a day such as"),
        ({"until": "2020-01-01"}, "Choose a day from today to"),
        ({"until": "9999-12-31"}, "Choose a day from today to"),
        ({"role": "lead"}, "Choose member or observer"),
    ],
)
def test_what_is_wrong_is_said_and_nobody_is_invited(
    they: Panels, change: dict[str, Any], problem: str
) -> None:
    page = invite(they, **change)
    assert page.status_code == 422 and problem in page.text
    assert f'value="{change.get("email", EMAIL)}"' in page.text
    with they.site.transaction() as session:
        assert session.scalar(select(User.id).where(User.name == "Dr Nadia Berger")) is None


def test_a_guest_stays_ninety_days_at_most(they: Panels) -> None:
    assert invite(they, until=in_days(91)).status_code == 422
    assert invite(they, until=in_days(90)).status_code == 200


def test_a_guest_sees_nothing_else_on_any_page(they: Panels, guest: Guest) -> None:
    """Every address there is, with the ids of another consultation of the same ERN."""
    other = World(they.site, "signed")
    with they.site.transaction() as session:
        user = session.get_one(User, other.id_of("professional"))
        secrets = [user.name, "Tall for the age"]
    values = defaultdict(lambda: str(uuid4()), other.values, name="stages")
    pages = {}
    for owner, route in they.site.live.registry.routes:
        name = f"GET {plain(owner.mount + route.path)}"
        if route.method == "GET" and name not in PUBLIC:
            path = name.removeprefix("GET ").format_map(values)
            pages[path] = guest.browser.get(f"{path}?q=wren&systems=hpo&view=mine")
    shown = {path for path, page in pages.items() if page.status_code < 400}
    about_others = {path for path in shown if any(one in path for one in other.values.values())}
    assert not about_others
    for path in shown:
        found = [one for one in (*secrets, other.values["case_id"]) if one in pages[path].text]
        assert not found, path
    for closed in ("/search", "/terms", "/people", "/centre", "/erns", "/x/reporting/"):
        assert pages[closed].status_code == 403, closed
    for path in (f"{they.panel}/members", f"/cases/{they.case_id}/submit"):
        assert guest.browser.get(path).status_code == 403, path


def test_a_guest_takes_nothing_out_and_lets_nobody_in(they: Panels, guest: Guest) -> None:
    guest.browser.post(f"{they.panel}/answer", {"answer": "accept"})
    friend = they.site.person(hcp="GR01")
    for path, form in (
        (f"/cases/{they.case_id}/export.json", {}),
        (f"/cases/{they.case_id}/export.csv", {}),
        (f"{they.panel}/members", {"invite": str(friend.actor.user_id), "role": "member"}),
        (f"{they.panel}/members/{they.ghent.actor.user_id}/remove", {}),
        (f"{they.panel}/guests/{guest.user_id}/until", {"until": in_days(60)}),
        (f"{they.panel}/stage", {"to": "assessment", "seen": "1"}),
    ):
        assert guest.browser.post(path, form).status_code == 403, path
    assert invite(they, by=guest.browser, email="friend@example.org").status_code == 403


def test_a_guest_never_leads(they: Panels, guest: Guest) -> None:
    second = Panels(they.site)
    form = {"lead": str(guest.user_id), "seen": "1"}
    assert second.coordinator.post(f"/requests/{second.request_id}/lead", form).status_code == 422


def test_all_that_a_guest_sees_ends_at_the_second(they: Panels, guest: Guest) -> None:
    guest.browser.post(f"{they.panel}/answer", {"answer": "accept"})
    until = seat_of(they.site).until
    assert until is not None
    clock.offset += until - clock.now() - timedelta(seconds=30)
    browser = guest.sign_in_later()
    seen = (they.panel, f"/cases/{they.case_id}", f"/requests/{they.request_id}")
    assert [browser.get(path).status_code for path in seen] == [200, 200, 200]
    assert they.pseudonym in read(browser, "/")
    clock.offset += until - clock.now()
    assert [browser.get(path).status_code for path in seen] == [404, 404, 404]
    assert they.pseudonym not in read(browser, "/")
    assert browser.post(f"{they.panel}/contributions", {"text": "Late."}).status_code == 404
    page = they.site.sign_in_again(they.coordinator.actor.user_id).get(f"{they.panel}/members")
    assert ">ended</span>" in page.text
    lead = they.site.sign_in_again(they.lead.actor.user_id)
    assert "Dr Nadia Berger" not in read(lead, f"/cases/{they.case_id}")


def test_an_invitation_that_was_not_answered_in_time_cannot_be_accepted(
    they: Panels, guest: Guest
) -> None:
    clock.offset += timedelta(days=15)
    browser = guest.sign_in_later()
    assert browser.post(f"{they.panel}/answer", {"answer": "accept"}).status_code == 404
    page = they.site.sign_in_again(they.coordinator.actor.user_id).get("/erns/ithaca")
    assert "2 experts invited" in page.text


def change_end(they: Panels, guest: Guest, days: int, by: Browser | None = None) -> Response:
    path = f"{they.panel}/guests/{guest.user_id}/until"
    return (by or they.coordinator).post(path, {"until": in_days(days)})


def test_the_coordinator_extends_a_guest_also_one_whose_time_has_ended(
    they: Panels, guest: Guest
) -> None:
    guest.browser.post(f"{they.panel}/answer", {"answer": "accept"})
    asked = they.coordinator.post(
        f"{they.panel}/guests/{guest.user_id}/until", {"until": in_days(30)}, touches=False
    )
    assert asked.status_code == 403
    assert change_end(they, guest, 20).status_code == 303
    clock.offset += timedelta(days=16)
    assert guest.sign_in_later().get(they.panel).status_code == 200
    clock.offset += timedelta(days=16)
    browser = guest.sign_in_later()
    assert browser.get(they.panel).status_code == 404
    coordinator = they.site.sign_in_again(they.coordinator.actor.user_id)
    assert change_end(they, guest, 91, coordinator).status_code == 422
    assert change_end(they, guest, 5, coordinator).status_code == 303
    assert browser.get(they.panel).status_code == 200
    assert they.site.events().count("panel:guest:extended") == 2
    nobody = coordinator.post(
        f"{they.panel}/guests/{they.ghent.actor.user_id}/until", {"until": in_days(5)}
    )
    assert nobody.status_code == 404


def test_a_guest_is_ended_at_once(they: Panels, guest: Guest) -> None:
    assert "End now" in read(they.coordinator, f"{they.panel}/members")
    ended = they.coordinator.post(f"{they.panel}/members/{guest.user_id}/remove")
    assert ended.status_code == 303
    assert guest.browser.get(they.panel).status_code == 404
    assert guest.browser.get(f"/cases/{they.case_id}").status_code == 404


def test_a_guest_invited_twice_has_one_seat_and_one_living_link(they: Panels) -> None:
    first, _ = link_and_code(invite(they, until=in_days(2)).text)
    second, code = link_and_code(invite(they, until=in_days(30), role="observer").text)
    assert they.site.browser().get(first.removeprefix("http://localhost:8000")).status_code == 404
    seat = seat_of(they.site)
    assert seat.role == "observer" and seat.until and seat.until.date().isoformat() == in_days(31)
    guest = Someone(they.site, EMAIL)
    guest.enrol(second, code)
    guest.sign_in()
    third = invite(they, until=in_days(40))
    page = they.coordinator.follow(third).text
    assert "has a security key already" in page
    assert guest.browser.get(they.panel).status_code == 200


def test_a_guest_of_two_panels_sees_each_until_its_own_end(they: Panels, guest: Guest) -> None:
    second = Panels(they.site).make()
    assert invite(second, until=in_days(60)).status_code == 303
    assert guest.browser.get(second.panel).status_code == 200
    clock.offset += timedelta(days=20)
    browser = guest.sign_in_later()
    assert browser.get(they.panel).status_code == 404
    assert browser.get(f"/cases/{they.case_id}").status_code == 404
    assert browser.get(second.panel).status_code == 200


def test_nobody_gets_a_link_to_the_account_of_another_erns_guest(they: Panels) -> None:
    """Whoever holds a link can become its person, and would read that ERN's case."""
    invite(they)
    with they.site.transaction() as session:
        session.get_one(Panel, they.panel_id).ern_id = "erknet"
    second = Panels(they.site).make()
    answer = invite(second)
    assert "link they passed on is for this panel too" in second.coordinator.follow(answer).text
    manager = they.site.person(Role.CENTRE_MANAGER)
    form = {"name": "Dr N", "email": EMAIL, "role": "professional", "hcp": "FR10"}
    refused = manager.post("/people/invite", {**form, "ern": "", "specialty": ""})
    assert refused.status_code == 422 and "an account as a guest" in refused.text


def test_whoever_only_joined_comes_back_with_a_new_key(they: Panels) -> None:
    joined = they.site.person(None, hcp=None, name="Anybody", email=EMAIL)
    link_and_code(invite(they).text)
    assert joined.get("/").status_code == 303  # to the sign-in: the session has ended
    with they.site.transaction() as session:
        user = session.get_one(User, joined.actor.user_id)
        assert user.name == "Dr Nadia Berger"
        assert all(key.revoked_at for key in user.keys)


def test_a_disabled_person_and_people_of_other_roles_are_no_guests(they: Panels) -> None:
    they.site.person(email="gone@example.org", disabled_at=clock.now())
    they.site.person(Role.SYSTEM_ADMIN, hcp=None, email="admin@example.org")
    assert "It is disabled" in invite(they, email="gone@example.org").text
    assert "takes part in no panel" in invite(they, email="admin@example.org").text


def test_a_health_professional_is_invited_as_an_expert_and_that_is_said(they: Panels) -> None:
    colleague = they.site.person(hcp="GR01", name="Dr Colleague", email=EMAIL)
    page = they.coordinator.follow(invite(they)).text
    assert "Dr Colleague is a health professional on this site" in page
    assert seat_of(they.site).until is None
    clock.offset += timedelta(days=200)
    again = they.site.sign_in_again(colleague.actor.user_id)
    assert again.get(they.panel).status_code == 200


def test_a_guest_who_becomes_a_professional_stays_as_a_member_without_an_end(
    they: Panels, guest: Guest
) -> None:
    guest.browser.post(f"{they.panel}/answer", {"answer": "accept"})
    with they.site.transaction() as session:
        user = session.get_one(User, guest.user_id)
        user.hcp_id = factories.hcp_id(session, "FR30")
        factories.give_role(session, user, Role.PROFESSIONAL, hcp="FR30")
    assert str(guest.user_id) in read(they.lead, f"{they.panel}/members").partition("<form")[2]
    form = {"invite": str(guest.user_id), "role": "member"}
    assert they.lead.post(f"{they.panel}/members", form).status_code == 303
    seat = seat_of(they.site)
    assert (seat.until, seat.state) == (None, "accepted")
    clock.offset += timedelta(days=100)
    assert guest.sign_in_later().get(they.panel).status_code == 200


def test_an_expired_guest_blocks_no_sign_off_and_the_word_given_before_stays(
    they: Panels,
) -> None:
    silent, heard = Guest(they), Guest(they, "heard@example.org", name="Dr Heard")
    for one in (silent, heard):
        one.browser.post(f"{they.panel}/answer", {"answer": "accept"})
    they.discuss().draft().put()
    url = f"{they.panel}/outcome"
    for browser in (they.ghent, they.lyon, heard.browser):
        sent = browser.post(f"{url}/position", {"verdict": "agree", "seen": "1"})
        assert sent.status_code == 303, sent.text
    page = read(they.lead, url)
    assert "Not answered yet: Dr Nadia Berger." in page and "Sign with your" not in page
    assert change_end(they, silent, 0).status_code == 303
    assert change_end(they, heard, 0).status_code == 303
    clock.offset += timedelta(days=1)
    lead = they.site.sign_in_again(they.lead.actor.user_id)
    page = read(lead, url)
    assert "Sign with your security key" in page
    assert "Dr Heard" in page and "Dr Nadia Berger" not in page.partition("<main")[2]
    assert "Sign the outcome" in read(lead, "/")


def test_a_guest_without_a_role_is_not_taken_for_an_unused_account(
    they: Panels, guest: Guest
) -> None:
    they.site.person(None, hcp=None, name="Long Gone")
    clock.offset += timedelta(days=60)
    with they.site.transaction() as session:
        assert remove_unused(session) == 1
        assert session.get(User, guest.user_id) is not None


def test_the_audit_tells_who_was_invited_and_until_when(they: Panels, guest: Guest) -> None:
    events = they.site.events()
    assert events.count("panel:guest:invited") == events.count("site:person:invited") == 1
    audit = read(they.coordinator, "/audit")
    assert "invited a guest to a panel" in audit
    mine = guest.read("/audit/mine")
    assert "invited a person" in mine
    assert not re.search(they.pseudonym, mine)


def test_the_seat_ends_also_where_the_case_stays_open_through_another_panel(
    they: Panels, guest: Guest
) -> None:
    until = seat_of(they.site).until
    with they.site.transaction() as session:
        share = session.scalars(select(CaseShare).where(CaseShare.user_id == guest.user_id)).one()
        assert share.until == until
        share.until = None
    clock.offset += timedelta(days=15)
    browser = guest.sign_in_later()
    assert browser.get(f"/cases/{they.case_id}").status_code == 200
    assert browser.get(they.panel).status_code == 404
