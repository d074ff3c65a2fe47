"""People: the list, invitations, lost keys, ended accounts."""

import re
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from cpms_core.actor import Role
from cpms_core.clock import clock
from cpms_core.directory.models import Hcp
from cpms_core.identity.models import AccountLink, RoleGrant, User
from tests import factories
from tests.site import Browser, TestSite

INVITED = {
    "name": "Eva Nováková",
    "email": "Eva@Example.org ",
    "role": "professional",
    "hcp": "FR10",
    "ern": "",
    "specialty": "",
}


def administrator(site: TestSite) -> Browser:
    return site.person(Role.SYSTEM_ADMIN, hcp=None, name="Ada Admin")


def links(text: str) -> list[str]:
    return re.findall(r"http://localhost:8000/enrol/([\w-]{43})", text)


def codes(text: str) -> list[str]:
    return re.findall(r"<strong>(\w{4}-\w{4})</strong>", text)


def add_person(site: TestSite, name: str, *, with_key: bool = True, **values: Any) -> UUID:
    with site.transaction() as session:
        user = factories.make_user(session, name=name, **values)
        if with_key:
            factories.make_key(session, user)
        return user.id


def test_an_administrator_sees_everybody_and_how_they_get_in(site: TestSite) -> None:
    admin = administrator(site)
    add_person(site, "Kira Key")
    add_person(site, "Nora Nothing", with_key=False)
    add_person(site, "Dora Disabled", disabled_at=clock.now())
    page = admin.get("/people").text
    for row, badge in (
        ("Kira Key", "security key"),
        ("Nora Nothing", "no key, no link"),
        ("Dora Disabled", "disabled"),
    ):
        assert badge in page[page.index(row) :].partition("</li>")[0]
    assert "4 people" in page
    assert site.events() == ["site:people:listed"]


def test_a_centre_manager_sees_the_own_centre_only(site: TestSite) -> None:
    manager = site.person(Role.CENTRE_MANAGER)
    add_person(site, "Ours At Home")
    theirs = add_person(site, "Theirs Elsewhere", hcp=another_centre(site))
    page = manager.get("/people").text
    assert "Ours At Home" in page
    assert "Theirs Elsewhere" not in page
    assert manager.get("/people?q=elsewhere").text.count("Nobody fits") == 1
    for act in ("new-link", "disable", "enable"):
        assert manager.post(f"/people/{theirs}/{act}").status_code == 404


def another_centre(site: TestSite) -> str:
    with site.transaction() as session:
        return session.scalars(select(Hcp.code).where(Hcp.code != "FR10").limit(1)).one()


def test_a_coordinator_sees_the_people_of_the_own_ern(site: TestSite) -> None:
    coordinator = site.person(Role.COORDINATOR, ern="ithaca", name="Cora")
    add_person(site, "Dina Dispatcher", role=Role.DISPATCHER, ern="ithaca", hcp="CZ01")
    other = add_person(site, "Dora Elsewhere", role=Role.DISPATCHER, ern="erknet", hcp="CZ01")
    page = coordinator.get("/people").text
    assert "Dina Dispatcher" in page and "Dora Elsewhere" not in page
    assert "/people/invite" not in page
    assert coordinator.get(f"/people/{other}").status_code == 404


@pytest.mark.parametrize("role", [Role.PROFESSIONAL, Role.DISPATCHER])
def test_others_see_nobody(site: TestSite, role: Role) -> None:
    assert site.person(role).get("/people").status_code == 403
    assert site.events() == ["site:access:denied"]


def test_people_are_found_by_a_part_of_the_name_or_address(site: TestSite) -> None:
    admin = administrator(site)
    add_person(site, "Žluťoučká 100%_Kůň", email="kun@example.org")
    for search in ("kůň", "Žluť", "KUN@", "0%_"):
        assert "Žluťoučká" in admin.get("/people", params={"q": search}).text, search
    assert "Nobody fits" in admin.get("/people", params={"q": "1_0%"}).text


def test_an_invitation_shows_link_and_code_once(site: TestSite) -> None:
    admin = administrator(site)
    page = admin.post("/people/invite", INVITED)
    assert page.status_code == 200
    assert len(set(links(page.text))) == 1
    assert len(codes(page.text)) == 1
    assert page.headers["cache-control"] == "no-store"
    begin = f"/enrol/{links(page.text)[0]}/begin"
    assert site.browser().post(begin, json={"code": codes(page.text)[0]}).status_code == 200
    listed = admin.get("/people").text
    assert "Eva Nováková" in listed
    assert "link open" in listed
    assert links(listed) == codes(listed) == []
    assert "site:person:invited" in site.events()


