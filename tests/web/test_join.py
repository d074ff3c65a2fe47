"""Joining without an invitation, as a browser does it: an account with a key and nothing else."""

from typing import Any

import pytest
from httpx import Response
from sqlalchemy import func, select

from cpms_core.actor import Role
from cpms_core.identity.models import Challenge, RoleGrant, SecurityKey, User
from cpms_web.pages_join import MOST_FROM_A_NETWORK
from tests import factories
from tests.site import ORIGIN, Browser, TestSite
from tests.softkey import SoftKey, b64
from tests.web.access import ask, state_of
from tests.web.key_person import EMAIL, Person, is_in

NEW = {"name": "Dr Nadia Berger", "email": "Nadia@example.org"}


def count(site: TestSite, model: type[Any]) -> int:
    with site.transaction() as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


def begin(site: TestSite, typed: dict[str, str]) -> dict[str, Any]:
    begun = site.browser().post("/join/begin", json=typed)
    assert begun.status_code == 200, begun.text
    given: dict[str, Any] = begun.json()
    return given


def join(site: TestSite, typed: dict[str, str], key: SoftKey | None = None) -> Response:
    given = begin(site, typed)
    credential = (key or SoftKey(ORIGIN)).enrol(given["publicKey"])
    answer = {**typed, "ceremony": given["ceremony"], "credential": credential}
    return site.browser().post("/join/finish", json=answer)


def sign_in(site: TestSite, key: SoftKey, email: str) -> Browser:
    browser = site.browser()
    given = browser.post("/sign-in/begin", json={"email": email}).json()
    credential = key.sign_in(given["publicKey"])
    answer = {"ceremony": given["ceremony"], "credential": credential, "next": "/access/new"}
    browser.post("/sign-in/finish", json=answer)
    return browser


def test_from_the_sign_in_page_to_an_account_without_a_role(site: TestSite) -> None:
    assert 'href="/join"' in site.browser().get("/sign-in").text
    key = SoftKey(ORIGIN)
    done = join(site, NEW, key)
    assert done.json() == {"redirect": "/join/done"}
    told = site.browser().get("/join/done").text
    assert "If this address had an account here already" in told
    nadia = sign_in(site, key, "nadia@example.org")
    assert "Dr Nadia Berger" in nadia.get("/me").text
    assert count(site, RoleGrant) == 0
    # Two of one moment have no order.
    assert set(site.events()[:3]) == {
        "site:key:enrolled",
        "site:person:joined",
        "site:session:started",
    }


def test_whoever_joined_sees_the_own_things_and_nothing_else(site: TestSite) -> None:
    nobody = site.person(None, hcp=None)
    for path in ("/", "/me", "/me/preferences", "/access", "/access/new", "/help", "/audit"):
        assert nobody.get(path).status_code == 200, path
    for path in ("/search?q=tall", "/terms?q=tall", "/verify", "/centre", "/erns", "/people"):
        assert nobody.get(path).status_code == 403, path
    page = nobody.get("/").text
    assert "Nothing is open to you yet" in page
    assert 'href="/access"' in page
    assert "topbar-search" not in page
    assert 'href="/centre"' not in page


def test_a_known_address_looks_like_a_new_one_and_nothing_of_it_is_kept(site: TestSite) -> None:
    ana = Person(site)
    thief = SoftKey(ORIGIN)
    new, known = join(site, NEW), join(site, {**NEW, "email": EMAIL.upper()}, thief)
    assert (new.status_code, new.json()) == (known.status_code, known.json())
    assert _told(new) == _told(known)
    assert count(site, SecurityKey) == 2
    assert count(site, User) == 2
    offered = site.browser().post("/sign-in/begin", json={"email": EMAIL}).json()["publicKey"]
    assert [one["id"] for one in offered["allowCredentials"]] == [b64(ana.key.credential_id)]
    assert is_in(ana.sign_in())
    assert "site:key:refused" in site.events()


