"""Providers and browsers that lie, over real HTTP: nobody is named, and the round trip is over."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from httpx import Response

from cpms_core.identity import openid_provider
from tests.engines import SqliteTemplate
from tests.openid import fake as signing
from tests.openid.fake import FakeProvider
from tests.openid.sites import (
    BACK,
    begin,
    begin_link,
    come_back,
    knowing,
    link,
    linked,
    of_fake,
    refusal,
    round_trips,
    touch,
)
from tests.site import Browser, Live, TestSite
from tests.web.key_person import Person, is_in


class Attack:
    """A site that trusts a fake provider, and somebody who has linked an account there."""

    def __init__(self, site: TestSite, fake: FakeProvider) -> None:
        self.site, self.fake = site, fake
        self.ana = Person(site)
        link(site, self.ana, fake.issuer, "ana")
        self.browser = site.browser()

    def begin(self) -> dict[str, str]:
        sent = begin(self.browser)
        self.fake.claims.setdefault("nonce", sent["nonce"])
        return sent

    def come_back(self, browser: Browser | None = None, *, state: str, iss: str = "…") -> Response:
        iss = self.fake.issuer if iss == "…" else iss
        sent = {"code": "c0de", "state": state, "iss": iss}
        return (browser or self.browser).post("/sign-in/openid/finish", sent)

    def go_through(self, iss: str = "…") -> Response:
        return self.come_back(state=self.begin()["state"], iss=iss)

    def ensure_nothing(self, answer: Response, status: int = 422) -> None:
        assert answer.status_code == status, answer.text
        assert round_trips(self.site) == 0, "the round trip can be used again"
        assert not is_in(self.browser)
        assert "site:openid:named" not in self.site.events()


@pytest.fixture
def site(_live: Live, sqlite_template: SqliteTemplate, tmp_path: Path) -> Iterator[TestSite]:
    """On SQLite alone: what lies here is not the store."""
    with sqlite_template.copy(tmp_path) as engine, TestSite(_live, engine, tmp_path) as made:
        yield made


@pytest.fixture
def attack(site: TestSite) -> Iterator[Attack]:
    with FakeProvider() as fake, knowing(site, of_fake(fake)):
        yield Attack(site, fake)


def test_the_fake_provider_is_believed_when_it_does_not_lie(attack: Attack) -> None:
    """Or what follows would be refused for nothing."""
    assert touch(attack.ana, attack.browser, attack.go_through()).status_code == 200
    assert is_in(attack.browser)


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"iss": "https://evil.example"}, "wrong_issuer"),
        ({"aud": "somebody-else"}, "wrong_audience"),
        ({"aud": ["somebody-else"]}, "wrong_audience"),
        ({"aud": ["cpms", "somebody-else"]}, "wrong_audience"),
        ({"aud": ["cpms", "else"], "azp": "else"}, "wrong_audience"),
        ({"azp": "else"}, "wrong_audience"),
        ({"nonce": "another"}, "wrong_nonce"),
        ({"nonce": None}, "bad_token"),
        ({"nonce": ""}, "wrong_nonce"),
        ({"exp": None}, "bad_token"),
        ({"exp": "never"}, "bad_token"),
        ({"iat": None}, "bad_token"),
        ({"aud": None}, "bad_token"),
        ({"aud": {"cpms": 1}}, "bad_token"),
        ({"sub": None}, "bad_token"),
        ({"sub": ""}, "bad_token"),
        ({"sub": ["ana"]}, "bad_token"),
        ({"sub": "ana\u0000"}, "bad_token"),
        ({"sub": "a" * 256}, "bad_token"),
    ],
    ids=str,
)
def test_a_claim_that_is_not_as_it_must_be(
    attack: Attack, claims: dict[str, Any], reason: str
) -> None:
    attack.fake.claims = claims
    attack.ensure_nothing(attack.go_through())
    assert refusal(attack.site) == reason


@pytest.mark.parametrize(
    ("claim", "seconds", "is_refused"),
    [
        ("exp", -65, True),
        ("exp", -30, False),
        ("iat", 120, True),
        ("iat", 30, False),
        ("iat", -3600, True),
    ],
)
def test_a_token_of_another_time(
    attack: Attack, claim: str, seconds: int, *, is_refused: bool
) -> None:
    attack.fake.claims = {claim: int(time.time()) + seconds}
    answer = attack.go_through()
    if is_refused:
        attack.ensure_nothing(answer)
        assert refusal(attack.site) == "expired_token"
    else:
        assert answer.status_code == 200


@pytest.mark.parametrize(
    "sign",
    [
        signing.unsigned,
        signing.with_the_public_key_as_secret,
        signing.with_its_own_key,
        signing.changed,
        signing.deep,
        lambda *_: "",
        lambda *_: "a.b.c",
        lambda *_: "é.\ud800.x".encode("utf-8", "replace").decode(),
    ],
)
def test_a_token_that_the_provider_did_not_sign(attack: Attack, sign: signing.Sign) -> None:
    attack.fake.sign = sign
    attack.ensure_nothing(attack.go_through())
    assert refusal(attack.site) == "bad_token"


def test_a_secret_among_the_providers_keys_signs_nothing(attack: Attack) -> None:
    shared = {"kty": "oct", "k": "c2hhcmVk" * 8, "kid": "one"}
    attack.fake.bodies["/jwks"] = json.dumps({"keys": [shared]}).encode()
    attack.fake.sign = signing.with_the_public_key_as_secret
    attack.ensure_nothing(attack.go_through())


@pytest.mark.parametrize(("acr", "is_enough"), [("two", True), ("one", False), (None, False)])
def test_how_one_signed_in_there_must_be_enough(
    site: TestSite, acr: str | None, is_enough: bool
) -> None:
    with FakeProvider() as fake, knowing(site, of_fake(fake, acr_values=("two", "three"))):
        attack = Attack(site, fake)
        fake.claims = {"acr": acr}
        sent = attack.begin()
        assert sent["acr_values"] == "two three"
        answer = attack.come_back(state=sent["state"])
        if is_enough:
            assert answer.status_code == 200
            return
        attack.ensure_nothing(answer)
        assert "needs a stronger sign-in" in answer.text


@pytest.mark.parametrize("iss", ["https://evil.example", ""])
def test_a_mixed_up_issuer_gets_no_code(attack: Attack, iss: str) -> None:
    attack.ensure_nothing(attack.go_through(iss=iss))
    assert refusal(attack.site) == "wrong_issuer"
    assert "/token" not in attack.fake.asked


def test_a_foreign_issuer_is_refused_also_where_none_is_announced(attack: Attack) -> None:
    attack.fake.described = {"authorization_response_iss_parameter_supported": False}
    attack.ensure_nothing(attack.go_through(iss="https://evil.example"))
    attack.fake.claims = {}
    assert attack.go_through(iss="").status_code == 200


def test_a_code_of_one_provider_is_not_shown_to_another(site: TestSite) -> None:
    with FakeProvider() as honest, FakeProvider() as evil:
        providers = of_fake(honest), of_fake(evil, key="evil", title="Evil")
        with knowing(site, *providers):
            attack = Attack(site, honest)
            state = begin(attack.browser, "evil")["state"]
            attack.ensure_nothing(attack.come_back(state=state, iss=honest.issuer))
            assert not {"/token"} & {*honest.asked, *evil.asked}


def test_a_round_trip_is_used_once(attack: Attack) -> None:
    state = attack.begin()["state"]
    assert attack.come_back(state=state).status_code == 200
    asked = len(attack.fake.asked)
    assert attack.come_back(state=state).status_code == 422
    assert len(attack.fake.asked) == asked, "the provider was asked again"


def test_a_failure_uses_it_up_too(attack: Attack) -> None:
    state = attack.begin()["state"]
    attack.fake.bodies["/token"] = b"{}"
    assert attack.come_back(state=state).status_code == 503
    del attack.fake.bodies["/token"]
    attack.ensure_nothing(attack.come_back(state=state))


@pytest.mark.parametrize("state", ["", "x", "é" * 50, "x" * 3000])
def test_a_state_that_was_never_given(attack: Attack, state: str) -> None:
    before = attack.site.events()
    attack.ensure_nothing(attack.come_back(state=state))
    assert attack.site.events() == before
    assert attack.fake.asked == []


def test_a_state_of_another_browser_is_refused_and_over(attack: Attack) -> None:
    """Somebody lures Ana into finishing what the attacker began, or steals what Ana began."""
    state = attack.begin()["state"]
    other = attack.site.browser()
    begin(other)
    assert attack.come_back(other, state=state).status_code == 422
    assert attack.come_back(attack.site.browser(), state=state).status_code == 422
    assert attack.come_back(state=state).status_code == 422
    assert "/token" not in attack.fake.asked


def test_the_keys_token_is_no_state_and_a_state_no_token(attack: Attack) -> None:
    state = attack.begin()["state"]
    assert attack.browser.post("/sign-in/openid/key", json={"token": state}).status_code == 422
    named = attack.come_back(state=state).text
    token = named.partition('name="token" value="')[2].partition('"')[0]
    asked = len(attack.fake.asked)
    assert attack.come_back(state=token).status_code == 422
    assert len(attack.fake.asked) == asked, "the provider was asked again"


def test_another_site_cannot_finish_in_anas_browser(attack: Attack) -> None:
    state = attack.begin()["state"]
    foreign = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
    form = {"code": "c", "state": state, "iss": attack.fake.issuer}
    answer = attack.browser.post("/sign-in/openid/finish", form, headers=foreign)
    assert answer.status_code == 403
    assert round_trips(attack.site) == 1


def test_signed_in_it_needs_the_own_form_token(attack: Attack) -> None:
    browser = attack.ana.sign_in()
    sent = begin_link(browser)
    attack.fake.claims = {"nonce": sent["nonce"], "sub": "new"}
    form = {"code": "c", "state": sent["state"], "iss": attack.fake.issuer}
    refused = browser.post("/sign-in/openid/finish", form, headers={"X-CSRF-Token": "x" * 43})
    assert refused.status_code == 403
    assert linked(attack.site) == [("ana", attack.ana.user_id)]


@pytest.mark.parametrize(
    ("described", "reason"),
    [
        ({"issuer": "https://evil.example"}, "wrong_issuer"),
        ({"issuer": None}, "bad_answer"),
        ({"token_endpoint": "https://evil.example/token"}, "foreign_address"),
        ({"token_endpoint": "http://127.0.0.1:1/token"}, "foreign_address"),
        ({"token_endpoint": "http://169.254.169.254/latest"}, "foreign_address"),
        ({"jwks_uri": "file:///etc/passwd"}, "foreign_address"),
        ({"jwks_uri": "http://[::1]/jwks"}, "foreign_address"),
        ({"authorization_endpoint": "javascript:alert(1)"}, "foreign_address"),
        ({"authorization_endpoint": "//evil.example"}, "foreign_address"),
    ],
    ids=str,
)
def test_a_description_that_leads_elsewhere_is_refused(
    attack: Attack, described: dict[str, Any], reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    attack.fake.described = described
    answer = attack.browser.post("/sign-in/openid/fake", {})
    attack.ensure_nothing(answer, 503 if reason == "bad_answer" else 422)
    assert reason.replace("bad_answer", "something else") in caplog.text
    assert "location" not in answer.headers


@pytest.mark.parametrize(
    "tail", ["@evil.example/", ".evil.example/", "evil", "0/token", "\\@evil/"]
)
def test_an_address_that_only_looks_like_the_issuers(attack: Attack, tail: str) -> None:
    attack.fake.described = {"token_endpoint": attack.fake.issuer + tail}
    assert attack.browser.post("/sign-in/openid/fake", {}).status_code == 422


@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/token", "/jwks"])
def test_no_redirect_is_followed(attack: Attack, path: str) -> None:
    with FakeProvider() as canary:
        state = attack.begin()["state"]
        attack.fake.redirects[path] = f"{canary.issuer}{path}"
        attack.ensure_nothing(attack.come_back(state=state), 503)
        assert canary.asked == []


BODIES = {
    "ten megabytes": b'{"id_token":"' + b"a" * 10_000_000 + b'"}',
    "deep": b"[" * 200_000,
    "no JSON": b"<html>",
    "no object": b"[]",
    "empty": b"",
    "numbers": b'{"issuer":1,"id_token":2,"keys":3}',
    "no UTF-8": b'{"issuer":"\xff","id_token":"\xff","keys":["\xff"]}',
    "keys that are none": b'{"keys":[1,null,{"kty":"RSA"},{"kty":["RSA"]}]}',
}


@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/token", "/jwks"])
@pytest.mark.parametrize("what", BODIES)
def test_an_answer_that_is_none(attack: Attack, path: str, what: str) -> None:
    state = attack.begin()["state"]
    attack.fake.bodies[path] = BODIES[what]
    answer = attack.come_back(state=state)
    attack.ensure_nothing(answer, answer.status_code)
    assert answer.status_code in {422, 503}
    assert "Your security key alone signs you in" in answer.text


def test_a_description_of_ten_megabytes_is_too_long_however_right(attack: Attack) -> None:
    attack.fake.described = {"padding": "a" * 10_000_000}
    assert attack.browser.post("/sign-in/openid/fake", {}).status_code == 503
    attack.fake.described = {"padding": "a" * 100_000}
    assert attack.browser.post("/sign-in/openid/fake", {}).status_code == 303


@pytest.mark.parametrize("how", ["hangs", "trickles"])
@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/token"])
def test_a_provider_that_hangs_holds_nobody_up(
    attack: Attack, monkeypatch: pytest.MonkeyPatch, path: str, how: str
) -> None:
    monkeypatch.setattr(openid_provider, "PATIENCE", 1.5)
    state = attack.begin()["state"]
    getattr(attack.fake, how).add(path)
    started = time.monotonic()
    answer = attack.come_back(state=state)
    assert time.monotonic() - started < 4
    attack.ensure_nothing(answer, 503)
    assert refusal(attack.site) == "no_answer"
    assert is_in(attack.ana.sign_in()), "the key alone signs in"


def test_a_provider_that_is_down_is_told_and_the_key_alone_signs_in(site: TestSite) -> None:
    with FakeProvider() as fake:
        provider = of_fake(fake)
    with knowing(site, provider):
        answer = site.browser().post("/sign-in/openid/fake", {})
        assert answer.status_code == 503
        assert "Fake Login cannot be reached" in answer.text
        assert "Your security key alone signs you in as always." in answer.text
        assert "set-cookie" not in answer.headers
        assert is_in(Person(site).sign_in())


def test_the_verifier_and_the_nonce_are_fresh_and_hashed(attack: Attack) -> None:
    first, second = attack.begin(), attack.begin()
    for name in ("state", "nonce", "code_challenge"):
        assert first[name] != second[name]
    assert second["code_challenge_method"] == "S256" and len(second["code_challenge"]) == 43
    assert second["response_type"] == "code" and second["redirect_uri"] == BACK
    attack.fake.claims = {"nonce": second["nonce"]}
    attack.come_back(state=second["state"])
    assert "code_verifier=" in attack.fake.forms[-1]
    assert second["code_challenge"] not in attack.fake.forms[-1]


def test_a_secret_goes_into_the_body_where_only_that_is_spoken(
    site: TestSite, tmp_path: Path
) -> None:
    file = tmp_path / "secret"
    file.write_text("hush\n")
    with FakeProvider() as fake, knowing(site, of_fake(fake, client_secret_file=str(file))):
        attack = Attack(site, fake)
        fake.described = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
        assert attack.go_through().status_code == 200
        assert "client_secret=hush" in fake.forms[-1]


def test_trying_again_and_again_is_limited(attack: Attack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cpms_web.pages_openid.MOST_FROM_A_NETWORK", 3)
    answers = [attack.browser.post("/sign-in/openid/fake", {}).status_code for _ in range(5)]
    assert answers == [303, 303, 303, 429, 429]


def test_a_page_that_comes_back_shows_what_it_got_as_text(attack: Attack) -> None:
    sent = attack.begin()
    answer = come_back(attack.browser, f"{BACK}?code=%3Cb%3E&state={sent['state']}&iss=%22%3E")
    assert answer.status_code == 422
