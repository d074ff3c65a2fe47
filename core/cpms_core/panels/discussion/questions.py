"""Ask the submitter for more data: while the panel waits for it, the ball and the clock are there.

A question goes to the submitter at once, whoever of the panel or of the ERN asks it. That the
panel waits for the answer stops the clock that was promised to the submitter, so only the lead
says that: with the own question, or to that of somebody who asks for it. When the last one that
the panel waits for is answered or taken back, the panel goes on by itself.
"""

from collections.abc import Mapping, Sequence
from uuid import UUID

from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.orm import Session

from cpms_core.access import Standing, may
from cpms_core.actor import Actor
from cpms_core.audit import Event
from cpms_core.cases.scope import find_case_to_edit
from cpms_core.clock import clock
from cpms_core.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from cpms_core.identity.models import User
from cpms_core.panels.discussion.models import PanelQuestion
from cpms_core.panels.moves import ensure_open, take
from cpms_core.panels.noting import note_of_panel
from cpms_core.panels.scope import PanelScope, find_panel
from cpms_core.panels.stages import Stage

WANTED: Mapping[str, str] = {
    "photo_face": "Photo of the face, front and profile",
    "photo_hands": "Photo of the hands",
    "photo_feet": "Photo of the feet",
    "photo_family": "Photos of parents or siblings",
    "imaging": "Images: radiographs, MR, CT",
    "growth": "Measurements of growth",
    "genetics": "Genetic reports, or what was tested",
    "laboratory": "Laboratory results",
    "pedigree": "Family history, pedigree",
    "development": "Development and behaviour",
}
"""What is asked for most often, to tick."""
WAITS_IN: Mapping[Stage, str] = {
    Stage.PANEL_SELECTION: "complete_data",
    Stage.ASSESSMENT: "ask_for_data",
}
"""Where a panel can begin to wait for the submitter, and by which step."""
_CAN_WAIT = {*WAITS_IN, Stage.DATA_COMPLETION}
LONGEST = 4000


class NewQuestion(Struct, frozen=True, kw_only=True):
    text: str
    wanted: Sequence[str] = ()
    asks_to_wait: bool = False


def ask_submitter(
    session: Session, actor: Actor, panel_id: UUID, new: NewQuestion
) -> PanelQuestion:
    scope = _locked(session, actor, panel_id, "panel.ask")
    question = PanelQuestion(
        panel_id=panel_id,
        asked_by=actor.user_id,
        text=_checked(new, can_wait=can_wait(scope)),
        wanted=[key for key in WANTED if key in new.wanted],
        asks_to_wait=new.asks_to_wait,
    )
    session.add(question)
    session.flush()
    note_of_panel(session, actor, scope, Event.QUESTION_ASKED, question.id)
    if new.asks_to_wait and Standing.LEAD in scope.subject.on_panel:
        _wait(session, actor, scope, question)
    return question


def wait_for_answer(session: Session, actor: Actor, panel_id: UUID, question_id: UUID) -> None:
    """The lead agrees that the panel cannot go on without this."""
    scope = _locked(session, actor, panel_id, "panel.steer")
    question = _open_question(session, scope, question_id)
    if question.is_blocking:
        raise ConflictError("The panel waits for this answer already.")
    if not can_wait(scope):
        raise ConflictError("From this stage the panel cannot go back to wait for data.")
    _wait(session, actor, scope, question)
    note_of_panel(session, actor, scope, Event.QUESTION_WAITED_FOR, question.id)


