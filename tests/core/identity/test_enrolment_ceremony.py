from typing import Any

import cbor2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from cpms_core.errors import InvalidError
from cpms_core.identity.attestation import require_model
from cpms_core.identity.ceremony import KeyPolicy, enrolment_options
from tests.core.identity.ceremonies import ANY, CHALLENGE, MAKER, ORIGIN, STRICT, creation, enrol
from tests.softkey import AT, BE, BS, MODEL, UP, UV, Maker, SoftKey, b64, unb64

WRONG_ORIGINS = [
    "http://cpms.example.eu",
    "https://cpms.example.eu:8443",
    "https://evil.cpms.example.eu",
    "https://cpms.example.eu.",
    "https://cpms.example.eu/",
    "https://cpms-example.eu",
    "https://CPMS.example.eu",
    "null",
    "",
    None,
    [ORIGIN],
]


def policy(**changes: Any) -> KeyPolicy:
    values = {name: getattr(STRICT, name) for name in STRICT.__struct_fields__}
    return KeyPolicy(**(values | changes))


def test_the_demonstration_accepts_any_authenticator() -> None:
    key = SoftKey(ORIGIN)
    enrolled = enrol(key)
    assert enrolled.credential_id == key.credential_id
    assert enrolled.public_key == key.public_key
    assert (enrolled.fmt, enrolled.aaguid) == ("none", MODEL)
    assert not enrolled.backup_eligible and not enrolled.backed_up


def test_the_demonstration_accepts_a_passkey_and_says_so() -> None:
    enrolled = enrol(SoftKey(ORIGIN), flags=UP | UV | AT | BE | BS)
    assert enrolled.backup_eligible and enrolled.backed_up


def test_production_accepts_a_listed_model_that_proves_itself() -> None:
    enrolled = enrol(SoftKey(ORIGIN, maker=MAKER), STRICT)
    assert (enrolled.fmt, enrolled.aaguid) == ("packed", MODEL)
    assert enrolled.attestation


def test_production_accepts_a_model_whose_certificates_name_no_model() -> None:
    enrol(SoftKey(ORIGIN, maker=MAKER, certified_aaguid=None), STRICT)


def test_a_listed_leaf_certificate_is_an_anchor() -> None:
    key = SoftKey(ORIGIN, maker=MAKER)
    assert key.attestation
    enrol(key, policy(roots={MODEL: (pem(key.attestation[1]),)}))


def test_all_certificates_of_one_pem_file_are_anchors() -> None:
    roots = {MODEL: (Maker("Other").root + MAKER.root,)}
    enrol(SoftKey(ORIGIN, maker=MAKER), policy(roots=roots))


def test_production_asks_for_a_proven_roaming_key() -> None:
    options = creation(STRICT)
    assert options["attestation"] == "direct"
    assert options["hints"] == ["security-key"]
    assert options["authenticatorSelection"]["authenticatorAttachment"] == "cross-platform"


def test_only_algorithms_that_can_be_verified_are_asked_for() -> None:
    assert [item["alg"] for item in creation()["pubKeyCredParams"]] == [-8, -7, -257]


@pytest.mark.parametrize("fmt", ["tpm", "android-key", "fido-u2f", "apple"])
def test_no_other_kind_of_attestation_passes_for_a_security_keys(fmt: str) -> None:
    answer = SoftKey(ORIGIN, maker=MAKER).enrol(creation(STRICT))
    parsed = cbor2.loads(unb64(answer["response"]["attestationObject"]))
    require_model(cbor2.dumps(parsed), MODEL, [MAKER.root])
    with pytest.raises(InvalidError, match="did not prove who made it"):
        require_model(cbor2.dumps(parsed | {"fmt": fmt}), MODEL, [MAKER.root])


@pytest.mark.parametrize("asked", [ANY, STRICT])
def test_every_site_asks_for_verification_and_no_resident_key(asked: KeyPolicy) -> None:
    selection = creation(asked)["authenticatorSelection"]
    assert selection["userVerification"] == "required"
    assert selection["residentKey"] == "discouraged"


def test_the_demonstration_asks_for_neither_proof_nor_kind() -> None:
    options = creation()
    assert options["attestation"] == "none"
    assert "authenticatorAttachment" not in options["authenticatorSelection"]


def test_a_persons_own_keys_are_excluded() -> None:
    options = enrolment_options(
        ANY, user_id=b"u", user_name="a", display_name="A", challenge=CHALLENGE, exclude=[b"own"]
    )
    assert [item["id"] for item in options["excludeCredentials"]] == [b64(b"own")]


@pytest.mark.parametrize("flags", [UP | AT, UV | AT, AT, UP | UV])
def test_an_enrolment_needs_touch_verification_and_a_key(flags: int) -> None:
    with pytest.raises(InvalidError):
        enrol(SoftKey(ORIGIN), flags=flags)


