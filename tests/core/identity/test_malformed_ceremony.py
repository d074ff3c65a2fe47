"""Whatever a client sends, the answer is InvalidError: never another exception, never a yes."""

import json
from typing import Any

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cpms_core.errors import InvalidError
from cpms_core.identity.ceremony import credential_id_of, verify_assertion, verify_enrolment
from tests.core.identity.ceremonies import (
    ANY,
    CHALLENGE,
    MAKER,
    ORIGIN,
    STRICT,
    creation,
    enrol,
    request,
    stored,
)
from tests.softkey import SoftKey, b64, unb64

KEY = SoftKey(ORIGIN)
PROVEN = SoftKey(ORIGIN, maker=MAKER)
NEW = json.dumps(PROVEN.enrol(creation(STRICT)))
OLD = json.dumps(KEY.sign_in(request()))
SCALARS = [
    None,
    1,
    1.5,
    True,
    [],
    ["x"],
    {},
    {"a": 1},
    "\ud800",
    "é",
    "=",
    "A",
    "AA==",
    "x" * 70000,
]
DEEP = 100_000


def refused(answer: bytes | str) -> None:
    with pytest.raises(InvalidError):
        verify_enrolment(STRICT, CHALLENGE, answer)
    with pytest.raises(InvalidError):
        verify_enrolment(ANY, CHALLENGE, answer)
    with pytest.raises(InvalidError):
        verify_assertion(ANY, CHALLENGE, answer, stored(KEY))


def test_the_samples_are_good_before_they_are_spoilt() -> None:
    verify_enrolment(STRICT, CHALLENGE, NEW)
    verify_assertion(ANY, CHALLENGE, OLD.encode(), stored(KEY))


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "null",
        "[]",
        "7",
        '"text"',
        "{",
        "{}",
        b"\xff\xfe\x00",
        b"\x00" * 100,
        "[" * DEEP,
        '{"a":' * 10_000,
        "9" * 10_000,
        "NaN",
        "x" * 1_000_000,
    ],
    ids=lambda answer: repr(answer[:8]),
)
def test_what_is_no_credential_is_refused(answer: bytes | str) -> None:
    refused(answer)
    with pytest.raises(InvalidError):
        credential_id_of(answer)


@pytest.mark.parametrize("value", SCALARS, ids=lambda value: ascii(value)[:12])
@pytest.mark.parametrize("sample", [NEW, OLD], ids=["new", "old"])
def test_no_field_takes_another_kind_of_value(sample: str, value: object) -> None:
    for name in ("id", "rawId", "type", "response"):
        refused(json.dumps(json.loads(sample) | {name: value}))
    response = json.loads(sample)["response"]
    for name in response:
        refused(json.dumps(json.loads(sample) | {"response": response | {name: value}}))


@pytest.mark.parametrize("sample", [NEW, OLD], ids=["new", "old"])
def test_no_field_may_be_missing(sample: str) -> None:
    whole = json.loads(sample)
    for name in ("id", "rawId", "type", "response"):
        refused(json.dumps({key: value for key, value in whole.items() if key != name}))
    for name in whole["response"]:
        rest = {key: value for key, value in whole["response"].items() if key != name}
        refused(json.dumps(whole | {"response": rest}))


def test_a_key_said_twice_is_refused() -> None:
    whole = json.loads(NEW)
    twice = json.dumps(whole)[:-1] + f', "id": "{whole["id"]}"' + "}"
    refused(twice)
    said = unb64(whole["response"]["clientDataJSON"])
    whole["response"]["clientDataJSON"] = b64(
        said[:-1] + b', "origin": "' + ORIGIN.encode() + b'"}'
    )
    refused(json.dumps(whole))


@pytest.mark.parametrize("said", ["[]", "null", "7", "", '"x"', "{", "{}", "[" * 50_000])
@pytest.mark.parametrize("sample", [NEW, OLD], ids=["new", "old"])
def test_client_data_of_another_shape_is_refused(sample: str, said: str) -> None:
    whole = json.loads(sample)
    whole["response"]["clientDataJSON"] = b64(said.encode())
    refused(json.dumps(whole))


@pytest.mark.parametrize("sample", [NEW, OLD], ids=["new", "old"])
def test_a_right_answer_with_much_around_it_is_refused(sample: str) -> None:
    refused(sample + " " * 70_000)


@pytest.mark.parametrize("spoil", ["{}=", "{}==", " {}", "{}\n", "{}A", "+{}", "{}/", "{}!"])
def test_only_one_spelling_of_the_key_is_read(spoil: str) -> None:
    whole = json.loads(OLD)
    spelling = spoil.format(whole["id"])
    refused(json.dumps(whole | {"id": spelling, "rawId": spelling}))


def test_a_key_that_is_not_the_one_attested_is_refused() -> None:
    other = b64(b"other")
    refused(json.dumps(json.loads(NEW) | {"id": other, "rawId": other}))
    refused(json.dumps(json.loads(NEW) | {"id": other}))


