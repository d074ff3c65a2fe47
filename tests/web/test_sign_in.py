"""Signing in, staying signed in and signing out, as a browser and as an attacker do it."""

import re
import secrets
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from cpms_core.actor import Role
from cpms_core.clock import clock
from cpms_core.identity.models import SecurityKey, SignInSession, User
from cpms_core.identity.people import new_ticket
from tests import factories
from tests.site import ORIGIN, TestSite
from tests.softkey import SoftKey
from tests.web.key_person import EMAIL, Person, is_in


def count(site: TestSite, model: type[Any]) -> int:
    with site.transaction() as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


def test_from_the_link_to_the_own_profile(site: TestSite) -> None:
    browser = Person(site).sign_in()
    assert "Ana Nováková" in browser.get("/me").text
    assert site.events() == ["site:key:enrolled", "site:session:started", "site:profile:read"]


def test_the_cookie_is_for_this_site_and_no_script(site: TestSite) -> None:
    person = Person(site)
    browser = site.browser()
    done = browser.post("/sign-in/finish", json=person.answer(person.begin(browser)))
    (cookie,) = done.headers.get_list("set-cookie")
    assert cookie.startswith("cpms=")
    assert {"HttpOnly", "Path=/", "SameSite=lax"} <= set(cookie.split("; "))
    assert "Domain" not in cookie


@pytest.mark.parametrize("email", ["nobody@example.org", "disabled@example.org"])
def test_an_unknown_and_a_disabled_address_look_like_a_known_one(
    site: TestSite, email: str
) -> None:
    person = Person(site)
    with site.transaction() as session:
        user = factories.make_user(session, email="disabled@example.org", disabled_at=clock.now())
        factories.make_key(session, user)
    known, other = site.browser(), site.browser()
    expected = person.begin(known)
    answer = other.post("/sign-in/begin", json={"email": email})
    assert answer.status_code == 200
    found = answer.json()
    assert found.keys() == expected.keys()
    assert found["publicKey"].keys() == expected["publicKey"].keys()
    assert len(found["publicKey"]["allowCredentials"]) == 1
    again = other.post("/sign-in/begin", json={"email": email}).json()
    assert again["publicKey"]["allowCredentials"] == found["publicKey"]["allowCredentials"]


def test_an_answer_works_once(site: TestSite) -> None:
    person = Person(site)
    browser = site.browser()
    answer = person.answer(person.begin(browser))
    assert browser.post("/sign-in/finish", json=answer).status_code == 200
    replayed = site.browser().post("/sign-in/finish", json=answer)
    assert replayed.status_code == 422
    assert "start again" in replayed.text
    assert count(site, SignInSession) == 1


def test_a_wrong_answer_uses_the_challenge_up_too(site: TestSite) -> None:
    person = Person(site)
    browser = site.browser()
    given = person.begin(browser)
    wrong = person.answer(given, signature=b"0" * 70)
    assert browser.post("/sign-in/finish", json=wrong).status_code == 422
    right = person.answer(given)
    assert browser.post("/sign-in/finish", json=right).status_code == 422
    assert count(site, SignInSession) == 0


def test_the_answer_to_somebody_elses_challenge_is_refused(site: TestSite) -> None:
    ana, eva = Person(site), Person(site, "eva@example.org")
    given = ana.begin(site.browser())
    given["publicKey"]["allowCredentials"] = []
    refused = site.browser().post("/sign-in/finish", json=eva.answer(given))
    assert refused.status_code == 422
    assert count(site, SignInSession) == 0


def test_a_challenge_is_over_after_five_minutes(site: TestSite) -> None:
    person = Person(site)
    given = person.begin(site.browser())
    clock.offset = timedelta(minutes=5, seconds=1)
    late = site.browser().post("/sign-in/finish", json=person.answer(given))
    assert late.status_code == 422


def test_a_cookie_chosen_by_an_attacker_never_becomes_a_session(site: TestSite) -> None:
    chosen = secrets.token_urlsafe(32)
    browser = site.browser(chosen)
    Person(site).sign_in(browser)
    assert browser.token != chosen
    assert not is_in(site.browser(chosen))
    assert is_in(browser)


def test_signing_in_again_ends_the_session_of_before(site: TestSite) -> None:
    person = Person(site)
    browser = person.sign_in()
    first = browser.token
    person.sign_in(browser)
    assert not is_in(site.browser(first))
    assert is_in(browser)


def test_signing_out_kills_the_session_everywhere(site: TestSite) -> None:
    browser = Person(site).sign_in()
    stolen = site.browser(browser.token)
    answer = browser.post("/sign-out")
    assert answer.headers["location"] == "/sign-in"
    assert "max-age=0" in answer.headers["set-cookie"].lower()
    assert answer.headers["clear-site-data"] == '"cache", "storage"'
    assert stolen.get("/me").status_code == 303
    assert stolen.post("/sign-out").status_code == 401