def test_the_address_is_kept_in_one_spelling(site: TestSite) -> None:
    administrator(site).post("/people/invite", INVITED)
    with site.transaction() as session:
        assert "eva@example.org" in session.scalars(select(User.email)).all()


def test_a_link_that_was_not_used_is_shown_as_expired(site: TestSite) -> None:
    administrator(site).post("/people/invite", INVITED)
    clock.offset = timedelta(hours=73)
    assert "link expired" in administrator(site).get("/people").text


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"name": ""}, "full name"),
        ({"name": "x" * 200}, "full name"),
        ({"email": "eva"}, "address like name@hospital.eu"),
        ({"email": "eva@example.org\r\nBcc: x@example.org"}, "address like name@hospital.eu"),
        ({"role": "king"}, "Choose one of the roles"),
        ({"hcp": ""}, "where the person works"),
        ({"hcp": "XX99"}, "no centre with this code"),
        ({"role": "coordinator"}, "Choose the ERN"),
        ({"role": "coordinator", "ern": "nowhere"}, "Choose the ERN"),
    ],
)
def test_what_is_wrong_is_said_and_what_was_typed_is_kept(
    site: TestSite, change: dict[str, str], problem: str
) -> None:
    admin = administrator(site)
    page = admin.post("/people/invite", INVITED | {"specialty": "genetics"} | change)
    assert page.status_code == 422
    assert problem in page.text
    assert 'value="genetics"' in page.text
    with site.transaction() as session:
        assert session.scalars(select(AccountLink)).all() == []


def test_all_problems_are_said_at_once(site: TestSite) -> None:
    page = administrator(site).post("/people/invite", {"role": "professional"})
    assert page.status_code == 422
    assert "3 things have" in page.text


def test_a_coordinator_gets_the_role_and_the_base_profile(site: TestSite) -> None:
    new = INVITED | {"role": "coordinator", "ern": "ithaca", "hcp": "fr10 · whatever follows"}
    assert administrator(site).post("/people/invite", new).status_code == 200
    with site.transaction() as session:
        user = session.scalars(select(User).where(User.email == "eva@example.org")).one()
        assert {grant.role for grant in user.roles} == {"coordinator", "professional"}


@pytest.mark.parametrize("role", ["system_admin", "centre_manager", "coordinator", "guest"])
def test_a_centre_manager_hands_out_the_professional_only(site: TestSite, role: str) -> None:
    manager = site.person(Role.CENTRE_MANAGER)
    answer = manager.post("/people/invite", INVITED | {"role": role, "ern": "ithaca"})
    assert answer.status_code == 422
    assert manager.post("/people/invite", INVITED).status_code == 200


def test_a_centre_manager_invites_nobody_to_another_centre(site: TestSite) -> None:
    manager = site.person(Role.CENTRE_MANAGER)
    new = INVITED | {"hcp": another_centre(site)}
    assert manager.post("/people/invite", new).status_code == 403
    assert site.events() == ["site:access:denied"]


def test_nobody_gets_a_link_to_somebody_above_them(site: TestSite) -> None:
    """Whoever holds link and code can become the person."""
    manager = site.person(Role.CENTRE_MANAGER)
    above = add_person(site, "Boss", role=Role.SYSTEM_ADMIN, email="boss@example.org")
    coordinator = add_person(site, "Cora", role=Role.COORDINATOR, with_key=False)
    answer = manager.post("/people/invite", INVITED | {"email": "boss@example.org"})
    assert answer.status_code == 403
    for person in (above, coordinator):
        for act in ("new-link", "disable"):
            assert manager.post(f"/people/{person}/{act}").status_code == 403
    page = manager.get("/people").text + manager.get(f"/people/{above}").text
    for act in ("new-link", "disable", "recovery"):
        assert f"/people/{above}/{act}" not in page
    with site.transaction() as session:
        assert session.scalars(select(AccountLink)).all() == []
        assert session.get_one(User, above).disabled_at is None


