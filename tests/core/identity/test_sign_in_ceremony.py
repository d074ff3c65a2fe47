import json
import os
from typing import Any

import pytest

from cpms_core.errors import InvalidError
from cpms_core.identity.ceremony import (
    CounterFellError,
    credential_id_of,
    verify_assertion,
    verify_stored_assertion,
)
from tests.core.identity.ceremonies import (
    ANY,
    CHALLENGE,
    ORIGIN,
    STRICT,
    creation,
    request,
    sign_in,
    stored,
)
from tests.core.identity.test_enrolment_ceremony import WRONG_ORIGINS
from tests.softkey import BE, BS, UP, UV, SoftKey, b64, unb64


def test_the_right_key_signs_in() -> None:
    key = SoftKey(ORIGIN)
    found = sign_in(key)
    assert (found.credential_id, found.new_sign_count) == (key.credential_id, 1)
    assert not found.backed_up


def test_the_right_key_may_name_its_owner() -> None:
    key = SoftKey(ORIGIN)
    sign_in(key, user_id=stored(key).user_id)


def test_a_key_that_names_another_owner_is_refused() -> None:
    with pytest.raises(InvalidError, match="somebody else"):
        sign_in(SoftKey(ORIGIN), user_id=b"another user")


def test_signing_in_requires_verification_and_offers_the_persons_keys() -> None:
    options = request(b"one", b"two")
    assert options["userVerification"] == "required"
    assert [item["id"] for item in options["allowCredentials"]] == [b64(b"one"), b64(b"two")]


def test_the_answer_names_its_key_before_anything_is_verified() -> None:
    key = SoftKey(ORIGIN)
    assert credential_id_of(json.dumps(key.sign_in(request()))) == key.credential_id


@pytest.mark.parametrize("flags", [UP, UV, 0])
def test_signing_in_needs_touch_and_verification(flags: int) -> None:
    with pytest.raises(InvalidError):
        sign_in(SoftKey(ORIGIN), flags=flags)


@pytest.mark.parametrize("origin", WRONG_ORIGINS)
def test_signing_in_at_another_origin_is_refused(origin: object) -> None:
    with pytest.raises(InvalidError):
        sign_in(SoftKey(ORIGIN), origin=origin)


@pytest.mark.parametrize("said", [{"crossOrigin": True}, {"topOrigin": "https://evil.example"}])
def test_signing_in_inside_a_frame_is_refused(said: dict[str, Any]) -> None:
    with pytest.raises(InvalidError):
        sign_in(SoftKey(ORIGIN), **said)


def test_signing_in_to_another_site_is_refused() -> None:
    with pytest.raises(InvalidError):
        sign_in(SoftKey(ORIGIN), rp_id="example.eu")


def test_an_answer_to_enrolment_does_not_sign_in() -> None:
    key = SoftKey(ORIGIN)
    with pytest.raises(InvalidError):
        sign_in(key, type="webauthn.create")
    with pytest.raises(InvalidError):
        verify_assertion(ANY, CHALLENGE, json.dumps(key.enrol(creation())), stored(key))


def test_an_answer_to_one_challenge_does_not_answer_another() -> None:
    key = SoftKey(ORIGIN)
    answer = json.dumps(key.sign_in(request()))
    with pytest.raises(InvalidError):
        verify_assertion(ANY, os.urandom(32), answer, stored(key))


def test_another_persons_key_does_not_answer_for_mine() -> None:
    mine, other = SoftKey(ORIGIN), SoftKey(ORIGIN)
    with pytest.raises(InvalidError, match="Another security key"):
        sign_in(other, stored(mine))
    other.credential_id = mine.credential_id
    with pytest.raises(InvalidError, match="does not fit"):
        sign_in(other, stored(mine))


def test_a_replayed_answer_shows_a_counter_that_did_not_grow() -> None:
    key = SoftKey(ORIGIN)
    answer = json.dumps(key.sign_in(request()))
    first = verify_assertion(ANY, CHALLENGE, answer, stored(key))
    with pytest.raises(CounterFellError):
        verify_assertion(ANY, CHALLENGE, answer, stored(key, sign_count=first.new_sign_count))