def test_a_session_ends_after_fifteen_idle_minutes(site: TestSite) -> None:
    browser = Person(site).sign_in()
    clock.offset = timedelta(minutes=14)
    assert is_in(browser)
    clock.offset = timedelta(minutes=28)
    assert is_in(browser)
    clock.offset = timedelta(minutes=43, seconds=1)
    assert not is_in(browser)


def test_a_session_ends_after_twelve_hours_however_busy(site: TestSite) -> None:
    browser = Person(site).sign_in()
    for minutes in range(0, 12 * 60, 14):
        clock.offset = timedelta(minutes=minutes)
        assert is_in(browser)
    clock.offset = timedelta(hours=12, seconds=1)
    assert not is_in(browser)


def test_a_clock_that_was_set_back_does_not_revive_a_session(site: TestSite) -> None:
    clock.offset = timedelta(hours=1)
    browser = Person(site).sign_in()
    clock.offset = timedelta()
    assert not is_in(browser)


def test_a_disabled_person_is_out_at_once(site: TestSite) -> None:
    person = Person(site)
    browser = person.sign_in()
    admin = site.person(Role.SYSTEM_ADMIN, hcp=None)
    assert admin.post(f"/people/{person.user_id}/disable").status_code == 303
    assert not is_in(browser)
    refused = browser.post("/sign-in/finish", json=person.answer(_known(person)))
    assert refused.status_code == 422


def _known(person: Person) -> dict[str, Any]:
    """What a begun sign-in would ask, with this person's key, for an address that has none now."""
    given = person.begin(person.site.browser())
    given["publicKey"]["allowCredentials"] = []
    return given


def test_a_copied_key_is_locked_and_its_session_ended(site: TestSite) -> None:
    person = Person(site)
    browser = person.sign_in()
    person.sign_in(site.browser())
    other = site.browser()
    fell = other.post("/sign-in/finish", json=person.answer(person.begin(other), counter=1))
    assert fell.status_code == 422
    assert "counter did not grow" in fell.text
    assert site.events()[-1] == "site:key:flagged"
    assert not is_in(browser)
    person.key.counter = 100
    again = other.post("/sign-in/finish", json=person.answer(person.begin(other)))
    assert again.status_code == 422
    assert "is locked" in again.text


def test_a_forged_counter_locks_nobody(site: TestSite) -> None:
    person = Person(site)
    person.sign_in()
    other = site.browser()
    forged = person.answer(person.begin(other), counter=0, signature=b"0" * 70)
    assert other.post("/sign-in/finish", json=forged).status_code == 422
    with site.transaction() as session:
        assert session.scalars(select(SecurityKey.flagged_at)).all() == [None]
    assert is_in(person.sign_in())


def test_a_locked_key_gives_way_to_a_new_one_by_two_people(site: TestSite) -> None:
    person = Person(site)
    with site.transaction() as session:
        for key in session.scalars(select(SecurityKey)):
            key.flagged_at = clock.now()
    admin, other = (site.person(Role.SYSTEM_ADMIN, hcp=None) for _ in range(2))
    admin.post(f"/people/{person.user_id}/recovery", {"reason": "The key is locked."})
    asked = _found(
        r'action="(/recoveries/[^"]*/confirm)"', other.get(f"/people/{person.user_id}").text
    )
    page = other.post(asked, {"checked": "on"}).text
    person.link = _found(r"<strong>http://localhost:8000(/enrol/[\w-]{43})</strong>", page)
    person.key = SoftKey(ORIGIN)
    given = person.begin_enrolment(_found(r"<strong>(\w{4}-\w{4})</strong>", page)).json()
    answer = {"ceremony": given["ceremony"], "credential": person.key.enrol(given["publicKey"])}
    assert site.browser().post(f"{person.link}/finish", json=answer).status_code == 200
    assert is_in(person.sign_in())


