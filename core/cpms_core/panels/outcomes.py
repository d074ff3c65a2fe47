"""Draft an outcome, put it to the members, take their positions, take it back.

Signing stands in `signing.py`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from cpms_core import audit
from cpms_core.access import ensure
from cpms_core.actor import Actor
from cpms_core.audit import Event
from cpms_core.cases.models import RecordDraft
from cpms_core.clock import clock
from cpms_core.datasets import records
from cpms_core.declarations import Dataset
from cpms_core.errors import ConflictError, InvalidError, NotFoundError
from cpms_core.panels.canonical import sha256_hex
from cpms_core.panels.models import Outcome, Position
from cpms_core.panels.moves import ensure_open, take
from cpms_core.panels.outcome_document import encode_outcome
from cpms_core.panels.outcome_draft import OutcomeDraft, missing_parts
from cpms_core.panels.outcome_text import judged_document
from cpms_core.panels.scope import PanelScope, change, find_member, find_panel
from cpms_core.registry import Registry
from cpms_core.terminology.search import resolve

KEY = "core.outcome"
DATASET = Dataset(key=KEY, title="Outcome", schema=OutcomeDraft)
VERDICTS = {"agree": "I agree", "remark": "I agree with a remark", "disagree": "I disagree"}
_LONGEST_REMARK = 5000
_LONGEST_DRAFT = 500_000

Form = Mapping[str, Sequence[str]]


class OutcomeForm(Struct, frozen=True, kw_only=True):
    """The lead's form as it was left: saved, or typed since and not saved."""

    outcome: Outcome
    values: Any
    row_version: int
    draft_at: datetime | None


def start_outcome(
    session: Session, actor: Actor, panel_id: UUID, seen: int, reason: str = ""
) -> Outcome:
    """From the assessment to the outcome's first, empty draft."""
    scope = find_panel(session, actor, panel_id, "panel.steer")
    reason = reason.strip()
    take(session, actor, scope, "draft", seen=seen, said=reason)
    if reason:
        scope.panel.few_reason = reason
    outcome = newest_outcome(session, panel_id)
    if outcome is None:
        outcome = _add_version(session, actor, panel_id, 1, {})
    _note(session, actor, scope, Event.OUTCOME_DRAFTED, outcome)
    return outcome


def open_outcome_form(session: Session, actor: Actor, panel_id: UUID) -> OutcomeForm:
    scope = find_panel(session, actor, panel_id, "panel.steer")
    outcome = _drafted(session, scope)
    typed = _typing(session, actor, scope)
    if typed is not None:
        values: Any = records.raw_form(DATASET, typed.form)
    else:
        values = records.as_form(DATASET, outcome.draft or None)
    return OutcomeForm(
        outcome=outcome,
        values=values,
        row_version=typed.base_revision if typed else outcome.row_version,
        draft_at=typed.typed_at if typed else None,
    )


def keep_outcome_typing(
    session: Session, actor: Actor, panel_id: UUID, form: Form, seen: int
) -> datetime:
    """Keep what was typed, right or wrong, until it is saved."""
    scope = find_panel(session, actor, panel_id, "panel.steer")
    _drafted(session, scope)
    kept = records.raw_form(DATASET, form)
    if sum(len(text) for texts in kept.values() for text in texts) > _LONGEST_DRAFT:
        raise InvalidError("This is more text than an outcome can hold.")
    typed = _typing(session, actor, scope)
    if typed is None:
        typed = RecordDraft(case_id=scope.case.id, dataset=_typing_key(scope))
        typed.author_id = actor.user_id
        session.add(typed)
    typed.form, typed.base_revision, typed.typed_at = dict(kept), seen, clock.now()
    audit.record(
        session,
        actor,
        Event.RECORD_DRAFTED,
        case_id=scope.case.id,
        hcp_id=scope.case.hcp_id,
        dataset=KEY,
    )
    return typed.typed_at


def discard_outcome_typing(session: Session, actor: Actor, panel_id: UUID) -> None:
    """Throw away what was typed and not saved, because its author says so."""
    scope = find_panel(session, actor, panel_id, "panel.steer")
    drop_typing(session, actor, scope)
    audit.record(
        session,
        actor,
        Event.RECORD_DRAFT_DROPPED,
        case_id=scope.case.id,
        hcp_id=scope.case.hcp_id,
        dataset=KEY,
    )


def save_outcome_draft(
    session: Session, actor: Actor, panel_id: UUID, form: Form, seen: int
) -> Outcome:
    """Save the draft; InvalidError names every wrong field, ConflictError holds both versions."""
    scope = find_panel(session, actor, panel_id, "panel.steer")
    outcome = _drafted(session, scope)
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
    _note(session, actor, scope, Event.OUTCOME_DRAFTED, outcome)
    return outcome


def put_to_members(
    session: Session, actor: Actor, registry: Registry, site_name: str, panel_id: UUID, seen: int
) -> Outcome:
    """Freeze the draft as one text that every member judges."""
    scope = find_panel(session, actor, panel_id, "panel.steer")
    outcome = _drafted(session, scope)
    opinion = read_draft(outcome)
    missing = missing_parts(opinion) if opinion else ("Write and save the draft first.",)
    if opinion is None or missing:
        raise InvalidError(
            "The outcome is not complete yet, so it was not put to the members: "
            + " ".join(missing)
        )
    if _typing(session, actor, scope) is not None:
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
    _note(session, actor, scope, Event.OUTCOME_PUT_TO_MEMBERS, outcome)
    return outcome