def test_somebody_who_has_a_key_gets_the_role_and_no_link(site: TestSite) -> None:
    person = add_person(site, "Eva Nováková", email="eva@example.org")
    new = INVITED | {"role": "dispatcher", "ern": "ithaca"}
    page = administrator(site).post("/people/invite", new).text
    assert "nothing to pass on" in page
    assert links(page) == codes(page) == []
    with site.transaction() as session:
        roles = session.scalars(select(RoleGrant.role).where(RoleGrant.user_id == person)).all()
    assert sorted(roles) == ["dispatcher", "professional"]


@pytest.mark.parametrize("state", ["flagged_at", "revoked_at", "last_used_at"])
def test_one_person_alone_makes_no_link_for_somebody_who_had_a_key(
    site: TestSite, state: str
) -> None:
    """Neither does inviting the person once more."""
    admin = administrator(site)
    person = add_person(site, "Olga", with_key=False, email="eva@example.org")
    with site.transaction() as session:
        factories.make_key(session, session.get_one(User, person), **{state: clock.now()})
    refused = admin.post(f"/people/{person}/new-link")
    assert refused.status_code == 422
    assert "one person alone makes no link" in refused.text
    invited = admin.post("/people/invite", INVITED | {"role": "researcher", "ern": "ithaca"})
    assert links(refused.text) == links(invited.text) == []
    with site.transaction() as session:
        assert session.scalars(select(AccountLink)).all() == []


def test_a_new_link_ends_the_one_before(site: TestSite) -> None:
    admin = administrator(site)
    person = add_person(site, "Nora", with_key=False)
    first, second = (links(admin.post(f"/people/{person}/new-link").text)[0] for _ in range(2))
    assert site.browser().get(f"/enrol/{first}").status_code == 404
    assert site.browser().get(f"/enrol/{second}").status_code == 200


def test_nobody_renews_or_disables_themselves(site: TestSite) -> None:
    admin = administrator(site)
    administrator(site)
    for act in ("new-link", "disable"):
        assert admin.post(f"/people/{admin.actor.user_id}/{act}").status_code == 403
    own = admin.get(f"/people/{admin.actor.user_id}").text
    assert f"/people/{admin.actor.user_id}/" not in own


def test_whoever_manages_people_is_told_of_a_key_that_may_have_been_copied(site: TestSite) -> None:
    with site.transaction() as session:
        for name, has_another in (("Lena Locked", False), ("Tom Two", True)):
            user = factories.make_user(session, name=name)
            factories.make_key(session, user, flagged_at=clock.now())
            if has_another:
                factories.make_key(session, user)
    page = site.person(Role.CENTRE_MANAGER).get("/people").text
    for name, badge in (("Lena Locked", "key locked"), ("Tom Two", "another key locked")):
        row = page[page.index(name) :].partition("</li>")[0]
        assert badge in row and "may have been copied" in row, name


def test_a_disabled_person_can_be_let_back_in(site: TestSite) -> None:
    admin, owner = administrator(site), site.person(name="Olga Owner")
    path = f"/people/{owner.actor.user_id}"
    assert "can no longer sign in" in admin.follow(admin.post(f"{path}/disable")).text
    assert owner.get("/me").status_code == 303
    assert admin.post(f"{path}/new-link").status_code == 422
    assert "can sign in again" in admin.follow(admin.post(f"{path}/enable")).text
    assert owner.get("/me").status_code == 303, "sessions stay ended"
    assert site.sign_in_again(owner.actor.user_id).get("/me").status_code == 200


def test_a_link_of_a_disabled_person_is_dead(site: TestSite) -> None:
    admin = administrator(site)
    person = add_person(site, "Nora", with_key=False)
    link = links(admin.post(f"/people/{person}/new-link").text)[0]
    admin.post(f"/people/{person}/disable")
    assert site.browser().get(f"/enrol/{link}").status_code == 404


def test_names_are_text_and_nothing_else(site: TestSite) -> None:
    admin = administrator(site)
    evil = '"><script>alert(1)</script>'
    page = admin.post("/people/invite", INVITED | {"name": evil, "email": "x@example.org"})
    for text in (page.text, admin.get("/people").text):
        assert "<script>alert" not in text
        assert "&lt;script&gt;" in text


def test_a_person_that_does_not_exist_is_not_there(site: TestSite) -> None:
    admin = administrator(site)
    for act in ("new-link", "disable", "enable"):
        assert admin.post(f"/people/{UUID(int=7)}/{act}").status_code == 404
        assert admin.post(f"/people/7/{act}").status_code == 404


