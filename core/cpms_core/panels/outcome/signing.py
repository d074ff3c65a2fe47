"""Sign an outcome with the lead's security key: the only way a panel closes.

What the key signs is bound to the frozen text by the ceremony's challenge, see `signature.py`.
"""

import hashlib
import secrets
from datetime import timedelta
from uuid import UUID

from msgspec import Struct
from sqlalchemy.orm import Session

from cpms_core.actor import Actor
from cpms_core.audit import Event
from cpms_core.clock import clock
from cpms_core.errors import ConflictError, CpmsError, InvalidError
from cpms_core.identity.ceremonies import (
    Begun,
    Confirmed,
    begin_confirmation,
    finish_confirmation,
)
from cpms_core.identity.ceremony import KeyPolicy
from cpms_core.panels.models import Outcome
from cpms_core.panels.moves import take
from cpms_core.panels.outcome.canonical import sha256_hex
from cpms_core.panels.outcome.document import Member, OutcomeDocument, encode_outcome, read_outcome
from cpms_core.panels.outcome.signature import (
    NONCE_LENGTH,
    SignedOutcome,
    challenge,
    encode_signature,
)
from cpms_core.panels.outcome.text import final_document, members_of
from cpms_core.panels.outcome.versions import note, on_sign_off
from cpms_core.panels.scope import PanelScope, change, find_panel

SILENCE_AFTER = timedelta(days=7)
"""From then on a member who has not answered no longer holds the signature up."""
_FEWEST = 2


class SigningState(Struct, frozen=True, kw_only=True):
    """Whether the lead may sign now; `blockers` say why not, one sentence each."""

    members: tuple[Member, ...]
    blockers: tuple[str, ...]


def signing_state(session: Session, outcome: Outcome) -> SigningState:
    """The rule, and all of it.

    Every member who accepted has answered this version; after seven days silence no longer counts
    if somebody beside the lead stands behind it. Nobody disagrees, or the text tells the dissent.
    """
    members = members_of(session, outcome)
    asked = [one for one in members if one.role == "member"]
    silent = [one for one in asked if one.position == "not answered"]
    behind = 1 + sum(one.position in {"agree", "remark"} for one in asked)
    against = [one for one in asked if one.position == "disagree"]
    blockers = []
    is_over = clock.now() - outcome.changed_at >= SILENCE_AFTER
    if silent and not (is_over and behind >= _FEWEST):
        names = ", ".join(one.name for one in silent)
        blockers.append(f"Not answered yet: {names}.")
    if against and not outcome.draft.get("dissent"):
        names = ", ".join(one.name for one in against)
        blockers.append(
            f"{names} disagrees. Take the text back and change it, or write the differing opinion "
            "into “Dissent”."
        )
    return SigningState(members=members, blockers=tuple(blockers))


def begin_signature(session: Session, actor: Actor, policy: KeyPolicy, panel_id: UUID) -> Begun:
    """Close the text with the positions taken, store it, and ask the lead's key to sign it."""
    scope = find_panel(session, actor, panel_id, "outcome.sign")
    outcome = on_sign_off(session, scope, locked=True)
    state = signing_state(session, outcome)
    if state.blockers:
        raise InvalidError("This cannot be signed yet. " + " ".join(state.blockers))
    frozen = encode_outcome(final_document(session, actor, outcome, _judged(outcome)))
    change(session, outcome, outcome.row_version, frozen=frozen, sha256=sha256_hex(frozen))
    nonce = secrets.token_bytes(NONCE_LENGTH)
    value = challenge(nonce, hashlib.sha256(frozen).digest())
    note(session, actor, scope, Event.CHALLENGED, outcome)
    return begin_confirmation(session, policy, actor, outcome.id, value, nonce)


def finish_signature(
    session: Session,
    actor: Actor,
    policy: KeyPolicy,
    panel_id: UUID,
    challenge_id: UUID,
    answer: bytes,
) -> Outcome:
    """Verify the key's answer, store it with the text, close the panel."""
    scope = find_panel(session, actor, panel_id, "outcome.sign")
    outcome = on_sign_off(session, scope, locked=True)
    confirmed = finish_confirmation(session, policy, actor, outcome.id, challenge_id, answer)
    try:
        _refuse_other_text(session, outcome, confirmed)
        with session.begin_nested():
            _close(session, actor, policy, scope, outcome, confirmed)
    except CpmsError as error:
        error.keeps_changes = True  # the challenge is used up, whatever came of it
        raise
    return outcome


def _close(
    session: Session,
    actor: Actor,
    policy: KeyPolicy,
    scope: PanelScope,
    outcome: Outcome,
    confirmed: Confirmed,
) -> None:
    signed = _signed(policy, outcome, confirmed)
    change(
        session,
        outcome,
        outcome.row_version,
        state="signed",
        signature=encode_signature(signed),
        signed_at=signed.signed_at,
    )
    take(session, actor, scope, "sign")
    note(session, actor, scope, Event.OUTCOME_SIGNED, outcome, sha256=outcome.sha256)


def _refuse_other_text(session: Session, outcome: Outcome, confirmed: Confirmed) -> None:
    """The key must have signed the text that is stored, and that text must hold every position."""
    frozen = outcome.frozen or b""
    bound = challenge(confirmed.challenge.nonce, hashlib.sha256(frozen).digest())
    if confirmed.challenge.value != bound:
        raise ConflictError(
            "The signing was started again in another window, so this signature was not used. "
            "Start it once more."
        )
    if _judged(outcome).members != members_of(session, outcome):
        raise ConflictError(
            "A member has answered or the panel has changed while you were signing, so this "
            "signature was not used. Read what is new, then sign again."
        )


def _judged(outcome: Outcome) -> OutcomeDocument:
    return read_outcome(outcome.frozen or b"")


def _signed(policy: KeyPolicy, outcome: Outcome, confirmed: Confirmed) -> SignedOutcome:
    return SignedOutcome(
        outcome=outcome.frozen or b"",
        nonce=confirmed.challenge.nonce,
        credential_id=confirmed.key.credential_id,
        authenticator_data=confirmed.assertion.authenticator_data,
        client_data_json=confirmed.assertion.client_data_json,
        signature=confirmed.assertion.signature,
        public_key=confirmed.key.public_key,
        rp_id=policy.rp_id,
        origin=policy.origin,
        signed_at=clock.now(),
    )
