"""Providers that lead elsewhere, answer too much, wrongly, slowly or not at all."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from cpms_core.identity import openid_provider
from tests import factories
from tests.openid.attack import Attack
from tests.openid.fake import FakeProvider
from tests.openid.sites import (
    knowing,
    of_fake,
    refusal,
)
from tests.site import Browser, TestSite
from tests.web.key_person import Person, is_in


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


def test_a_provider_that_hangs_leaves_room_for_other_slow_work(
    attack: Attack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two are asked at once; the others are told at once what to do instead."""
    monkeypatch.setattr(openid_provider, "PATIENCE", 3.0)
    attack.fake.hangs.add("/.well-known/openid-configuration")
    site = attack.site
    clinician = site.person()
    with site.transaction() as session:
        case = factories.make_case(session, clinician.actor).id
    with ThreadPoolExecutor(6) as pool:
        asked = [pool.submit(_press, site.browser()) for _ in range(6)]
        while len(attack.fake.asked) < 2:
            time.sleep(0.01)
        started = time.monotonic()
        kind = {"Content-Type": "application/octet-stream"}
        refused = clinician.post(f"/cases/{case}/files", content=b"no photo", headers=kind)
        assert refused.status_code == 422
        assert time.monotonic() - started < 2, "an upload waited for the provider"
        told = sorted((one.result() for one in asked), key=lambda one: one[0])
    assert len(attack.fake.asked) == 2
    assert [status for _, status, _ in told] == [503] * 6
    assert all(seconds < 2 for seconds, _, _ in told[:4])
    for _, _, text in told[:4]:
        assert "Fake Login has no place for you right now" in text
        assert "Sign in with your security key instead, or try again" in text
    for _, _, text in told[4:]:
        assert "Fake Login cannot be reached" in text
    attack.fake.hangs.clear()
    assert attack.browser.post("/sign-in/openid/fake", {}).status_code == 303, "both are free again"


def _press(browser: Browser) -> tuple[float, int, str]:
    """The button; seconds, status and page."""
    started = time.monotonic()
    answer = browser.post("/sign-in/openid/fake", {})
    return time.monotonic() - started, answer.status_code, answer.text


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
