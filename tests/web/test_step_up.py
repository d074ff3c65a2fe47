"""What matters asks for a fresh touch of the own key: for this act, in this session, once."""

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from httpx import Response
from sqlalchemy import func, select

from cpms_core.actor import Role
from cpms_core.clock import clock
from cpms_core.identity.models import StepUp, User
from tests import factories
from tests.site import Browser, TestSite
from tests.web.key_person import Person, is_in

ADD, REMOVE = "add a security key", "remove a security key"


@pytest.fixture
def ana(site: TestSite) -> Person:
    return Person(site)


@pytest.fixture
def browser(ana: Person) -> Browser:
    return ana.sign_in()


def another_key(ana: Person) -> str:
    """The path of a second key of hers, which the tests remove."""
    with ana.site.transaction() as session:
        key = factories.make_key(session, session.get_one(User, ana.user_id), label="Spare")
        return f"/me/keys/{key.id}"


def begin(browser: Browser, act: str, subject: str = "") -> Response:
    return browser.post("/step-up/begin", json={"_act": act, "_subject": subject})


def touch(ana: Person, browser: Browser, act: str, subject: str = "", **changes: Any) -> Response:
    given = begin(browser, act, subject).json()
    credential = ana.key.sign_in(given["publicKey"], **changes.pop("key", {}))
    answer = {"ceremony": given["ceremony"], "credential": credential}
    return browser.post(
        "/step-up/finish", json=answer | {"_act": act, "_subject": subject} | changes
    )


def id_in(path: str) -> str:
    return path.rpartition("/")[2]


def test_the_page_asks_for_the_key_and_keeps_what_was_typed(browser: Browser) -> None:
    typed = {"reason": 'She said "no" & left', "more": ["a", "b"], "_once": "once-1"}
    page = browser.post("/me/keys/add", typed, touches=False)
    assert page.status_code == 403
    assert "You are about to <strong>add a security key</strong>" in page.text
    assert "Nothing has been done yet" in page.text
    fields = re.findall(r'name="([^"]+)" value="([^"]*)"', page.text)
    assert [(name, unescape(one)) for name, one in fields if name in typed] == [
        *(("reason", 'She said "no" & left'), ("more", "a"), ("more", "b"), ("_once", "once-1"))
    ]


def test_a_script_is_told_in_a_sentence_that_a_touch_is_missing(browser: Browser) -> None:
    asked: tuple[dict[str, Any], ...] = ({"json": {}}, {"headers": {"HX-Request": "true"}})
    for options in asked:
        answer = browser.post("/me/keys/add", touches=False, **options)
        assert answer.status_code == 403
        assert answer.json() == {"error": "Touch your security key to add a security key."}


def test_a_form_with_mistakes_leaves_the_touch_for_the_next_try(site: TestSite) -> None:
    admin = site.person(Role.SYSTEM_ADMIN, hcp=None)
    assert admin.post("/people/invite", {"name": "Eva"}).status_code == 422
    good = {"name": "Eva Nováková", "email": "eva@example.org", "role": "professional"}
    sent = admin.post("/people/invite", good | {"hcp": "FR10"}, touches=False)
    assert sent.status_code == 200
    assert admin.post("/people/invite", good | {"hcp": "FR10"}, touches=False).status_code == 403


def test_a_touch_lets_the_act_through_once(ana: Person, browser: Browser, site: TestSite) -> None:
    key = another_key(ana)
    assert browser.post(f"{key}/remove", touches=False).status_code == 403
    assert touch(ana, browser, REMOVE, id_in(key)).json() == {}
    assert browser.post(f"{key}/remove", touches=False).status_code == 303
    assert "site:session:stepped_up" in site.events()
    again = another_key(ana)
    assert browser.post(f"{again}/remove", touches=False).status_code == 403


