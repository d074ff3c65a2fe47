"""Sign-in by way of a real OpenID provider, npm's `oidc-provider`: it names, the key proves."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from msgspec.structs import replace

from cpms_core.actor import Role
from cpms_core.clock import clock
from cpms_core.identity.joining import remove_unused
from cpms_core.identity.models import User
from cpms_core.settings import OpenIdProvider
from tests.openid.real import real_provider, sign_in_at
from tests.openid.sites import (
    BACK,
    begin,
    begin_key,
    begin_link,
    come_back,
    knowing,
    link,
    linked,
    refusal,
    round_trips,
    touch,
)
from tests.site import TestSite
from tests.web.key_person import Person, is_in

KEY = "eu-login"


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    with real_provider(BACK) as running:
        yield running


@pytest.fixture
def eu_login(issuer: str) -> OpenIdProvider:
    return OpenIdProvider(
        key=KEY,
        title="EU Login",
        issuer=issuer,
        client_id="cpms-public",
        scopes=("openid", "profile"),
    )


@pytest.fixture
def openid_site(site: TestSite, eu_login: OpenIdProvider) -> Iterator[TestSite]:
    with knowing(site, eu_login) as made:
        yield made


def test_from_the_button_to_the_session(openid_site: TestSite, issuer: str) -> None:
    ana, browser = Person(openid_site), openid_site.browser()
    link(openid_site, ana, issuer, "ana")
    page = browser.get("/sign-in?next=/me/preferences")
    assert "Sign in with EU Login" in page.text
    assert f"form-action 'self' {issuer};" in page.headers["content-security-policy"]
    sent = begin(browser, KEY, next="/me/preferences")
    assert "preferences" not in sent["_address"]
    named = come_back(browser, sign_in_at(sent["_address"], "ana"))
    assert "Now your security key" in named.text
    assert "Dr ana" in named.text
    assert 'name="next" value="/me/preferences"' in named.text
    assert not is_in(browser)
    assert touch(ana, browser, named).status_code == 200
    assert "Ana Nováková" in browser.get("/me").text
    assert openid_site.events()[-3:] == [
        "site:openid:named",
        "site:session:started",
        "site:profile:read",
    ]


@pytest.mark.parametrize(
    ("client", "secret"), [("cpms/confidential", "s3cret + %\n"), ("cpms-post", "another")]
)
def test_a_client_with_a_secret_proves_itself(
    site: TestSite, eu_login: OpenIdProvider, tmp_path: Path, client: str, secret: str
) -> None:
    file = tmp_path / "secret"
    file.write_text(secret)
    provider = replace(eu_login, client_id=client, client_secret_file=str(file))
    with knowing(site, provider):
        ana, browser = Person(site), site.browser()
        link(site, ana, provider.issuer, "ana")
        named = come_back(browser, sign_in_at(begin(browser, KEY)["_address"], "ana"))
        assert touch(ana, browser, named).status_code == 200


def test_a_client_with_a_wrong_secret_learns_nothing(
    site: TestSite, eu_login: OpenIdProvider, tmp_path: Path
) -> None:
    file = tmp_path / "secret"
    file.write_text("wrong")
    client = {"client_id": "cpms/confidential", "client_secret_file": str(file)}
    with knowing(site, replace(eu_login, **client)):
        browser = site.browser()
        come_back(browser, sign_in_at(begin(browser, KEY)["_address"], "ana"))
    assert refusal(site) == "code_refused"


def test_a_secret_that_cannot_be_read_is_told(
    site: TestSite,
    eu_login: OpenIdProvider,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with knowing(site, replace(eu_login, client_secret_file=str(tmp_path / "no"))):
        browser = site.browser()
        answer = come_back(browser, sign_in_at(begin(browser, KEY)["_address"], "ana"))
    assert answer.status_code == 503
    assert "not set up yet" in answer.text
    assert str(tmp_path) in caplog.text
    assert str(tmp_path) not in answer.text


def test_the_provider_alone_signs_nobody_in(openid_site: TestSite, issuer: str) -> None:
    ana, eva = Person(openid_site), Person(openid_site, "eva@example.org")
    browser = openid_site.browser()
    link(openid_site, ana, issuer, "ana")
    named = come_back(browser, sign_in_at(begin(browser, KEY)["_address"], "ana"))
    given = begin_key(browser, named)
    assert len(given["publicKey"]["allowCredentials"]) == 1
    given["publicKey"]["allowCredentials"] = []
    refused = browser.post("/sign-in/finish", json=eva.answer(given))
    assert refused.status_code == 422
    assert not is_in(browser)
    # The own key still can, for the provider's word holds for some minutes.
    assert touch(ana, browser, named).status_code == 200
    assert is_in(browser)


def test_the_providers_word_is_this_browsers_and_ends(openid_site: TestSite, issuer: str) -> None:
    ana, browser, other = Person(openid_site), openid_site.browser(), openid_site.browser()
    link(openid_site, ana, issuer, "ana")
    named = come_back(browser, sign_in_at(begin(browser, KEY)["_address"], "ana"))
    token = named.text.partition('name="token" value="')[2].partition('"')[0]
    assert other.post("/sign-in/openid/key", json={"token": token}).status_code == 422
    clock.offset = timedelta(minutes=5, seconds=1)
    assert browser.post("/sign-in/openid/key", json={"token": token}).status_code == 422


def test_whom_nobody_linked_is_told_what_to_do_and_nothing_is_stored(
    openid_site: TestSite,
) -> None:
    # The provider's account has the very address of somebody here, which proves nothing.
    Person(openid_site, "ana@example.org")
    browser = openid_site.browser()
    answer = come_back(browser, sign_in_at(begin(browser, KEY)["_address"], "ana@example.org"))
    assert answer.status_code == 403
    assert "link it on your profile" in answer.text
    assert 'href="/join"' in answer.text and 'href="/sign-in"' in answer.text
    assert refusal(openid_site) == "unknown"
    assert linked(openid_site) == [] and round_trips(openid_site) == 0
    assert not is_in(browser)


def test_a_disabled_person_is_refused(openid_site: TestSite, issuer: str) -> None:
    ana, browser = Person(openid_site), openid_site.browser()
    link(openid_site, ana, issuer, "ana")
    sent = begin(browser, KEY)
    admin = openid_site.person(Role.SYSTEM_ADMIN, hcp=None)
    assert admin.post(f"/people/{ana.user_id}/disable").status_code == 303
    answer = come_back(browser, sign_in_at(sent["_address"], "ana"))
    assert answer.status_code == 403
    assert "Your access here has ended" in answer.text
    assert refusal(openid_site) == "disabled"


def test_a_person_disabled_after_being_named_gets_no_session(
    openid_site: TestSite, issuer: str
) -> None:
    ana, browser = Person(openid_site), openid_site.browser()
    link(openid_site, ana, issuer, "ana")
    named = come_back(browser, sign_in_at(begin(browser, KEY)["_address"], "ana"))
    given = begin_key(browser, named)
    with openid_site.transaction() as session:
        session.get_one(User, ana.user_id).disabled_at = clock.now()
    assert browser.post("/sign-in/finish", json=ana.answer(given)).status_code == 422
    assert not is_in(browser)


def test_linking_takes_a_touch_and_then_signs_in(openid_site: TestSite) -> None:
    ana = Person(openid_site)
    browser = ana.sign_in()
    assert "Link EU Login" in browser.get("/me").text
    untouched = browser.post(f"/me/openid/{KEY}/link", touches=False)
    assert untouched.status_code == 403 and "link an account" in untouched.text
    assert browser.post(f"/me/openid/{KEY}/go").status_code == 403
    sent = begin_link(browser, KEY)
    done = come_back(browser, sign_in_at(sent["_address"], "ana at the hospital"))
    page = browser.follow(done).text
    assert "EU Login is linked" in page
    assert "never used" in page
    assert linked(openid_site) == [("ana at the hospital", ana.user_id)]
    assert "site:openid:linked" in openid_site.events()
    other = openid_site.browser()
    named = come_back(other, sign_in_at(begin(other, KEY)["_address"], "ana at the hospital"))
    assert touch(ana, other, named).status_code == 200
    assert is_in(other)


def test_one_touch_links_one_account(openid_site: TestSite) -> None:
    browser = Person(openid_site).sign_in()
    come_back(browser, sign_in_at(begin_link(browser, KEY)["_address"], "ana"))
    assert browser.post(f"/me/openid/{KEY}/go").status_code == 403


def test_somebody_elses_account_is_refused_plainly(openid_site: TestSite, issuer: str) -> None:
    ana, eva = Person(openid_site), Person(openid_site, "eva@example.org")
    link(openid_site, ana, issuer, "ana")
    browser = eva.sign_in()
    answer = come_back(browser, sign_in_at(begin_link(browser, KEY)["_address"], "ana"))
    assert answer.status_code == 409
    assert "linked to another person" in answer.text
    assert refusal(openid_site) == "taken"
    assert linked(openid_site) == [("ana", ana.user_id)]


def test_linking_after_the_session_ended_links_nothing(openid_site: TestSite) -> None:
    ana = Person(openid_site)
    browser = ana.sign_in()
    sent = begin_link(browser, KEY)
    back = sign_in_at(sent["_address"], "ana")
    browser.post("/sign-out")
    answer = come_back(browser, back)
    assert answer.status_code == 403
    assert "Nothing was linked" in answer.text
    assert refusal(openid_site) == "session_ended"
    assert linked(openid_site) == []


def test_linking_goes_to_the_session_that_began_it(openid_site: TestSite) -> None:
    ana, eva = Person(openid_site), Person(openid_site, "eva@example.org")
    browser = ana.sign_in()
    back = sign_in_at(begin_link(browser, KEY)["_address"], "ana")
    eva.sign_in(browser)
    assert come_back(browser, back).status_code == 403
    assert linked(openid_site) == []


def test_unlinking_ends_it_and_is_the_owners_alone(openid_site: TestSite) -> None:
    ana = Person(openid_site)
    browser = ana.sign_in()
    come_back(browser, sign_in_at(begin_link(browser, KEY)["_address"], "ana"))
    path = browser.get("/me").text.partition('action="/me/openid/')[2].partition('"')[0]
    assert openid_site.person().post(f"/me/openid/{path}").status_code == 404
    assert browser.post(f"/me/openid/{uuid4()}/unlink").status_code == 404
    assert "is unlinked" in browser.follow(browser.post(f"/me/openid/{path}")).text
    assert linked(openid_site) == []
    assert "site:openid:unlinked" in openid_site.events()
    other = openid_site.browser()
    answer = come_back(other, sign_in_at(begin(other, KEY)["_address"], "ana"))
    assert answer.status_code == 403
    assert is_in(ana.sign_in())


def test_who_cancels_there_signs_in_with_the_key(openid_site: TestSite, issuer: str) -> None:
    browser = openid_site.browser()
    state = begin(browser, KEY)["state"]
    answer = come_back(browser, f"{BACK}?error=access_denied&state={state}&iss={issuer}")
    assert answer.status_code == 422
    assert "Your security key alone signs you in" in answer.text
    assert refusal(openid_site) == "cancelled"


def test_one_way_back_leads_here_once(openid_site: TestSite, issuer: str) -> None:
    ana, browser = Person(openid_site), openid_site.browser()
    link(openid_site, ana, issuer, "ana")
    back = sign_in_at(begin(browser, KEY)["_address"], "ana")
    other = openid_site.browser()
    assert come_back(browser, back).status_code == 200
    for again in (browser, other):
        assert come_back(again, back).status_code == 422
    assert openid_site.events().count("site:openid:named") == 1


def test_the_cookie_is_this_browsers_alone_and_short(openid_site: TestSite) -> None:
    sent = openid_site.browser().post(f"/sign-in/openid/{KEY}", {})
    (cookie,) = sent.headers.get_list("set-cookie")
    assert cookie.startswith("openid=")
    assert {"HttpOnly", "Path=/", "SameSite=lax", "Max-Age=600"} <= set(cookie.split("; "))
    assert "Domain" not in cookie


def test_only_the_pages_that_lead_to_a_provider_may(openid_site: TestSite, issuer: str) -> None:
    browser = Person(openid_site).sign_in()
    for path in ("/me", "/", "/join"):
        assert issuer not in browser.get(path).headers["content-security-policy"]
    back = openid_site.browser().get("/sign-in/openid/back?code=a&state=b")
    assert "form-action 'self';" in back.headers["content-security-policy"]
    page = browser.post(f"/me/openid/{KEY}/link")
    assert f"form-action 'self' {issuer};" in page.headers["content-security-policy"]


def test_a_site_without_providers_offers_none(site: TestSite) -> None:
    assert "Sign in with EU" not in site.browser().get("/sign-in").text
    assert "Accounts elsewhere" not in site.person().get("/me").text
    assert site.browser().post(f"/sign-in/openid/{KEY}").status_code == 404


def test_new_keys_end_what_was_linked(openid_site: TestSite, issuer: str) -> None:
    ana = Person(openid_site)
    link(openid_site, ana, issuer, "ana")
    helpers = [openid_site.person(Role.SYSTEM_ADMIN, hcp=None) for _ in range(2)]
    helpers[0].post(f"/people/{ana.user_id}/recovery", {"reason": "Lost on the train."})
    page = helpers[1].get(f"/people/{ana.user_id}").text
    confirm = page.partition('action="/recoveries/')[2].partition('"')[0]
    assert helpers[1].post(f"/recoveries/{confirm}", {"checked": "on"}).status_code == 200
    assert linked(openid_site) == []


def test_an_unused_account_goes_with_what_it_linked(openid_site: TestSite, issuer: str) -> None:
    loner = openid_site.person(None)
    with openid_site.transaction() as session:
        session.get_one(User, loner.actor.user_id).created_at = clock.now() - timedelta(days=40)
    link(openid_site, loner.actor, issuer, "loner")
    with openid_site.transaction() as session:
        assert remove_unused(session) == 1
    assert linked(openid_site) == []


def test_what_comes_back_waits_for_a_button_without_a_script(openid_site: TestSite) -> None:
    page = openid_site.browser().get('/sign-in/openid/back?code=a"><b>&state=b&iss=c')
    assert "<b>" not in page.text.partition("<main")[2].replace("<body", "")
    assert 'type="submit"' in page.text
    assert openid_site.events() == []
    assert urlsplit(str(page.url)).path == "/sign-in/openid/back"
