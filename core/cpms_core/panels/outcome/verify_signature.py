"""Whether a key signed exactly this outcome, and is one that the outcome names: line by line."""

from datetime import datetime, timedelta

from msgspec import Struct

from cpms_core.panels.outcome.assertion import explain_failure
from cpms_core.panels.outcome.document import OutcomeDocument
from cpms_core.panels.outcome.signature import SignedOutcome

# A challenge lives for minutes; the clocks involved are one site's own.
LONGEST_CEREMONY = timedelta(hours=1)


class Line(Struct, frozen=True):
    """One thing that was looked at."""

    ok: bool | None
    """None: this cannot be told from the file, or says nothing about it by itself."""
    text: str


def signature_lines(signed: SignedOutcome, document: OutcomeDocument) -> tuple[Line, ...]:
    return (
        Line(True, f"The outcome is whole and readable. Its SHA-256 is {signed.outcome_sha256}."),
        _assertion_line(signed),
        _named_key_line(signed, document),
        _time_line(signed, document),
    )


def _assertion_line(signed: SignedOutcome) -> Line:
    failure = explain_failure(signed)
    if failure:
        return Line(False, failure)
    return Line(
        True,
        f"A security key signed exactly this outcome at {signed.origin}; it was touched, and its "
        "PIN or fingerprint was given.",
    )


def _named_key_line(signed: SignedOutcome, document: OutcomeDocument) -> Line:
    name = document.signer.name
    for key in document.signer.keys:
        if key.sha256 == signed.key_fingerprint and key.credential_id == signed.credential:
            return Line(
                True,
                f"The outcome itself names this key as a key of {name}. The key's fingerprint is "
                f"{signed.key_fingerprint}.",
            )
    return Line(False, f"The key that signed is none of those the outcome names for {name}.")


def _time_line(signed: SignedOutcome, document: OutcomeDocument) -> Line:
    after = signed.signed_at - document.frozen_at
    if timedelta() <= after <= LONGEST_CEREMONY:
        return Line(True, f"The text was closed for signing at {in_words(document.frozen_at)}.")
    return Line(
        False,
        f"The times do not fit: the text was closed at {in_words(document.frozen_at)}, the "
        f"signature is dated {in_words(signed.signed_at)}.",
    )


def in_words(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