def spoilt_attestation(raw: bytes) -> str:
    whole = json.loads(NEW)
    whole["response"]["attestationObject"] = b64(raw)
    return json.dumps(whole)


def attestation(**changes: Any) -> str:
    parsed = cbor2.loads(unb64(json.loads(NEW)["response"]["attestationObject"]))
    return spoilt_attestation(cbor2.dumps(parsed | changes))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x80",
        b"\xa0",
        b"\x00",
        b"\x81" * 40_000,
        b"\xa1\x61a" * 10_000,
        b"\x5b\x7f" + b"\xff" * 7,
        b"\x9b\x7f" + b"\xff" * 7,
        b"\xbb\x7f" + b"\xff" * 7,
        b"\xc2\x58\xff" + b"\xff" * 255,
        b"\xd8\x1c\x81\xd8\x1d\x00",
        b"\xf9\x7c\x00",
    ],
    ids=lambda raw: raw[:4].hex(),
)
def test_hostile_cbor_is_refused(raw: bytes) -> None:
    refused(spoilt_attestation(raw))


@pytest.mark.parametrize(
    "changes",
    [
        {"fmt": ["packed"]},
        {"fmt": {}},
        {"fmt": "tpm"},
        {"fmt": "android-key"},
        {"fmt": "android-safetynet"},
        {"fmt": "apple"},
        {"fmt": "fido-u2f"},
        {"fmt": "invented"},
        {"fmt": None},
        {"attStmt": None},
        {"attStmt": []},
        {"attStmt": "x"},
        {"attStmt": {"alg": "x", "sig": 1, "x5c": 2}},
        {"attStmt": {"alg": -7, "sig": b"x", "x5c": [b"junk"]}},
        {"attStmt": {"alg": -7, "sig": b"x", "x5c": "junk"}},
        {"attStmt": {"alg": -7, "sig": b"x", "x5c": []}},
        {"attStmt": {"alg": -49, "sig": b"x", "x5c": [None]}},
        {"authData": None},
        {"authData": "x" * 200},
        {"authData": b"x" * 20},
        {"authData": b"\xff" * 2000},
        {"authData": []},
    ],
    ids=ascii,
)
def test_an_attestation_of_strange_parts_is_refused(changes: dict[str, Any]) -> None:
    refused(attestation(**changes))


@pytest.mark.parametrize(
    "public_key",
    [
        b"\x04",
        b"\x80",
        b"\xa0",
        cbor2.dumps({1: 2, 3: -7, -1: 1, -2: bytes(32), -3: bytes(32)}),
        cbor2.dumps({1: 2, 3: -7, -1: 1, -2: "x", -3: None}),
        cbor2.dumps({1: 2, 3: -7, -1: 99, -2: b"x" * 32, -3: b"y" * 32}),
        cbor2.dumps({1: 2, 3: -35, -1: 2, -2: b"x" * 48, -3: b"y" * 48}),
        cbor2.dumps({1: 2, 3: "-7", -1: 1, -2: b"x" * 32, -3: b"y" * 32}),
        cbor2.dumps({1: 1, 3: -8, -1: 6, -2: b"short"}),
        cbor2.dumps({1: 3, 3: -257, -1: b"", -2: b"\x01\x00\x01"}),
        cbor2.dumps({1: 3, 3: -65535, -1: b"\xff" * 256, -2: b"\x01\x00\x01"}),
        cbor2.dumps({1: 7, 3: -49, -1: b"x" * 1952}),
        cbor2.dumps({1: 99, 3: -7}),
    ],
    ids=lambda key: key[:12].hex(),
)
def test_a_public_key_nobody_can_use_is_refused_at_enrolment(public_key: bytes) -> None:
    with pytest.raises(InvalidError):
        enrol(SoftKey(ORIGIN), public_key=public_key)


def test_nothing_may_follow_a_proof() -> None:
    raw = unb64(json.loads(NEW)["response"]["attestationObject"])
    refused(spoilt_attestation(raw + b"\x00"))


def test_no_bit_of_a_proof_can_be_changed() -> None:
    raw = unb64(json.loads(NEW)["response"]["attestationObject"])
    for place in range(len(raw)):
        changed = raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :]
        with pytest.raises(InvalidError):
            verify_enrolment(STRICT, CHALLENGE, spoilt_attestation(changed))


@settings(max_examples=100, deadline=None)
@given(place=st.integers(0, 10_000), cut=st.integers(0, 40), junk=st.binary(max_size=40))
def test_spliced_proofs_are_refused(place: int, cut: int, junk: bytes) -> None:
    raw = unb64(json.loads(NEW)["response"]["attestationObject"])
    place %= len(raw)
    changed = raw[:place] + junk + raw[place + cut :]
    if changed != raw:
        with pytest.raises(InvalidError):
            verify_enrolment(STRICT, CHALLENGE, spoilt_attestation(changed))


@settings(max_examples=100, deadline=None)
@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists))
def test_any_json_is_refused(value: object) -> None:
    refused(json.dumps(value))
