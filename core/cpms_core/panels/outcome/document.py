"""The outcome as a value: what the lead wrote with everything that must be read with it later.

What is hashed and signed is its canonical JSON: whoever has the bytes needs nothing of ours.
"""

from datetime import date, datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from cpms_core.panels.outcome.canonical import canonical_json, parse_canonical
from cpms_core.panels.outcome.draft import OutcomeDraft

FORMAT = "cpms-outcome-1"
ADVICE = "Advice of the panel; the treating doctor decides. Not for primary diagnosis."

Verdict = Literal["agree", "remark", "disagree", "not answered"]
Moment = Annotated[datetime, Meta(tz=True)]


class Member(Struct, frozen=True, kw_only=True):
    """A panel member as printed, with the position on this text."""

    name: str
    centre: str
    country: str
    role: Literal["lead", "member", "observer"]
    contributed: bool
    position: Verdict
    remark: str = ""
    on: tuple[int, ...] = ()
    """The recommendations, by number, that the remark or disagreement is about; none: all of it."""


class Agreement(Struct, frozen=True, kw_only=True):
    """How many of the members asked stand behind one recommendation."""

    number: int
    agreed: int
    remarked: int
    disagreed: int
    asked: int


class Stage(Struct, frozen=True, kw_only=True):
    """When the panel reached a stage, `submitted` for instance."""

    name: str
    at: Moment


class Reviewed(Struct, frozen=True, kw_only=True):
    """Something the panel had before it."""

    what: str
    on: date | None = None
    sha256: str = ""
    """Of a file's content, in hexadecimal."""


class ConsentState(Struct, frozen=True, kw_only=True):
    kind: str
    state: Literal["given", "not given", "withdrawn"]
    on: date | None = None


class Submitter(Struct, frozen=True, kw_only=True):
    name: str
    centre: str
    country: str


class SigningKey(Struct, frozen=True, kw_only=True):
    """A security key with which the signer may sign; naming it here puts it under the signature."""

    credential_id: str
    """base64url, without padding."""
    sha256: str
    """Of the public key as COSE_Key (RFC 9052), in hexadecimal: the key's fingerprint."""
    aaguid: str
    """The key's model as its maker numbers it."""


class Signer(Struct, frozen=True, kw_only=True):
    name: str
    role: str
    centre: str
    country: str
    keys: tuple[SigningKey, ...] = ()
    """All living keys of this person at `frozen_at`; which one it was stands in the signature."""


class OutcomeDocument(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One version of a panel's conclusion, complete: this is the outcome, paper is a copy of it."""

    format: Literal["cpms-outcome-1"] = "cpms-outcome-1"
    site: str
    version: int
    previous_sha256: Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z")] | None
    """The hash of the signed outcome that this one amends."""
    amends_because: str = ""
    case_number: str
    panel_number: str
    ern: str
    pseudonym: str
    sex: str
    age: str
    """In words, on the day of the outcome."""
    urgency: str
    stages: tuple[Stage, ...]
    submitter: Submitter
    question: str
    """As it was asked."""
    reviewed: tuple[Reviewed, ...]
    members: tuple[Member, ...]
    opinion: OutcomeDraft
    agreement: tuple[Agreement, ...]
    consents: tuple[ConsentState, ...]
    advice: str = ADVICE
    signer: Signer
    frozen_at: Moment
    """When this text was closed and put to the signer's security key."""


def count_agreement(opinion: OutcomeDraft, members: tuple[Member, ...]) -> tuple[Agreement, ...]:
    """How each recommendation stands. Observers are not asked, the lead agrees by signing."""
    asked = [member for member in members if member.role != "observer"]
    return tuple(_stand(number, asked) for number, _ in enumerate(opinion.recommendations, start=1))


def _stand(number: int, asked: list[Member]) -> Agreement:
    verdicts = [_verdict_on(number, member) for member in asked]
    return Agreement(
        number=number,
        agreed=verdicts.count("agree"),
        remarked=verdicts.count("remark"),
        disagreed=verdicts.count("disagree"),
        asked=len(asked),
    )


def _verdict_on(number: int, member: Member) -> Verdict:
    if member.role == "lead":
        return "agree"
    if member.on and number not in member.on and member.position != "not answered":
        return "agree"
    # A remark on the text as a whole takes nothing back from a recommendation.
    if member.position == "remark" and not member.on:
        return "agree"
    return member.position


def encode_outcome(value: OutcomeDocument | OutcomeDraft) -> bytes:
    """The bytes that are hashed, judged or signed."""
    return canonical_json(msgspec.to_builtins(value))


def read_outcome(data: bytes) -> OutcomeDocument:
    """The document in canonical bytes; ValueError says in plain words what is wrong with them."""
    try:
        parse_canonical(data)
        return msgspec.json.decode(data, type=OutcomeDocument)
    except ValueError as error:  # msgspec's errors are ValueErrors
        raise ValueError(f"This is no outcome of the format {FORMAT}: {error}.") from error