def test_a_touch_for_one_act_or_thing_serves_no_other(ana: Person, browser: Browser) -> None:
    one, other = another_key(ana), another_key(ana)
    touch(ana, browser, REMOVE, id_in(one))
    touch(ana, browser, ADD)
    assert browser.post(f"{other}/remove", touches=False).status_code == 403
    assert browser.post(f"{one}/remove", touches=False).status_code == 303


def test_an_answer_to_one_act_confirms_no_other(ana: Person, browser: Browser) -> None:
    one, other = another_key(ana), another_key(ana)
    for changes in ({"_act": ADD}, {"_subject": id_in(other)}, {"_act": "own the site"}):
        answer = touch(ana, browser, REMOVE, id_in(one), **changes)
        assert answer.status_code == 422, changes
    assert touches(ana) == 0


def touches(ana: Person) -> int:
    with ana.site.transaction() as session:
        return session.scalar(select(func.count()).select_from(StepUp)) or 0


def test_after_five_minutes_it_is_asked_again(ana: Person, browser: Browser) -> None:
    key = another_key(ana)
    touch(ana, browser, REMOVE, id_in(key))
    clock.offset += timedelta(minutes=5, seconds=1)
    assert browser.post(f"{key}/remove", touches=False).status_code == 403


def test_a_touch_of_another_session_serves_nobody_here(ana: Person, browser: Browser) -> None:
    key = another_key(ana)
    elsewhere = ana.sign_in()
    touch(ana, elsewhere, REMOVE, id_in(key))
    assert browser.post(f"{key}/remove", touches=False).status_code == 403


def test_an_answer_cannot_be_given_twice_or_by_another_session(
    ana: Person, browser: Browser
) -> None:
    elsewhere = ana.sign_in()
    given = begin(browser, ADD).json()
    credential = ana.key.sign_in(given["publicKey"])
    answer = {"ceremony": given["ceremony"], "credential": credential, "_act": ADD, "_subject": ""}
    assert elsewhere.post("/step-up/finish", json=answer).status_code == 422
    assert browser.post("/step-up/finish", json=answer).status_code == 422
    assert touches(ana) == 0


def test_a_key_that_was_not_unlocked_confirms_nothing(ana: Person, browser: Browser) -> None:
    assert touch(ana, browser, ADD, key={"flags": 1}).status_code == 422
    assert touch(ana, browser, ADD, key={"flags": 4}).status_code == 422
    assert touch(ana, browser, ADD, key={"origin": "https://evil.example"}).status_code == 422
    assert touches(ana) == 0


def test_the_ceremony_of_a_sign_in_is_no_step_up(ana: Person, browser: Browser) -> None:
    given = ana.begin(site_browser := ana.site.browser())
    credential = ana.key.sign_in(given["publicKey"])
    answer = {"ceremony": given["ceremony"], "credential": credential, "_act": ADD, "_subject": ""}
    assert browser.post("/step-up/finish", json=answer).status_code == 422
    given = begin(browser, ADD).json()
    answer = {"ceremony": given["ceremony"], "credential": ana.key.sign_in(given["publicKey"])}
    assert site_browser.post("/sign-in/finish", json=answer).status_code == 422
    assert not is_in(site_browser)


def test_an_act_that_is_refused_leaves_the_touch(ana: Person, browser: Browser) -> None:
    [own] = re.findall(r'action="(/me/keys/[0-9a-f-]+)/name"', browser.get("/me").text)
    touch(ana, browser, REMOVE, id_in(own))
    assert browser.post(f"{own}/remove", touches=False).status_code == 403
    spare = another_key(ana)
    assert browser.post(f"{own}/remove", touches=False).status_code == 303
    assert spare


def test_strangers_and_wrong_forms_get_no_ceremony(site: TestSite, browser: Browser) -> None:
    assert begin(site.browser(), ADD).status_code in {401, 403}
    for act, subject in (("", ""), ("rule the world", ""), (ADD, "x"), (ADD, "0" * 400)):
        assert begin(browser, act, subject).status_code == 422