def give_position(
    session: Session,
    actor: Actor,
    panel_id: UUID,
    version: int,
    verdict: str,
    remark: str = "",
    about: Sequence[int] = (),
) -> Position:
    """Agree or not with one version of the text; may be changed until it is signed."""
    scope = find_panel(session, actor, panel_id, "outcome.judge")
    member = find_member(session, panel_id, actor.user_id)
    if member is None or member.role == "lead":
        raise InvalidError("The lead agrees by signing, so there is nothing to answer here.")
    outcome = on_sign_off(session, scope, locked=True)
    if outcome.version != version:
        raise ConflictError(
            f"The text has changed: version {outcome.version} is asked about now. "
            "Read it, then answer again."
        )
    remark = remark.strip()
    _check_position(outcome, verdict, remark, about)
    # A signature that was begun on the text without this answer must not go through.
    change(session, outcome, outcome.row_version)
    position = session.scalar(
        select(Position).where(Position.outcome_id == outcome.id, Position.user_id == actor.user_id)
    ) or Position(outcome_id=outcome.id, user_id=actor.user_id)
    position.verdict, position.given_at = verdict, clock.now()
    position.remark = "" if verdict == "agree" else remark
    position.about = [] if verdict == "agree" else sorted(set(about))
    session.add(position)
    session.flush()
    _note(session, actor, scope, Event.POSITION_GIVEN, outcome, verdict=verdict)
    return position


def take_back(session: Session, actor: Actor, panel_id: UUID) -> Outcome:
    """Back to the draft: the members will be asked about the next version, not this one."""
    scope = find_panel(session, actor, panel_id, "panel.steer")
    outcome = on_sign_off(session, scope)
    change(session, outcome, outcome.row_version, state="superseded")
    take(session, actor, scope, "take_back")
    renewed = _add_version(session, actor, panel_id, outcome.version + 1, outcome.draft)
    _note(session, actor, scope, Event.OUTCOME_TAKEN_BACK, outcome)
    return renewed


# --- what the other modules ask for ---


def newest_outcome(session: Session, panel_id: UUID) -> Outcome | None:
    return session.scalar(
        select(Outcome)
        .where(Outcome.panel_id == panel_id)
        .order_by(Outcome.version.desc())
        .limit(1)
    )


def on_sign_off(session: Session, scope: PanelScope, *, locked: bool = False) -> Outcome:
    """The text that the members judge; with `locked` others wait until this transaction ends."""
    if locked:
        session.refresh(scope.panel, with_for_update=True)
    ensure_open(scope)
    outcome = newest_outcome(session, scope.panel.id)
    if outcome is None or outcome.state != "sign_off":
        raise ConflictError("No text is with the members now; look at the panel as it is.")
    return outcome


def find_outcome(
    session: Session, actor: Actor, outcome_id: UUID, permission: str = "outcome.read"
) -> tuple[PanelScope, Outcome]:
    outcome = session.get(Outcome, outcome_id)
    if outcome is None:
        raise NotFoundError
    scope = find_panel(session, actor, outcome.panel_id, permission)
    if outcome.state != "signed":
        # An unsigned text is the panel's own business.
        ensure(actor, "outcome.judge", scope.subject, visible=False)
    return scope, outcome


def read_draft(outcome: Outcome) -> OutcomeDraft | None:
    """None while nothing was saved."""
    return msgspec.convert(outcome.draft, OutcomeDraft) if outcome.draft else None


def drop_typing(session: Session, actor: Actor, scope: PanelScope) -> None:
    session.execute(
        delete(RecordDraft).where(
            RecordDraft.case_id == scope.case.id,
            RecordDraft.dataset == _typing_key(scope),
            RecordDraft.author_id == actor.user_id,
        )
    )


def _drafted(session: Session, scope: PanelScope) -> Outcome:
    ensure_open(scope)
    outcome = newest_outcome(session, scope.panel.id)
    if outcome is None or outcome.state != "draft":
        raise ConflictError("There is no draft to write in now; look at the panel as it is.")
    return outcome


def _add_version(
    session: Session, actor: Actor, panel_id: UUID, version: int, draft: dict[str, Any]
) -> Outcome:
    outcome = Outcome(
        panel_id=panel_id, version=version, draft=dict(draft), changed_by=actor.user_id
    )
    session.add(outcome)
    session.flush()
    return outcome


def _typing(session: Session, actor: Actor, scope: PanelScope) -> RecordDraft | None:
    return session.scalar(
        select(RecordDraft).where(
            RecordDraft.case_id == scope.case.id,
            RecordDraft.dataset == _typing_key(scope),
            RecordDraft.author_id == actor.user_id,
        )
    )


def _typing_key(scope: PanelScope) -> str:
    """A case may have two panels, each with its own outcome."""
    return f"{KEY} {scope.panel.number}"


def _check_position(outcome: Outcome, verdict: str, remark: str, about: Sequence[int]) -> None:
    wrong = {}
    if verdict not in VERDICTS:
        wrong["verdict"] = "Choose one."
    elif verdict != "agree" and not remark:
        wrong["remark"] = "Say in a sentence what you would change or add."
    if len(remark) > _LONGEST_REMARK or "\x00" in remark:
        wrong["remark"] = f"Use at most {_LONGEST_REMARK} characters, without control characters."
    if not set(about) <= set(range(1, len(outcome.draft.get("recommendations", [])) + 1)):
        wrong["about"] = "Choose recommendations of this text."
    if wrong:
        raise InvalidError("Your answer was not taken yet.", wrong)


def _note(
    session: Session,
    actor: Actor,
    scope: PanelScope,
    event: Event,
    outcome: Outcome,
    *,
    verdict: str | None = None,
) -> None:
    audit.record(
        session,
        actor,
        event,
        case_id=scope.case.id,
        hcp_id=scope.case.hcp_id,
        ern_id=scope.panel.ern_id,
        subject_id=outcome.id,
        version=outcome.version,
        verdict=verdict,
    )