def _found(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    assert found is not None, pattern
    return found[1]


def test_a_link_is_useless_without_its_code_and_ends_after_five_wrong_ones(
    site: TestSite,
) -> None:
    with site.transaction() as session:
        user = factories.make_user(session)
        ticket = new_ticket(session, site.live.key, user, created_by=None)
    link = f"/enrol/{ticket.token}"
    for _ in range(5):
        assert site.browser().post(f"{link}/begin", json={"code": "AAAA-AAAA"}).status_code == 422
    assert site.browser().post(f"{link}/begin", json={"code": ticket.code}).status_code == 404
    assert count(site, SecurityKey) == 0


def test_a_link_enrols_one_key(site: TestSite) -> None:
    person = Person(site)
    assert person.begin_enrolment(person.code).status_code == 404
    assert site.browser().get(person.link).status_code == 404


def test_two_answers_to_one_link_enrol_one_key(site: TestSite) -> None:
    with site.transaction() as session:
        user = factories.make_user(session)
        ticket = new_ticket(session, site.live.key, user, created_by=None)
    link = f"/enrol/{ticket.token}"
    begun = [
        site.browser().post(f"{link}/begin", json={"code": ticket.code}).json() for _ in range(2)
    ]
    results = []
    for given in begun:
        credential = SoftKey(ORIGIN).enrol(given["publicKey"])
        answer = {"ceremony": given["ceremony"], "credential": credential}
        results.append(site.browser().post(f"{link}/finish", json=answer).status_code)
    assert results == [200, 404]
    assert count(site, SecurityKey) == 1


def test_looking_at_a_link_consumes_nothing(site: TestSite) -> None:
    with site.transaction() as session:
        user = factories.make_user(session, name="Eva <b>Braun</b>")
        ticket = new_ticket(session, site.live.key, user, created_by=None)
    for _ in range(3):
        page = site.browser().get(f"/enrol/{ticket.token}")
        assert page.status_code == 200
        assert "Eva &lt;b&gt;Braun&lt;/b&gt;" in page.text
    clock.offset = timedelta(hours=72, seconds=1)
    assert site.browser().get(f"/enrol/{ticket.token}").status_code == 404


def test_a_mail_scanner_uses_no_link_up_whatever_it_sends(site: TestSite) -> None:
    with site.transaction() as session:
        ticket = new_ticket(session, site.live.key, factories.make_user(session), created_by=None)
    link = f"/enrol/{ticket.token}"
    for method in ("HEAD", "OPTIONS", "GET", "PUT"):
        site.browser()._send(method, link)
    site.browser().post(link)
    assert site.browser().post(f"{link}/begin", json={"code": ticket.code}).status_code == 200
    assert site.browser().get(link).headers["referrer-policy"] == "no-referrer"


def test_a_link_is_its_persons_whoever_is_signed_in_where_it_is_opened(site: TestSite) -> None:
    eva = site.person(name="Eva Braun")
    with site.transaction() as session:
        ana = factories.make_user(session, name="Ana Nova")
        ticket = new_ticket(session, site.live.key, ana, created_by=None)
    link = f"/enrol/{ticket.token}"
    assert "Ana Nova" in eva.get(link).text
    begun = eva.post(f"{link}/begin", json={"code": ticket.code}).json()
    answer = {"credential": SoftKey(ORIGIN).enrol(begun["publicKey"])}
    done = eva.post(f"{link}/finish", json={"ceremony": begun["ceremony"], **answer})
    assert done.status_code == 200, done.text
    with site.transaction() as session:
        keys = session.scalars(select(SecurityKey).where(SecurityKey.user_id == ana.id)).all()
    assert len(keys) == 1
    assert "Eva Braun" in eva.get("/me").text, "nobody has become somebody else"


TARGETS = ("//evil.example", "/\\evil.example", "https://evil.example", "javascript:alert(1)")


def test_signing_in_leads_to_a_page_of_this_site_only(site: TestSite) -> None:
    person = Person(site)
    for target in TARGETS:
        browser = site.browser()
        answer = person.answer(person.begin(browser)) | {"next": target}
        assert browser.post("/sign-in/finish", json=answer).json() == {"redirect": "/"}, target


NONSENSE: tuple[object, ...] = (
    [],
    {"ceremony": 5, "credential": {}},
    {"ceremony": "x", "credential": []},
    {"ceremony": "0" * 36, "credential": {"id": ["a"]}},
    {"email": ["a@example.org"]},
    {"email": "x" * 1_000_000},
    None,
)


@pytest.mark.parametrize("path", ["/sign-in/begin", "/sign-in/finish"])
def test_nonsense_is_refused_and_never_a_fault(site: TestSite, path: str) -> None:
    for body in NONSENSE:
        answer = site.browser().post(path, json=body, headers={"Accept": "application/json"})
        assert answer.status_code == 422, str(body)[:40]
        assert answer.json()["error"]


def test_the_store_holds_no_secret_that_opens_anything(site: TestSite) -> None:
    browser = Person(site).sign_in()
    with site.transaction() as session:
        row = session.scalars(select(SignInSession)).one()
        assert browser.token.encode() not in row.token_hash
        assert session.scalars(select(User.email)).one() == EMAIL
    assert not is_in(site.browser(row.token_hash.hex()))
