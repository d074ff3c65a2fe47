"""Whether a security key signed an outcome, and if not, what does not fit.

`verify_stored_assertion` alone decides; the rest only finds the words for its refusal.
"""

import hashlib
import json

from webauthn.helpers import decode_credential_public_key, parse_authenticator_data

from cpms_core.errors import InvalidError
from cpms_core.identity.ceremony import verify_stored_assertion
from cpms_core.panels.outcome.signature import SignedOutcome, to_base64url

# ES256, EdDSA, RS256: what sites enrol. The library would also accept RSA with SHA-1.
_ALGORITHMS = {-7, -8, -257}
_UNREADABLE = "The security key's answer cannot be read."


def explain_failure(signed: SignedOutcome) -> str:
    """A sentence on what does not fit; empty if the signature holds."""
    try:
        algorithm = decode_credential_public_key(signed.public_key).alg
        if algorithm not in _ALGORITHMS:
            return "The security key's kind of signature is not one that sites accept."
        verify_stored_assertion(
            public_key=signed.public_key,
            rp_id=signed.rp_id,
            origin=signed.origin,
            challenge=signed.challenge,
            authenticator_data=signed.authenticator_data,
            client_data_json=signed.client_data_json,
            signature=signed.signature,
        )
    except InvalidError:
        return _find_words(signed)
    except Exception:  # noqa: BLE001 (hostile keys break the parser in ways it does not declare)
        return _UNREADABLE
    return ""


def _find_words(signed: SignedOutcome) -> str:
    try:
        said = dict(json.loads(signed.client_data_json))
        answered = parse_authenticator_data(signed.authenticator_data)
    except Exception:  # noqa: BLE001 (as above)
        return _UNREADABLE
    site = hashlib.sha256(signed.rp_id.encode()).digest()
    findings = (
        (
            said.get("type") != "webauthn.get",
            "The security key answered to another kind of request.",
        ),
        (
            said.get("challenge") != to_base64url(signed.challenge),
            "The security key signed something else than this outcome.",
        ),
        (
            said.get("origin") != signed.origin,
            f"The security key was not used at {signed.origin} but somewhere else.",
        ),
        (
            said.get("crossOrigin", False) is not False or "topOrigin" in said,
            "The security key was used inside a page of another site.",
        ),
        (
            answered.rp_id_hash != site,
            f"The security key did not answer to the site {signed.rp_id}.",
        ),
        (not answered.flags.up, "Nobody touched the security key."),
        (not answered.flags.uv, "The security key was used without its PIN or fingerprint."),
    )
    for wrong, sentence in findings:
        if wrong:
            return sentence
    return "The signature is not that of the key named: answer, signature or key were changed."