def test_a_disabled_address_looks_like_a_new_one_too(site: TestSite) -> None:
    with site.transaction() as session:
        user = factories.make_user(session, role=None, email="gone@example.org")
        user.disabled_at = user.created_at
    assert join(site, {**NEW, "email": "gone@example.org"}).json() == join(site, NEW).json()
    assert count(site, User) == 2


def test_what_the_key_is_asked_tells_nothing_of_the_address(site: TestSite) -> None:
    Person(site)
    new, known = begin(site, NEW), begin(site, {**NEW, "email": EMAIL})
    for given in (new, known):
        del given["ceremony"], given["publicKey"]["challenge"], given["publicKey"]["user"]
    assert new == known


def _told(answer: Response) -> dict[str, str]:
    mine = ("content-security-policy", "date")
    return {name: value for name, value in answer.headers.items() if name not in mine}


def test_an_answer_works_once_and_a_wrong_one_uses_it_up(site: TestSite) -> None:
    given = begin(site, NEW)
    key = SoftKey(ORIGIN)
    wrong = {**NEW, "ceremony": given["ceremony"], "credential": {"id": "AA"}}
    assert site.browser().post("/join/finish", json=wrong).status_code == 422
    right = {**wrong, "credential": key.enrol(given["publicKey"])}
    assert site.browser().post("/join/finish", json=right).status_code == 422
    assert count(site, User) == count(site, Challenge) == 0


def test_one_key_joins_once(site: TestSite) -> None:
    key = SoftKey(ORIGIN)
    join(site, NEW, key)
    again = join(site, {**NEW, "email": "other@example.org"}, key)
    assert again.status_code == 422
    assert "already enrolled" in again.text
    assert count(site, User) == 1


def test_another_ceremonys_challenge_does_not_join(site: TestSite) -> None:
    person = Person(site)
    given = person.begin(site.browser())
    options = begin(site, NEW)["publicKey"] | {"challenge": given["publicKey"]["challenge"]}
    credential = SoftKey(ORIGIN).enrol(options)
    answer = {**NEW, "ceremony": given["ceremony"], "credential": credential}
    assert site.browser().post("/join/finish", json=answer).status_code == 422
    assert count(site, User) == 1


@pytest.mark.parametrize(
    "wrong", [{"name": " "}, {"name": "x" * 121}, {"name": "A\u202eB"}, {"email": "nowhere"}]
)
def test_a_name_and_an_address_are_needed(site: TestSite, wrong: dict[str, str]) -> None:
    assert site.browser().post("/join/begin", json=NEW | wrong).status_code == 422
    assert count(site, Challenge) == 0


def test_whoever_is_signed_in_asks_at_once(site: TestSite) -> None:
    ana = site.person(Role.PROFESSIONAL)
    for path in ("/join", "/join/done"):
        assert ana.get(path).headers["location"] == "/access/new"


def test_nobody_floods_the_site_with_accounts(site: TestSite) -> None:
    tries = range(MOST_FROM_A_NETWORK + 1)
    answers = [site.browser().post("/join/begin", json=NEW).status_code for _ in tries]
    assert answers == [200] * MOST_FROM_A_NETWORK + [429]


def test_who_joined_under_somebody_elses_address_gets_nothing_by_the_invitation(
    site: TestSite,
) -> None:
    """Anybody could have typed the address: the invited person proves it with link and code."""
    key = SoftKey(ORIGIN)
    join(site, NEW, key)
    stranger = sign_in(site, key, NEW["email"])
    ask(stranger)
    admin = site.person(Role.SYSTEM_ADMIN, hcp=None)
    typed = {**NEW, "name": "Dr Nadia Berger-Nový", "role": "professional", "hcp": "CZ01"}
    page = admin.post("/people/invite", {**typed, "ern": "", "specialty": ""})
    assert page.status_code == 200, page.text
    assert "/enrol/" in page.text
    assert not is_in(stranger)
    asked = site.browser().post("/sign-in/begin", json={"email": NEW["email"]})
    assert b64(key.credential_id) not in asked.text
    assert state_of(site) == "withdrawn"
    assert "Dr Nadia Berger-Nový" in admin.get("/people").text
