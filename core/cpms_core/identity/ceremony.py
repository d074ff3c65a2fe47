"""The security key's ceremonies: options out, answers in, no request, no database.

The library verifies signatures and structure; this module adds what it leaves to the site (strict
reading, no foreign frame, hardware only, the policy's list) and changes one thing: the counter is
looked at only after the signature was found good, so that nobody can fake the alarm of a copy.
Challenges are the caller's: stored by the server, popped on every use, failed ones too.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.authentication.verify_authentication_response import VerifiedAuthentication
from webauthn.helpers import (
    bytes_to_base64url,
    decode_credential_public_key,
    decoded_public_key_to_cryptography,
    options_to_json_dict,
)
from webauthn.helpers.cose import COSEAlgorithmIdentifier
from webauthn.helpers.structs import (
    AttestationConveyancePreference,
    AuthenticationCredential,
    AuthenticatorAssertionResponse,
    AuthenticatorAttachment,
    AuthenticatorAttestationResponse,
    AuthenticatorSelectionCriteria,
    CredentialDeviceType,
    PublicKeyCredentialDescriptor,
    PublicKeyCredentialHint,
    RegistrationCredential,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from cpms_core.errors import InvalidError
from cpms_core.identity.attestation import NO_MODEL, require_model
from cpms_core.identity.ceremony_answers import (
    KeyAnswer,
    read_enrolment,
    read_sign_in,
    refusing,
    require_client_data,
)

LONGEST_CREDENTIAL_ID = 1023  # WebAuthn §7.1
_TIMEOUT = 120_000  # milliseconds
_REPLACE = (
    "Get another model, sign in with another key of yours if you have one, or ask your centre"
    " manager or administrator to replace your keys."
)
_ALGORITHMS = [
    COSEAlgorithmIdentifier.EDDSA,
    COSEAlgorithmIdentifier.ECDSA_SHA_256,
    COSEAlgorithmIdentifier.RSASSA_PKCS1_v1_5_SHA_256,
]


class KeyPolicy(Struct, frozen=True, kw_only=True):
    """Which security keys a site accepts, and who the site is."""

    rp_id: str
    rp_name: str
    origin: str
    allowed_aaguids: frozenset[str] | None = None
    """Models accepted, as lower-case GUIDs; None accepts any authenticator (the demonstration)."""
    roots: Mapping[str, tuple[bytes, ...]] = {}
    """Model → PEM certificates its attestations chain to. A listed model without any is refused."""
    compromised: frozenset[str] = frozenset()
    """Listed models that are refused all the same, for their maker or the FIDO Alliance said so."""


class EnrolledKey(Struct, frozen=True, kw_only=True):
    """What to store of a new key. `public_key` is COSE; `attestation` the whole object."""

    credential_id: bytes
    public_key: bytes
    sign_count: int
    aaguid: str
    fmt: str
    backup_eligible: bool
    backed_up: bool
    attestation: bytes


class StoredKey(Struct, frozen=True, kw_only=True):
    """What the store knows of the key that should have answered, and of its owner."""

    credential_id: bytes
    public_key: bytes
    sign_count: int
    aaguid: str
    backup_eligible: bool
    user_id: bytes


class Assertion(Struct, frozen=True, kw_only=True):
    """A verified answer; its raw parts prove it again later, offline."""

    credential_id: bytes
    new_sign_count: int
    backed_up: bool
    authenticator_data: bytes
    client_data_json: bytes
    signature: bytes


class CounterFellError(InvalidError):
    """The signature is good but the counter did not grow: the key may have been copied."""


def enrolment_options(
    policy: KeyPolicy,
    *,
    user_id: bytes,
    user_name: str,
    display_name: str,
    challenge: bytes,
    exclude: Sequence[bytes] = (),
) -> dict[str, Any]:
    """What the browser's `parseCreationOptionsFromJSON` takes; `exclude` are the user's keys."""
    strict = policy.allowed_aaguids is not None
    options = generate_registration_options(
        rp_id=policy.rp_id,
        rp_name=policy.rp_name,
        user_id=user_id,
        user_name=user_name,
        user_display_name=display_name,
        challenge=challenge,
        timeout=_TIMEOUT,
        attestation=AttestationConveyancePreference.DIRECT
        if strict
        else AttestationConveyancePreference.NONE,
        authenticator_selection=AuthenticatorSelectionCriteria(
            authenticator_attachment=AuthenticatorAttachment.CROSS_PLATFORM if strict else None,
            resident_key=ResidentKeyRequirement.DISCOURAGED,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=[PublicKeyCredentialDescriptor(id=key) for key in exclude],
        supported_pub_key_algs=_ALGORITHMS,
        hints=[PublicKeyCredentialHint.SECURITY_KEY] if strict else None,
    )
    return options_to_json_dict(options)


def verify_enrolment(policy: KeyPolicy, challenge: bytes, answer: bytes | str) -> EnrolledKey:
    """Raise InvalidError unless this is a new key that the policy accepts.

    Whether somebody already has a key of this id is the caller's to ask.
    """
    given = read_enrolment(answer)
    require_client_data(given.client_data_json, challenge)
    with refusing():
        found = verify_registration_response(
            credential=RegistrationCredential(
                id=bytes_to_base64url(given.credential_id),
                raw_id=given.credential_id,
                response=AuthenticatorAttestationResponse(
                    client_data_json=given.client_data_json, attestation_object=given.attestation
                ),
            ),
            expected_challenge=challenge,
            expected_rp_id=policy.rp_id,
            expected_origin=policy.origin,
            require_user_verification=True,
            supported_pub_key_algs=_ALGORITHMS,
        )
        # Some malformed keys are only noticed when they are first used; that would be too late.
        decoded_public_key_to_cryptography(
            decode_credential_public_key(found.credential_public_key)
        )
    if found.credential_id != given.credential_id:
        raise InvalidError("The security key's answer names two different keys; none was enrolled.")
    if len(found.credential_id) > LONGEST_CREDENTIAL_ID:
        raise InvalidError("The security key's identifier is longer than the standard allows.")
    key = EnrolledKey(
        credential_id=found.credential_id,
        public_key=found.credential_public_key,
        sign_count=found.sign_count,
        aaguid=found.aaguid,
        fmt=str(found.fmt),
        backup_eligible=found.credential_device_type == CredentialDeviceType.MULTI_DEVICE,
        backed_up=found.credential_backed_up,
        attestation=found.attestation_object,
    )
    _require_accepted(policy, key)
    return key


def _require_accepted(policy: KeyPolicy, key: EnrolledKey) -> None:
    if policy.allowed_aaguids is None:
        return
    if key.backup_eligible:
        raise InvalidError(
            "This key can be copied to other devices. Enrol a hardware security key instead."
        )
    roots = policy.roots.get(key.aaguid, ())
    if key.aaguid == NO_MODEL or key.aaguid not in policy.allowed_aaguids or not roots:
        raise InvalidError(
            "This site does not accept this model of security key, so it was not enrolled."
        )
    if key.aaguid in policy.compromised:
        raise InvalidError(
            "This model of security key is reported as unsafe, so it was not enrolled. Ask your"
            " administrator which model to use instead; the link stays valid for it."
        )
    with refusing():
        require_model(key.attestation, key.aaguid, roots)


def sign_in_options(
    policy: KeyPolicy, challenge: bytes, allow: Sequence[bytes] = ()
) -> dict[str, Any]:
    """What the browser's `parseRequestOptionsFromJSON` takes. `allow` are the user's keys."""
    options = generate_authentication_options(
        rp_id=policy.rp_id,
        challenge=challenge,
        timeout=_TIMEOUT,
        allow_credentials=[PublicKeyCredentialDescriptor(id=key) for key in allow],
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return options_to_json_dict(options)


def credential_id_of(answer: bytes | str) -> bytes:
    """The key an answer to sign in names: what the caller looks its StoredKey up by."""
    return read_sign_in(answer).credential_id


def verify_assertion(
    policy: KeyPolicy, challenge: bytes, answer: bytes | str, stored: StoredKey
) -> Assertion:
    """Raise InvalidError unless `stored` answered; CounterFellError only after a good signature.

    The caller stores `new_sign_count` with the condition that the old one is still there, so that
    of two answers with one counter only one wins.
    """
    given = read_sign_in(answer)
    if given.credential_id != stored.credential_id:
        raise InvalidError("Another security key answered than the one that was asked.")
    if given.user_id is not None and given.user_id != stored.user_id:
        raise InvalidError("This security key answered for somebody else.")
    found = verify_stored_assertion(
        public_key=stored.public_key,
        rp_id=policy.rp_id,
        origin=policy.origin,
        challenge=challenge,
        authenticator_data=given.authenticator_data,
        client_data_json=given.client_data_json,
        signature=given.signature,
    )
    _require_same_hardware(policy, stored, found)
    if found.new_sign_count <= stored.sign_count and (found.new_sign_count or stored.sign_count):
        raise CounterFellError(
            "This security key's counter did not grow, as if there were a copy of it. You were not"
            " signed in; the owner of the key and the administrators should be told."
        )
    return _assertion(given, found)


def verify_stored_assertion(
    *,
    public_key: bytes,
    rp_id: str,
    origin: str,
    challenge: bytes,
    authenticator_data: bytes,
    client_data_json: bytes,
    signature: bytes,
) -> VerifiedAuthentication:
    """Raise InvalidError unless the owner of `public_key` (COSE), verified, signed `challenge`.

    Needs nothing but its arguments: this is how an outcome's signature is proved years later. The
    counter is not looked at.
    """
    require_client_data(client_data_json, challenge)
    with refusing():
        return verify_authentication_response(
            credential=AuthenticationCredential(
                id="",  # which key it was is not signed, so nothing hangs on it here
                raw_id=b"",
                response=AuthenticatorAssertionResponse(
                    client_data_json=client_data_json,
                    authenticator_data=authenticator_data,
                    signature=signature,
                ),
            ),
            expected_challenge=challenge,
            expected_rp_id=rp_id,
            expected_origin=origin,
            credential_public_key=public_key,
            credential_current_sign_count=0,  # so that the library has nothing to compare with
            require_user_verification=True,
        )


def _require_same_hardware(
    policy: KeyPolicy, stored: StoredKey, found: VerifiedAuthentication
) -> None:
    """Refuse a key that became copyable, and one the policy has dropped since its enrolment."""
    eligible = found.credential_device_type == CredentialDeviceType.MULTI_DEVICE
    if eligible != stored.backup_eligible:
        raise InvalidError("This security key changed its nature since it was enrolled.")
    if policy.allowed_aaguids is not None and (
        eligible or stored.aaguid not in policy.allowed_aaguids
    ):
        raise InvalidError(f"This site no longer accepts this model of security key. {_REPLACE}")
    if stored.aaguid in policy.compromised:
        raise InvalidError(
            "This model of security key is reported as unsafe, so you were not signed in."
            f" {_REPLACE}"
        )


def _assertion(given: KeyAnswer, found: VerifiedAuthentication) -> Assertion:
    return Assertion(
        credential_id=given.credential_id,
        new_sign_count=found.new_sign_count,
        backed_up=found.credential_backed_up,
        authenticator_data=given.authenticator_data,
        client_data_json=given.client_data_json,
        signature=given.signature,
    )
