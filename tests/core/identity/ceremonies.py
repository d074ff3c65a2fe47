"""What the ceremony tests share: policies, and both ceremonies in one call."""

import json
from typing import Any

from cpms_core.identity.ceremony import (
    Assertion,
    EnrolledKey,
    KeyPolicy,
    StoredKey,
    enrolment_options,
    sign_in_options,
    verify_assertion,
    verify_enrolment,
)
from tests.softkey import MODEL, Maker, SoftKey

ORIGIN = "https://cpms.example.eu"
CHALLENGE = bytes(range(32))
USER = b"user-0123456789a"
MAKER = Maker()
ANY = KeyPolicy(rp_id="cpms.example.eu", rp_name="CPMS", origin=ORIGIN)
STRICT = KeyPolicy(
    rp_id="cpms.example.eu",
    rp_name="CPMS",
    origin=ORIGIN,
    allowed_aaguids=frozenset({MODEL}),
    roots={MODEL: (MAKER.root,)},
)


def creation(policy: KeyPolicy = ANY) -> dict[str, Any]:
    return enrolment_options(
        policy, user_id=USER, user_name="ada@example.eu", display_name="Ada", challenge=CHALLENGE
    )


def request(*allow: bytes, policy: KeyPolicy = ANY) -> dict[str, Any]:
    return sign_in_options(policy, CHALLENGE, allow)


def enrol(key: SoftKey, policy: KeyPolicy = ANY, **misbehaviour: Any) -> EnrolledKey:
    answer = key.enrol(creation(policy), **misbehaviour)
    return verify_enrolment(policy, CHALLENGE, json.dumps(answer))


def stored(key: SoftKey, **changes: Any) -> StoredKey:
    values: dict[str, Any] = {
        "credential_id": key.credential_id,
        "public_key": key.public_key,
        "sign_count": 0,
        "aaguid": key.aaguid,
        "backup_eligible": False,
        "user_id": USER,
    }
    return StoredKey(**(values | changes))


def sign_in(
    key: SoftKey, known: StoredKey | None = None, policy: KeyPolicy = ANY, **misbehaviour: Any
) -> Assertion:
    answer = key.sign_in(request(policy=policy), **misbehaviour)
    return verify_assertion(policy, CHALLENGE, json.dumps(answer), known or stored(key))
