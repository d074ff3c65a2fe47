"""Draft an outcome, put it to the members, take it back; amend it once it is signed.

What the members say stands in `positions.py`, signing in `signing.py`.
"""

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy.orm import Session

from cpms_core.actor import Actor
from cpms_core.audit import Event
from cpms_core.clock import clock
from cpms_core.datasets import records
from cpms_core.declarations import Dataset
from cpms_core.errors import ConflictError, InvalidError
from cpms_core.panels.models import Outcome
from cpms_core.panels.moves import take
from cpms_core.panels.outcome.canonical import sha256_hex
from cpms_core.panels.outcome.document import encode_outcome
from cpms_core.panels.outcome.draft import OutcomeDraft, missing_parts
from cpms_core.panels.outcome.text import judged_document
from cpms_core.panels.outcome.typed import KEY, drop_typing, find_typing
from cpms_core.panels.outcome.versions import (
    add_version,
    drafted,
    newest_outcome,
    newest_signed,
    note,
    on_sign_off,
    read_draft,
)
from cpms_core.panels.scope import change, find_panel
from cpms_core.registry import Registry
from cpms_core.terminology.search import resolve

DATASET = Dataset(key=KEY, title="Outcome", schema=OutcomeDraft)

Form = Mapping[str, Sequence[str]]


def start_outcome(
    session: Session, actor: Actor, panel_id: UUID, seen: int, reason: str = ""
) -> Outcome:
    """From the assessment to a draft: empty, or after a reopening what was signed before."""
    scope = find_panel(session, actor, panel_id, "panel.steer")
    reason = reason.strip()
    take(session, actor, scope, "draft", seen=seen, said=reason)
    if reason:
        scope.panel.few_reason = reason
    outcome = newest_outcome(session, panel_id)
    if outcome is None or outcome.state != "draft":
        outcome = add_version(session, actor, panel_id, outcome)
    note(session, actor, scope, Event.OUTCOME_DRAFTED, outcome)
    return outcome


def save_outcome_draft(
    session: Session, actor: Actor, panel_id: UUID, form: Form, seen: int
) -> Outcome:
    """Save the draft; InvalidError names every wrong field, ConflictError holds both versions."""
    scope = find_panel(session, actor, panel_id, "panel.steer")
    outcome = drafted(session, scope)
    # Two saves at once: the second waits, and finds the first one's text to show beside its own.
    session.refresh(outcome, with_for_update=True)
    parsed = records.parse(
        DATASET,
        form,
        resolve=lambda systems, text: resolve(session, systems, text),
        before=outcome.draft or None,
    )
    if parsed.errors or parsed.value is None:
        raise InvalidError(
            "Some entries need your attention. What you typed is kept, but not saved yet.",
            parsed.errors,
        )
    if outcome.row_version != seen:
        raise ConflictError(
            "The draft was saved elsewhere after you opened it. Nothing of either is lost.",
            theirs=outcome.draft,
            yours=parsed.value,
        )
    change(
        session,
        outcome,
        seen,
        draft=records.encode(parsed.value),
        changed_at=clock.now(),
        changed_by=actor.user_id,
    )
    drop_typing(session, actor, scope)
    note(session, actor, scope, Event.OUTCOME_DRAFTED, outcome)
    return outcome


def put_to_members(
    session: Session, actor: Actor, registry: Registry, site_name: str, panel_id: UUID, seen: int
) -> Outcome:
    """Freeze the draft as one text that every member judges."""
    scope = find_panel(session, actor, panel_id, "panel.steer")
    outcome = drafted(session, scope)
    opinion = read_draft(outcome)
    missing = missing_parts(opinion) if opinion else ("Write and save the draft first.",)
    if opinion is None or missing:
        raise InvalidError(
            "The outcome is not complete yet, so it was not put to the members: "
            + " ".join(missing)
        )
    if find_typing(session, actor, scope) is not None:
        raise InvalidError(
            "You have typed something that is not saved yet. Save the draft, then put it to the "
            "members."
        )
    take(session, actor, scope, "put")
    document = judged_document(session, registry, scope, outcome, opinion, site_name)
    frozen = encode_outcome(document)
    change(
        session,
        outcome,
        seen,
        state="sign_off",
        frozen=frozen,
        sha256=sha256_hex(frozen),
        changed_at=clock.now(),
        changed_by=actor.user_id,
    )
    note(session, actor, scope, Event.OUTCOME_PUT_TO_MEMBERS, outcome)
    return outcome


def take_back(session: Session, actor: Actor, panel_id: UUID) -> Outcome:
    """Back to the draft: the members will be asked about the next version, not this one."""
    scope = find_panel(session, actor, panel_id, "panel.steer")
    outcome = on_sign_off(session, scope)
    change(session, outcome, outcome.row_version, state="superseded")
    take(session, actor, scope, "take_back")
    renewed = add_version(session, actor, panel_id, outcome, outcome.reason)
    note(session, actor, scope, Event.OUTCOME_TAKEN_BACK, outcome)
    return renewed


def amend_outcome(
    session: Session, actor: Actor, panel_id: UUID, seen: int, reason: str
) -> Outcome:
    """A next version from the signed text; that one holds until the next is signed."""
    scope = find_panel(session, actor, panel_id, "panel.steer")
    reason = reason.strip()
    take(session, actor, scope, "amend", seen=seen, said=reason)
    signed = newest_signed(session, panel_id)
    if signed is None:
        raise ConflictError("No outcome of this panel was signed, so there is none to amend.")
    renewed = add_version(session, actor, panel_id, newest_outcome(session, panel_id), reason)
    renewed.draft = dict(signed.draft)
    note(session, actor, scope, Event.OUTCOME_DRAFTED, renewed)
    return renewed


def keep_signed_outcome(session: Session, actor: Actor, panel_id: UUID) -> None:
    """Drop the draft of an amendment: the signed outcome stands, and the panel is closed again."""
    scope = find_panel(session, actor, panel_id, "panel.steer")
    outcome = drafted(session, scope)
    take(session, actor, scope, "keep")
    change(session, outcome, outcome.row_version, state="superseded")
    drop_typing(session, actor, scope)
    note(session, actor, scope, Event.OUTCOME_TAKEN_BACK, outcome)
