"""What was asked of the submitter, and what was answered: for the pages of its panel and case.

All of it is for whoever reads the case. An ERN's triage, which sees the summary only, sees what it
has asked itself.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from cpms_core.access import may
from cpms_core.actor import Actor
from cpms_core.audit import Event
from cpms_core.identity.models import User
from cpms_core.panels.discussion.models import PanelQuestion
from cpms_core.panels.discussion.questions import WANTED, can_wait
from cpms_core.panels.models import Panel
from cpms_core.panels.noting import note_of_panel
from cpms_core.panels.page.frame import Frame, panel_frame
from cpms_core.panels.scope import PanelScope, find_panel
from cpms_core.panels.stages import ENDED
from cpms_core.registry import Registry


class Want(Struct, frozen=True):
    title: str
    at: str
    """The part of the case's page where it is added; empty for what stands in a form."""


class Question(Struct, frozen=True, kw_only=True):
    id: UUID
    panel_id: UUID
    number: str
    """Of its panel."""
    text: str
    wanted: tuple[Want, ...]
    asker: str
    asked_at: datetime
    state: str
    is_blocking: bool
    is_proposed: bool
    """Its asker would wait for the answer, and the lead has not said so yet."""
    answer: str
    answerer: str
    answered_at: datetime | None
    """Or taken back."""
    asker_id: UUID
    answerer_id: UUID | None
    is_mine: bool

    @property
    def is_open(self) -> bool:
        return self.state == "open"


class Questions(Struct, frozen=True, kw_only=True):
    """The questions of one panel as one reader sees them, and what the reader can do here."""

    panel_id: UUID
    all: tuple[Question, ...]
    waiting: int
    """How many are open, also of those that the reader does not see."""
    may_ask: bool
    may_steer: bool
    may_answer: bool
    can_wait: bool
    """Whether a question can make the panel wait now."""

    @property
    def open(self) -> tuple[Question, ...]:
        return tuple(one for one in self.all if one.is_open)

    @property
    def ended(self) -> tuple[Question, ...]:
        return tuple(one for one in self.all if not one.is_open)

    @property
    def waits(self) -> bool:
        return any(one.is_blocking for one in self.open)


def questions_page(
    session: Session, actor: Actor, registry: Registry, panel_id: UUID
) -> tuple[Frame, Questions]:
    """The page of the questions of one panel; the reading is an audit event."""
    scope = find_panel(session, actor, panel_id, "case.summary")
    note_of_panel(session, actor, scope, Event.CASE_READ)
    frame = panel_frame(session, actor, registry, scope)
    return frame, read_questions(session, actor, scope)


def read_questions(session: Session, actor: Actor, scope: PanelScope) -> Questions:
    """Oldest first."""
    rows = _rows(session, actor.user_id, PanelQuestion.panel_id == scope.panel.id)
    is_whole = may(actor, "case.read", scope.subject)
    is_running = scope.panel.stage not in ENDED
    return Questions(
        panel_id=scope.panel.id,
        all=tuple(one for one in rows if is_whole or one.is_mine),
        waiting=sum(one.is_open for one in rows),
        may_ask=is_running and may(actor, "panel.ask", scope.subject),
        may_steer=is_running and may(actor, "panel.steer", scope.subject),
        may_answer=is_running and may(actor, "question.answer", scope.subject),
        can_wait=is_running and can_wait(scope),
    )


def open_questions(session: Session, actor: Actor, case_id: UUID) -> tuple[Question, ...]:
    """What its panels wait for, then what they would like to know.

    The caller has asked who may read them.
    """
    found = _rows(
        session,
        actor.user_id,
        Panel.case_id == case_id,
        PanelQuestion.state == "open",
        Panel.stage.not_in([str(stage) for stage in ENDED]),
    )
    return tuple(sorted(found, key=lambda one: not one.is_blocking))


def _wants(keys: Sequence[str]) -> tuple[Want, ...]:
    return tuple(Want(WANTED.get(key, key), _AT.get(key.partition("_")[0], "")) for key in keys)


_AT = {"photo": "images", "imaging": "files"}


def _rows(session: Session, reader_id: UUID, *where: Any) -> tuple[Question, ...]:
    answerer = aliased(User)
    rows = session.execute(
        select(PanelQuestion, Panel.number, User.name, answerer.name)
        .join(Panel, Panel.id == PanelQuestion.panel_id)
        .join(User, User.id == PanelQuestion.asked_by)
        .outerjoin(answerer, answerer.id == PanelQuestion.answered_by)
        .where(*where)
        .order_by(PanelQuestion.asked_at, PanelQuestion.id)
    )
    return tuple(_question(reader_id, *row) for row in rows)


def _question(
    reader_id: UUID, row: PanelQuestion, number: str, asker: str, answerer: str | None
) -> Question:
    return Question(
        id=row.id,
        panel_id=row.panel_id,
        number=number,
        text=row.text,
        wanted=_wants(row.wanted),
        asker=asker,
        asked_at=row.asked_at,
        state=row.state,
        is_blocking=row.is_blocking,
        is_proposed=row.asks_to_wait and not row.is_blocking,
        answer=row.answer,
        answerer=answerer or "",
        answered_at=row.answered_at,
        asker_id=row.asked_by,
        answerer_id=row.answered_by,
        is_mine=row.asked_by == reader_id,
    )
