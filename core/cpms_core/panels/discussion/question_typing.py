"""What was typed and not sent yet: a question to the submitter, or the answer to one."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from cpms_core.actor import Actor
from cpms_core.audit import Event
from cpms_core.cases.models import RecordDraft
from cpms_core.cases.records import drop_draft, find_draft
from cpms_core.clock import clock
from cpms_core.errors import NotFoundError
from cpms_core.panels.discussion.models import PanelQuestion
from cpms_core.panels.discussion.questions import NewQuestion
from cpms_core.panels.noting import note_of_panel
from cpms_core.panels.scope import PanelScope, find_panel

_QUESTION, _ANSWER = "core.question", "core.answer"


def keep_question(session: Session, actor: Actor, panel_id: UUID, new: NewQuestion) -> datetime:
    scope = find_panel(session, actor, panel_id, "panel.ask")
    return _keep(session, actor, scope, _of_panel(scope), msgspec.to_builtins(new))


def keep_answer(
    session: Session, actor: Actor, panel_id: UUID, question_id: UUID, text: str
) -> datetime:
    scope = find_panel(session, actor, panel_id, "question.answer")
    question = session.get(PanelQuestion, question_id)
    if question is None or question.panel_id != panel_id:
        raise NotFoundError
    return _keep(session, actor, scope, _to(question_id), {"text": text})


def typed_question(session: Session, actor: Actor, panel_id: UUID) -> NewQuestion:
    """As its form was left; an empty one if nothing was typed."""
    scope = find_panel(session, actor, panel_id, "case.summary")
    draft = find_draft(session, actor, scope.case.id, _of_panel(scope))
    return msgspec.convert(draft.form, NewQuestion) if draft else NewQuestion(text="")


def typed_answers(session: Session, actor: Actor, case_id: UUID) -> Mapping[UUID, str]:
    """By question."""
    rows = session.execute(
        select(RecordDraft.dataset, RecordDraft.form).where(
            RecordDraft.case_id == case_id,
            RecordDraft.author_id == actor.user_id,
            RecordDraft.dataset.startswith(f"{_ANSWER} "),
        )
    )
    return {UUID(row.dataset.partition(" ")[2]): row.form["text"] for row in rows}


def drop_question(session: Session, actor: Actor, panel_id: UUID) -> None:
    """Once it is asked."""
    scope = find_panel(session, actor, panel_id, "panel.ask")
    drop_draft(session, actor, scope.case.id, _of_panel(scope))


def drop_answer(session: Session, actor: Actor, panel_id: UUID, question_id: UUID) -> None:
    """Once it is given."""
    scope = find_panel(session, actor, panel_id, "question.answer")
    drop_draft(session, actor, scope.case.id, _to(question_id))


def _keep(
    session: Session, actor: Actor, scope: PanelScope, key: str, form: dict[str, Any]
) -> datetime:
    draft = find_draft(session, actor, scope.case.id, key)
    if draft is None:
        draft = RecordDraft(case_id=scope.case.id, dataset=key, author_id=actor.user_id)
        session.add(draft)
    draft.form, draft.base_revision, draft.typed_at = form, 0, clock.now()
    note_of_panel(session, actor, scope, Event.RECORD_DRAFTED, dataset=key.partition(" ")[0])
    return draft.typed_at


def _of_panel(scope: PanelScope) -> str:
    return f"{_QUESTION} {scope.panel.number}"


def _to(question_id: UUID) -> str:
    return f"{_ANSWER} {question_id}"