def give(browser: Browser, person: UUID, role: str, hcp: str = "", ern: str = "") -> int:
    form = {"role": role, "hcp": hcp, "ern": ern}
    return browser.post(f"/people/{person}/roles", form).status_code


def held(site: TestSite, person: UUID) -> list[str]:
    with site.transaction() as session:
        mine = RoleGrant.user_id == person, RoleGrant.revoked_at.is_(None)
        return sorted(session.scalars(select(RoleGrant.role).where(*mine)))


def grant_of(site: TestSite, person: UUID, role: Role) -> UUID:
    with site.transaction() as session:
        mine = RoleGrant.user_id == person, RoleGrant.role == role
        return session.scalars(select(RoleGrant.id).where(*mine)).one()


def test_a_role_that_is_given_counts_at_the_next_request_and_so_does_its_end(
    site: TestSite,
) -> None:
    admin, ana = administrator(site), site.person(name="Ana")
    person = ana.actor.user_id
    assert ana.get("/erns").status_code == 403
    assert give(admin, person, "dispatcher", "FR10", "ithaca") == 303
    assert ana.get("/erns").status_code != 403
    assert "Dispatcher of ERN ITHACA" in admin.get(f"/people/{person}").text
    grant = grant_of(site, person, Role.DISPATCHER)
    assert admin.post(f"/roles/{grant}/end").status_code == 303
    assert ana.get("/erns").status_code == 403
    assert admin.post(f"/roles/{grant}/end").status_code == 422
    assert held(site, person) == ["professional"]
    assert {"site:role:granted", "site:role:revoked"} <= set(site.events())


def test_everybody_gives_and_takes_what_is_of_the_own_centre_or_ern(site: TestSite) -> None:
    manager = site.person(Role.CENTRE_MANAGER)
    coordinator = site.person(Role.COORDINATOR, ern="ithaca")
    person = add_person(site, "Ana", role=Role.RESEARCHER, ern="ithaca")
    assert give(manager, person, "professional", "FR10") == 303
    assert give(coordinator, person, "dispatcher", "", "ithaca") == 303
    assert held(site, person) == ["dispatcher", "professional", "researcher"]
    elsewhere = another_centre(site)
    assert give(manager, person, "professional", elsewhere) == 403
    for browser in (manager, coordinator):
        for role in ("system_admin", "centre_manager", "guest"):
            assert give(browser, person, role, "FR10", "ithaca") == 422
    assert give(manager, person, "coordinator", "FR10", "ithaca") == 422
    assert give(coordinator, person, "professional", "FR10") == 422
    assert give(coordinator, person, "coordinator", "", "erknet") == 422
    assert manager.post(f"/roles/{grant_of(site, person, Role.RESEARCHER)}/end").status_code == 403
    professional = grant_of(site, person, Role.PROFESSIONAL)
    assert coordinator.post(f"/roles/{professional}/end").status_code == 403
    assert manager.post(f"/roles/{professional}/end").status_code == 303
    assert held(site, person) == ["dispatcher", "researcher"]


def test_a_role_that_is_held_is_not_given_twice(site: TestSite) -> None:
    admin, person = administrator(site), add_person(site, "Ana")
    answer = admin.post(f"/people/{person}/roles", {"role": "professional", "hcp": "FR10"})
    assert answer.status_code == 422
    assert "holds this role already" in answer.text
    nothing = admin.post(f"/people/{person}/roles", {"role": "centre_manager", "hcp": ""})
    assert "the centre this role is for" in nothing.text


def test_nobody_changes_the_own_roles(site: TestSite) -> None:
    admin = administrator(site)
    administrator(site)
    own = admin.actor.user_id
    assert give(admin, own, "centre_manager", "FR10") == 403
    assert admin.post(f"/roles/{grant_of(site, own, Role.SYSTEM_ADMIN)}/end").status_code == 403
    assert held(site, own) == ["system_admin"]


def test_an_administrator_takes_anothers_role_but_never_the_last_ones(site: TestSite) -> None:
    first, second = administrator(site), administrator(site)
    grant = grant_of(site, second.actor.user_id, Role.SYSTEM_ADMIN)
    assert first.post(f"/roles/{grant}/end").status_code == 303
    assert second.get("/plugins").status_code == 403
    back = grant_of(site, first.actor.user_id, Role.SYSTEM_ADMIN)
    assert second.post(f"/roles/{back}/end").status_code == 403
    assert held(site, first.actor.user_id) == ["system_admin"]
