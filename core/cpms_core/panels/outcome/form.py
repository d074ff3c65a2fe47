"""The lead's form: open it as it was left, keep what is typed, throw that away."""

from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct
from sqlalchemy.orm import Session

from cpms_core import audit
from cpms_core.actor import Actor
from cpms_core.audit import Event
from cpms_core.cases.models import RecordDraft
from cpms_core.clock import clock
from cpms_core.datasets import records
from cpms_core.errors import InvalidError
from cpms_core.panels.models import Outcome
from cpms_core.panels.outcome.outcomes import DATASET, Form
from cpms_core.panels.outcome.typed import KEY, drop_typing, find_typing, typing_key
from cpms_core.panels.outcome.versions import drafted
from cpms_core.panels.scope import find_panel

_LONGEST_DRAFT = 500_000


class OutcomeForm(Struct, frozen=True, kw_only=True):
    """The lead's form as it was left: saved, or typed since and not saved."""

    outcome: Outcome
    values: Any
    row_version: int
    draft_at: datetime | None


def open_outcome_form(session: Session, actor: Actor, panel_id: UUID) -> OutcomeForm:
    scope = find_panel(session, actor, panel_id, "panel.steer")
    outcome = drafted(session, scope)
    typed = find_typing(session, actor, scope)
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
    drafted(session, scope)
    kept = records.raw_form(DATASET, form)
    if sum(len(text) for texts in kept.values() for text in texts) > _LONGEST_DRAFT:
        raise InvalidError("This is more text than an outcome can hold.")
    typed = find_typing(session, actor, scope)
    if typed is None:
        typed = RecordDraft(case_id=scope.case.id, dataset=typing_key(scope))
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