@pytest.mark.parametrize("counter", [0, 6, 7])
def test_a_counter_that_fell_under_a_good_signature_is_told_apart(counter: int) -> None:
    key = SoftKey(ORIGIN)
    with pytest.raises(CounterFellError):
        sign_in(key, stored(key, sign_count=7), counter=counter)


@pytest.mark.parametrize("counter", [0, 6, 7])
def test_nobody_fakes_a_fallen_counter_without_the_key(counter: int) -> None:
    key = SoftKey(ORIGIN)
    with pytest.raises(InvalidError) as caught:
        sign_in(key, stored(key, sign_count=7), counter=counter, signature=os.urandom(70))
    assert not isinstance(caught.value, CounterFellError)


def test_a_key_without_counter_signs_in_for_ever() -> None:
    key = SoftKey(ORIGIN)
    for _ in range(2):
        assert sign_in(key, counter=0).new_sign_count == 0


@pytest.mark.parametrize("flags", [BE, BE | BS, BS])
def test_a_key_that_became_copyable_is_refused(flags: int) -> None:
    with pytest.raises(InvalidError):
        sign_in(SoftKey(ORIGIN), flags=UP | UV | flags)


def test_a_copyable_key_that_stopped_being_one_is_refused() -> None:
    key = SoftKey(ORIGIN)
    with pytest.raises(InvalidError, match="changed its nature"):
        sign_in(key, stored(key, backup_eligible=True))


def test_a_passkey_of_the_demonstration_may_be_backed_up_later() -> None:
    key = SoftKey(ORIGIN)
    known = stored(key, backup_eligible=True)
    assert not sign_in(key, known, flags=UP | UV | BE).backed_up
    assert sign_in(key, known, flags=UP | UV | BE | BS).backed_up


def test_production_refuses_a_passkey_of_the_demonstration() -> None:
    key = SoftKey(ORIGIN)
    with pytest.raises(InvalidError, match="no longer accepts"):
        sign_in(key, stored(key, backup_eligible=True), STRICT, flags=UP | UV | BE)


def test_a_model_dropped_from_the_list_signs_in_no_more() -> None:
    key = SoftKey(ORIGIN)
    sign_in(key, policy=STRICT)
    dropped = stored(key, aaguid="11111111-2222-4333-8444-555555555555")
    with pytest.raises(InvalidError, match="no longer accepts"):
        sign_in(key, dropped, STRICT)


def test_a_stored_answer_is_proved_again_from_its_parts_alone() -> None:
    key = SoftKey(ORIGIN)
    found = sign_in(key)
    parts: dict[str, Any] = {
        "public_key": key.public_key,
        "rp_id": ANY.rp_id,
        "origin": ORIGIN,
        "challenge": CHALLENGE,
        "authenticator_data": found.authenticator_data,
        "client_data_json": found.client_data_json,
        "signature": found.signature,
    }
    verify_stored_assertion(**parts)
    wrong = {
        "public_key": SoftKey(ORIGIN).public_key,
        "rp_id": "example.eu",
        "origin": "https://example.eu",
        "challenge": os.urandom(32),
        "authenticator_data": found.authenticator_data[:-1] + b"\xff",
        "client_data_json": found.client_data_json.replace(b"}", b" }"),
        "signature": os.urandom(70),
    }
    for name, value in wrong.items():
        with pytest.raises(InvalidError):
            verify_stored_assertion(**(parts | {name: value}))


@pytest.mark.parametrize("part", ["clientDataJSON", "authenticatorData", "signature"])
def test_no_bit_of_an_answer_can_be_changed(part: str) -> None:
    key = SoftKey(ORIGIN)
    answer = key.sign_in(request())
    raw = unb64(answer["response"][part])
    for place in range(len(raw)):
        changed = raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :]
        answer["response"][part] = b64(changed)
        with pytest.raises(InvalidError) as caught:
            verify_assertion(ANY, CHALLENGE, json.dumps(answer), stored(key))
        assert not isinstance(caught.value, CounterFellError)
