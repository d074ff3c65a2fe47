import json
import os
from hashlib import sha256
from typing import Any

import cbor2
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1, SHA256

from cpms_core.panels.outcome.assertion import explain_failure
from cpms_core.panels.outcome.canonical import canonical_json
from cpms_core.panels.outcome.signature import (
    TAG,
    SignedOutcome,
    challenge,
    encode_signature,
    read_signature,
)
from tests.core.panels.make_outcome import ORIGIN, RP_ID, make_document, make_signed, sign
from tests.softkey import UP, UV, SoftKey, unb64


def test_the_challenge_is_the_hash_of_tag_nonce_and_the_outcomes_hash() -> None:
    nonce, outcome = os.urandom(32), sha256(b"outcome").digest()
    assert challenge(nonce, outcome) == sha256(TAG + nonce + outcome).digest()


@pytest.mark.parametrize(("nonce", "outcome"), [(31, 32), (33, 31), (32, 0)])
def test_parts_of_another_length_are_refused(nonce: int, outcome: int) -> None:
    with pytest.raises(ValueError, match="32 bytes each"):
        challenge(bytes(nonce), bytes(outcome))


def test_a_signature_file_comes_back_unchanged() -> None:
    signed = make_signed()
    assert read_signature(signed.outcome, encode_signature(signed)) == signed


def test_a_signature_for_another_outcome_is_refused_with_both_hashes() -> None:
    signed, other = make_signed(), make_signed(version=3)
    with pytest.raises(ValueError, match=f"{other.outcome_sha256}.*{signed.outcome_sha256}"):
        read_signature(other.outcome, encode_signature(signed))


@pytest.mark.parametrize(
    "change",
    [
        {"nonce": "A" * 42 + "B"},  # bits beyond the last byte
        {"nonce": "A" * 43 + "="},
        {"nonce": "A" * 42},
        {"signature": 7},
        {"signature": "ä"},
        {"format": "cpms-signature-2"},
        {"extra": ""},
        {"signed_at": "2026-11-22T14:03:40"},
        {"rp_id": "x" * 300_000},
    ],
)
def test_a_signature_file_written_otherwise_is_refused(change: dict[str, Any]) -> None:
    signed = make_signed()
    file = json.loads(encode_signature(signed))
    data = canonical_json(file | change)
    with pytest.raises(ValueError, match=r"^(This is no|The) signature"):
        read_signature(signed.outcome, data)


def test_the_key_signed_exactly_this_outcome() -> None:
    assert explain_failure(make_signed()) == ""


@pytest.mark.parametrize(
    ("misbehaviour", "words"),
    [
        ({"challenge": "AAAA"}, "something else"),
        ({"origin": "https://evil.example"}, "not used at"),
        ({"type": "webauthn.create"}, "another kind"),
        ({"rp_id": "evil.example"}, "did not answer to the site"),
        ({"flags": UV}, "Nobody touched"),
        ({"flags": UP}, "without its PIN"),
        ({"signature": b"0" * 70}, "not that of the key"),
        ({"crossOrigin": True}, "page of another site"),
    ],
)
def test_every_misbehaviour_of_a_key_is_named(misbehaviour: dict[str, Any], words: str) -> None:
    key = SoftKey(ORIGIN)
    assert words in explain_failure(sign(key, make_document(key), **misbehaviour))


@pytest.mark.parametrize(
    "change",
    [
        {"public_key": b""},
        {"public_key": b"\x04"},
        {"public_key": cbor2.dumps({1: 2, 3: -7})},
        {"public_key": cbor2.dumps([1])},
        {"authenticator_data": b"short"},
        {"client_data_json": b"[1]"},
        {"client_data_json": b"\xff"},
        {"client_data_json": b"[" * 50_000},
        {"nonce": b""},
    ],
)
def test_hostile_bytes_only_lead_to_a_sentence(change: dict[str, Any]) -> None:
    assert explain_failure(msgspec.structs.replace(make_signed(), **change))


def _signed_by(public_key: bytes, private_sign: Any) -> SignedOutcome:
    signed = make_signed()
    data = signed.authenticator_data + sha256(signed.client_data_json).digest()
    return msgspec.structs.replace(signed, public_key=public_key, signature=private_sign(data))


def test_an_ed25519_key_signs_too() -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    cose = cbor2.dumps({1: 1, 3: -8, -1: 6, -2: key.public_key().public_bytes_raw()})
    assert explain_failure(_signed_by(cose, key.sign)) == ""


@pytest.mark.parametrize(("algorithm", "accepted"), [(-257, True), (-65535, False)])
def test_an_rsa_key_signs_but_never_with_sha_1(algorithm: int, accepted: bool) -> None:
    key = rsa.generate_private_key(65537, 2048)
    numbers = key.public_key().public_numbers()
    cose = cbor2.dumps({1: 3, 3: algorithm, -1: numbers.n.to_bytes(256), -2: b"\x01\x00\x01"})
    kind = SHA256() if accepted else SHA1()  # noqa: S303 (the attack is the point)
    signed = _signed_by(cose, lambda data: key.sign(data, padding.PKCS1v15(), kind))
    assert (explain_failure(signed) == "") is accepted


def test_the_printed_recipe_proves_a_signature_without_our_code() -> None:
    signed = make_signed()
    file = json.loads(encode_signature(signed))
    said = json.loads(unb64(file["client_data_json"]))
    recipe = b"cpms-outcome-signature-1" + unb64(file["nonce"]) + sha256(signed.outcome).digest()
    assert unb64(said["challenge"]) == sha256(recipe).digest()
    cose = cbor2.loads(unb64(file["public_key"]))
    at = (int.from_bytes(cose[-2]), int.from_bytes(cose[-3]))
    key = ec.EllipticCurvePublicNumbers(*at, ec.SECP256R1()).public_key()
    proved = unb64(file["authenticator_data"]) + sha256(unb64(file["client_data_json"])).digest()
    key.verify(unb64(file["signature"]), proved, ec.ECDSA(SHA256()))


def test_the_site_is_part_of_what_was_signed() -> None:
    signed = make_signed()
    assert explain_failure(msgspec.structs.replace(signed, rp_id="else." + RP_ID))
    assert explain_failure(msgspec.structs.replace(signed, origin=ORIGIN + ":8443"))
