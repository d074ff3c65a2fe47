"""Id tokens that are not what they must be: nobody is named, and the round trip is over."""

import json
import time
from typing import Any

import pytest

from tests.openid import fake as signing
from tests.openid.attack import Attack
from tests.openid.fake import FakeProvider
from tests.openid.sites import (
    knowing,
    of_fake,
    refusal,
    touch,
)
from tests.site import TestSite
from tests.web.key_person import is_in


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