@pytest.mark.parametrize("origin", WRONG_ORIGINS)
def test_an_enrolment_at_another_origin_is_refused(origin: object) -> None:
    with pytest.raises(InvalidError):
        enrol(SoftKey(ORIGIN), origin=origin)


@pytest.mark.parametrize(
    "said",
    [
        {"crossOrigin": True},
        {"crossOrigin": "false"},
        {"crossOrigin": 1},
        {"topOrigin": "https://evil.example"},
        {"crossOrigin": True, "topOrigin": ORIGIN},
    ],
)
def test_an_enrolment_in_a_frame_is_refused(said: dict[str, Any]) -> None:
    with pytest.raises(InvalidError):
        enrol(SoftKey(ORIGIN), **said)


def test_an_enrolment_for_another_site_is_refused() -> None:
    with pytest.raises(InvalidError):
        enrol(SoftKey(ORIGIN), rp_id="example.eu")


@pytest.mark.parametrize(
    "challenge", [b64(b"\xff" * 32), "", b64(CHALLENGE) + "=", b64(CHALLENGE[:-1]), None, 7]
)
def test_an_answer_to_another_challenge_enrols_nothing(challenge: object) -> None:
    with pytest.raises(InvalidError):
        enrol(SoftKey(ORIGIN), challenge=challenge)


def test_an_answer_to_signing_in_enrols_nothing() -> None:
    with pytest.raises(InvalidError):
        enrol(SoftKey(ORIGIN), type="webauthn.get")


def test_a_backup_without_eligibility_is_refused() -> None:
    with pytest.raises(InvalidError):
        enrol(SoftKey(ORIGIN), flags=UP | UV | AT | BS)


@pytest.mark.parametrize("flags", [BE, BE | BS])
def test_production_refuses_a_key_that_can_be_copied(flags: int) -> None:
    with pytest.raises(InvalidError, match="copied to other devices"):
        enrol(SoftKey(ORIGIN, maker=MAKER), STRICT, flags=UP | UV | AT | flags)


@pytest.mark.parametrize("fmt", ["none", "self"])
def test_production_refuses_a_key_that_proves_no_maker(fmt: str) -> None:
    with pytest.raises(InvalidError, match="did not prove who made it"):
        enrol(SoftKey(ORIGIN, maker=MAKER), STRICT, fmt=fmt)


def test_production_refuses_a_certificate_chain_made_at_home() -> None:
    with pytest.raises(InvalidError, match="not issued by its maker"):
        enrol(SoftKey(ORIGIN, maker=Maker()), STRICT)


def test_production_refuses_another_makers_chain_even_if_that_maker_is_listed() -> None:
    other, model = Maker("Other"), "11111111-2222-4333-8444-555555555555"
    both = policy(
        allowed_aaguids=frozenset({MODEL, model}),
        roots={MODEL: (MAKER.root,), model: (other.root,)},
    )
    with pytest.raises(InvalidError, match="not issued by its maker"):
        enrol(SoftKey(ORIGIN, maker=other), both)


def test_production_refuses_a_certificate_of_another_model_of_the_same_maker() -> None:
    other = "11111111-2222-4333-8444-555555555555"
    with pytest.raises(InvalidError, match="another model"):
        enrol(SoftKey(ORIGIN, maker=MAKER, certified_aaguid=other), STRICT)


@pytest.mark.parametrize(
    "aaguid", ["00000000-0000-0000-0000-000000000000", "11111111-2222-4333-8444-555555555555"]
)
def test_production_refuses_a_model_that_is_not_listed(aaguid: str) -> None:
    with pytest.raises(InvalidError, match="does not accept this model"):
        enrol(SoftKey(ORIGIN, maker=MAKER, aaguid=aaguid), STRICT)


def test_no_model_is_refused_even_if_somebody_lists_it() -> None:
    none = "00000000-0000-0000-0000-000000000000"
    listed = policy(allowed_aaguids=frozenset({none}), roots={none: (MAKER.root,)})
    with pytest.raises(InvalidError, match="does not accept this model"):
        enrol(SoftKey(ORIGIN, maker=MAKER, aaguid=none), listed)


def test_a_listed_model_without_roots_is_refused() -> None:
    with pytest.raises(InvalidError, match="does not accept this model"):
        enrol(SoftKey(ORIGIN, maker=MAKER), policy(roots={}))


def test_an_empty_list_accepts_nothing() -> None:
    with pytest.raises(InvalidError, match="does not accept this model"):
        enrol(SoftKey(ORIGIN, maker=MAKER), policy(allowed_aaguids=frozenset()))


def test_a_credential_id_may_have_1023_bytes_and_no_more() -> None:
    enrol(SoftKey(ORIGIN, credential_id=bytes(1023)))
    with pytest.raises(InvalidError, match="longer than the standard allows"):
        enrol(SoftKey(ORIGIN, credential_id=bytes(1024)))


def pem(certificate: bytes) -> bytes:
    return x509.load_der_x509_certificate(certificate).public_bytes(serialization.Encoding.PEM)