def answer_question(
    session: Session,
    actor: Actor,
    panel_id: UUID,
    question_id: UUID,
    answer: str,
    *,
    is_refused: bool = False,
) -> bool:
    """Answer it, or say why it cannot be had; whether the panel goes on by this."""
    scope = _locked(session, actor, panel_id, "question.answer")
    find_case_to_edit(session, actor, scope.case.id)
    question = _open_question(session, scope, question_id)
    answer = answer.strip()
    if not answer:
        what = "Say in a word why it cannot be had." if is_refused else "Write the answer."
        raise InvalidError("Nothing was sent yet.", {"answer": what})
    _ensure_short(answer, "answer")
    question.state = "refused" if is_refused else "answered"
    question.answer = answer
    question.answered_by, question.answered_at = actor.user_id, clock.now()
    session.flush()
    note_of_panel(session, actor, scope, Event.QUESTION_ANSWERED, question.id, state=question.state)
    return _go_on(session, actor, scope)


def take_back_question(session: Session, actor: Actor, panel_id: UUID, question_id: UUID) -> bool:
    """By who asked it, or by the lead; whether the panel goes on by this."""
    scope = _locked(session, actor, panel_id, "panel.ask")
    question = _open_question(session, scope, question_id)
    is_own = question.asked_by == actor.user_id
    if not is_own and not may(actor, "panel.steer", scope.subject):
        raise ForbiddenError("Who asked this question, or the lead, can take it back.")
    question.state = "taken_back"
    question.answered_by, question.answered_at = actor.user_id, clock.now()
    session.flush()
    note_of_panel(session, actor, scope, Event.QUESTION_TAKEN_BACK, question.id)
    return _go_on(session, actor, scope)


def can_wait(scope: PanelScope) -> bool:
    return scope.panel.stage in _CAN_WAIT


def _locked(session: Session, actor: Actor, panel_id: UUID, permission: str) -> PanelScope:
    """The open panel. Who does the next thing about its questions waits, and sees this one."""
    scope = find_panel(session, actor, panel_id, permission)
    session.refresh(scope.panel, with_for_update=True)
    ensure_open(scope)
    return scope


def _open_question(session: Session, scope: PanelScope, question_id: UUID) -> PanelQuestion:
    question = session.get(PanelQuestion, question_id, populate_existing=True)
    if question is None or question.panel_id != scope.panel.id:
        raise NotFoundError
    if question.state == "taken_back":
        raise ConflictError("This question was taken back, so it needs no answer any more.")
    if question.state != "open":
        name = session.scalar(select(User.name).where(User.id == question.answered_by))
        raise ConflictError(
            f"{name} has answered this question in the meantime. What you wrote was not sent; "
            "go back to copy it, or add it to the case."
        )
    return question


def _wait(session: Session, actor: Actor, scope: PanelScope, question: PanelQuestion) -> None:
    question.is_blocking = True
    session.flush()
    here = Stage(scope.panel.stage)
    if here in WAITS_IN:
        take(session, actor, scope, WAITS_IN[here])


def _go_on(session: Session, actor: Actor, scope: PanelScope) -> bool:
    """Back to the assessment, unless the panel still waits for another answer."""
    waits_for = select(PanelQuestion.id).where(
        PanelQuestion.panel_id == scope.panel.id,
        PanelQuestion.is_blocking,
        PanelQuestion.state == "open",
    )
    if scope.panel.stage != Stage.DATA_COMPLETION or session.scalar(waits_for.limit(1)):
        return False
    take(session, actor, scope, "data_is_complete")
    return True


def _checked(new: NewQuestion, *, can_wait: bool) -> str:
    text = new.text.strip()
    if not text:
        raise InvalidError("The question was not sent yet.", {"text": "Write what you ask."})
    _ensure_short(text, "text")
    if not set(new.wanted) <= WANTED.keys():
        raise InvalidError("The question was not sent yet.", {"wanted": "Tick what is listed."})
    if new.asks_to_wait and not can_wait:
        raise InvalidError(
            "The question was not sent yet.",
            {"wait": "In this stage the panel does not wait for data. Ask without this tick."},
        )
    return text


def _ensure_short(text: str, field: str) -> None:
    if len(text) > LONGEST or "\x00" in text:
        raise InvalidError(
            "This was not sent yet.",
            {field: f"Use at most {LONGEST} characters, without control characters."},
        )
