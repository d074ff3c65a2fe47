"""What a member has typed and not given yet: kept while it is typed, found again anywhere.

`place` says in which form of a panel: empty for the one at the discussion's end, `quick`,
`reply <id>` or `change <id>`.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct
from sqlalchemy.orm import Session

from cpms_core.actor import Actor
from cpms_core.audit import Event
from cpms_core.cases.models import RecordDraft
from cpms_core.cases.records import drop_draft, find_draft
from cpms_core.clock import clock
from cpms_core.datasets import records
from cpms_core.errors import InvalidError
from cpms_core.panels.discussion.opinion import DATASET, KEY, Form, opinion_of
from cpms_core.panels.discussion.scope import find_discussed, find_own
from cpms_core.panels.noting import note_of_panel
from cpms_core.panels.scope import PanelScope

_LONGEST = 200_000


class OpinionForm(Struct, frozen=True, kw_only=True):
    """A form as it was left: given, or typed since."""

    values: records.Form
    row_version: int = 0
    """Of the contribution that is changed; 0 for a new one."""
    typed_at: datetime | None = None


def open_form(session: Session, actor: Actor, scope: PanelScope, place: str = "") -> OpinionForm:
    """The form of a new contribution or reply."""
    typed = find_draft(session, actor, scope.case.id, _key(scope, place))
    return _as_left(typed) if typed else OpinionForm(values=records.as_form(DATASET, None))


def open_change(
    session: Session, actor: Actor, panel_id: UUID, contribution_id: UUID
) -> OpinionForm:
    scope, given = find_own(session, actor, panel_id, contribution_id)
    typed = find_draft(session, actor, scope.case.id, _key(scope, changing(contribution_id)))
    if typed:
        return _as_left(typed)
    values = records.as_form(DATASET, opinion_of(given))
    return OpinionForm(values=values, row_version=given.row_version)


def keep_typing(
    session: Session, actor: Actor, panel_id: UUID, form: Form, place: str = "", seen: int = 0
) -> datetime:
    """Keep what was typed, right or wrong, until it is given or thrown away."""
    scope = find_discussed(session, actor, panel_id)
    typed = records.raw_form(DATASET, form)
    if sum(len(text) for texts in typed.values() for text in texts) > _LONGEST:
        raise InvalidError("This is more text than a contribution can hold.")
    key, now = _key(scope, place), clock.now()
    draft = find_draft(session, actor, scope.case.id, key)
    if draft is None:
        draft = RecordDraft(case_id=scope.case.id, dataset=key, author_id=actor.user_id)
        session.add(draft)
    draft.form, draft.base_revision, draft.typed_at = dict(typed), seen, now
    note_of_panel(session, actor, scope, Event.RECORD_DRAFTED, dataset=KEY)
    return now


def drop_typing(session: Session, actor: Actor, scope: PanelScope, place: str = "") -> None:
    drop_draft(session, actor, scope.case.id, _key(scope, place))


def discard_typing(session: Session, actor: Actor, panel_id: UUID, place: str = "") -> None:
    """Throw away what was typed, because its author says so."""
    scope = find_discussed(session, actor, panel_id)
    drop_typing(session, actor, scope, place)
    note_of_panel(session, actor, scope, Event.RECORD_DRAFT_DROPPED, dataset=KEY)


def changing(contribution_id: UUID) -> str:
    return f"change {contribution_id}"


def replying(contribution_id: UUID) -> str:
    return f"reply {contribution_id}"


def _as_left(typed: RecordDraft) -> OpinionForm:
    values: Any = records.raw_form(DATASET, typed.form)
    return OpinionForm(values=values, row_version=typed.base_revision, typed_at=typed.typed_at)


def _key(scope: PanelScope, place: str) -> str:
    """A case may have two panels, each with its own discussion."""
    return f"{KEY} {scope.panel.number} {place}".rstrip()
