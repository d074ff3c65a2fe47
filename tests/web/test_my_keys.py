"""The own keys: a second one, names, and removing one."""

import re

from tests.site import ORIGIN, TestSite
from tests.softkey import SoftKey
from tests.web.key_person import Person, is_in


def add_key(ana: Person, key: SoftKey | None = None) -> SoftKey:
    browser, key = ana.sign_in(), key or SoftKey(ORIGIN)
    assert "Enrol the new key" in browser.post("/me/keys/add").text
    given = browser.post("/me/keys/begin", json={}).json()
    answer = {"ceremony": given["ceremony"], "credential": key.enrol(given["publicKey"])}
    done = browser.post("/me/keys/finish", json=answer)
    assert done.json() == {"redirect": "/me"}, done.text
    return key


def keys_on(page: str) -> list[str]:
    return re.findall(r'action="(/me/keys/[0-9a-f-]+)/name"', page)


def test_a_second_key_signs_in_like_the_first(site: TestSite) -> None:
    ana = Person(site)
    assert "You have one key." in ana.sign_in().get("/me").text
    first, ana.key = ana.key, add_key(ana)
    page = ana.sign_in().get("/me").text
    assert "Security key 2" in page and "You have one key." not in page
    ana.key = first
    assert is_in(ana.sign_in())


def test_a_key_is_added_only_after_one_of_before_was_touched(site: TestSite) -> None:
    browser = Person(site).sign_in()
    refused = browser.post("/me/keys/begin", json={})
    assert refused.status_code == 403
    assert "no key was added" in refused.text


def test_one_touch_adds_one_key(site: TestSite) -> None:
    browser = Person(site).sign_in()
    browser.post("/me/keys/add")
    begun = [browser.post("/me/keys/begin", json={}).json() for _ in range(2)]
    answers = [
        {"ceremony": one["ceremony"], "credential": SoftKey(ORIGIN).enrol(one["publicKey"])}
        for one in begun
    ]
    statuses = [browser.post("/me/keys/finish", json=one).status_code for one in answers]
    assert statuses == [200, 403]
    assert browser.post("/me/keys/begin", json={}).status_code == 403
    assert len(keys_on(browser.get("/me").text)) == 2


def test_the_options_leave_out_keys_that_are_enrolled(site: TestSite) -> None:
    ana = Person(site)
    browser = ana.sign_in()
    browser.post("/me/keys/add")
    options = browser.post("/me/keys/begin", json={}).json()["publicKey"]
    assert len(options["excludeCredentials"]) == 1


def test_nobody_finishes_what_another_session_began(site: TestSite) -> None:
    ana = Person(site)
    here, there = ana.sign_in(), ana.sign_in()
    here.post("/me/keys/add")
    there.post("/me/keys/add")
    given = here.post("/me/keys/begin", json={}).json()
    key = SoftKey(ORIGIN).enrol(given["publicKey"])
    answer = {"ceremony": given["ceremony"], "credential": key}
    assert there.post("/me/keys/finish", json=answer).status_code == 422
    assert len(keys_on(here.get("/me").text)) == 1


def test_a_key_has_the_name_its_owner_gives_it(site: TestSite) -> None:
    browser = Person(site).sign_in()
    [key] = keys_on(browser.get("/me").text)
    page = browser.follow(browser.post(f"{key}/name", {"label": "  Κλειδί  <b> "})).text
    assert "Κλειδί &lt;b&gt;" in page
    for wrong in ("", "x" * 61, "a\u202eb"):
        assert browser.post(f"{key}/name", {"label": wrong}).status_code == 422
    assert site.person().post(f"{key}/name", {"label": "mine"}).status_code == 404


def test_a_removed_key_ends_its_sessions_and_signs_nobody_in(site: TestSite) -> None:
    ana = Person(site)
    first = ana.key
    ana.key = add_key(ana)
    with_second = ana.sign_in()
    ana.key = first
    with_first = ana.sign_in()
    one, two = keys_on(with_first.get("/me").text)
    assert with_first.post(f"{two}/remove").status_code == 303
    assert not is_in(with_second)
    assert is_in(with_first)
    assert "Security key 2" not in with_first.get("/me").text
    assert "site:key:removed" in site.events()
    refused = with_first.post(f"{one}/remove")
    assert refused.status_code == 403
    assert "your last key that works" in refused.text
    assert is_in(ana.sign_in())


def test_nobody_removes_somebody_elses_key(site: TestSite) -> None:
    ana = Person(site)
    [key] = keys_on(ana.sign_in().get("/me").text)
    assert site.person().post(f"{key}/remove").status_code == 404
    assert is_in(ana.sign_in())


def test_all_other_sessions_end_at_once(site: TestSite) -> None:
    ana = Person(site)
    here, there, elsewhere = ana.sign_in(), ana.sign_in(), ana.sign_in()
    assert "signed in here only" in here.follow(here.post("/me/sessions/end-others")).text
    assert [is_in(one) for one in (here, there, elsewhere)] == [True, False, False]
    there = ana.sign_in()
    assert here.post("/me/sessions/end-all").headers["location"] == "/sign-in"
    assert not is_in(here) and not is_in(there)
