"""Browsers that come back with what is not theirs, twice, or from another provider."""

import pytest

from tests.openid.attack import Attack
from tests.openid.fake import FakeProvider
from tests.openid.sites import (
    BACK,
    begin,
    begin_link,
    come_back,
    knowing,
    linked,
    of_fake,
    refusal,
    round_trips,
)
from tests.site import TestSite


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


def test_trying_again_and_again_is_limited(attack: Attack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cpms_web.pages_openid.MOST_FROM_A_NETWORK", 3)
    answers = [attack.browser.post("/sign-in/openid/fake", {}).status_code for _ in range(5)]
    assert answers == [303, 303, 303, 429, 429]


def test_a_page_that_comes_back_shows_what_it_got_as_text(attack: Attack) -> None:
    sent = attack.begin()
    answer = come_back(attack.browser, f"{BACK}?code=%3Cb%3E&state={sent['state']}&iss=%22%3E")
    assert answer.status_code == 422
