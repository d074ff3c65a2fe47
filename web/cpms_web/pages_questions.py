"""Questions of a panel to the submitter: ask, wait for the answer, answer, take back."""

from uuid import UUID

from cpms_core import Answer, Data, Page, Redirect, route
from cpms_core.audit import Event
from cpms_core.errors import ConflictError, InvalidError
from cpms_core.http.visit import PageVisit
from cpms_core.panels.discussion.question_queries import questions_page
from cpms_core.panels.discussion.question_typing import (
    drop_answer,
    drop_question,
    keep_answer,
    keep_question,
    typed_answers,
    typed_question,
)
from cpms_core.panels.discussion.questions import (
    WANTED,
    NewQuestion,
    answer_question,
    ask_submitter,
    take_back_question,
    wait_for_answer,
)
from cpms_web.panel_frame import around

_QUESTIONS = "/panels/{panel_id:uuid}/questions"
_ONE = _QUESTIONS + "/{question_id:uuid}"
_SHOWN_AGAIN = 1_000_000
"""Characters; what is too long comes back in its form, to be shortened."""
_GOES_ON = "The panel goes on, and so does its clock."


@route("GET", _QUESTIONS, permission="case.summary", event=Event.CASE_READ)
def show_questions(visit: PageVisit, panel_id: UUID) -> Answer:
    return _page(visit, panel_id)


@route("POST", _QUESTIONS, permission="panel.ask", event=Event.QUESTION_ASKED)
def ask(visit: PageVisit, panel_id: UUID) -> Answer:
    new = _typed(visit)
    try:
        asked = ask_submitter(visit.session, visit.actor, panel_id, new)
    except (InvalidError, ConflictError) as error:
        return _page(visit, panel_id, error, new=new)
    drop_question(visit.session, visit.actor, panel_id)
    said = "The submitter has your question."
    if asked.is_blocking:
        said += " The clock stands still until it is answered."
    elif asked.asks_to_wait:
        said += " The lead sees that you would wait for the answer."
    return Redirect(f"/panels/{panel_id}", said)


@route("POST", _QUESTIONS + "/typing", permission="panel.ask", event=Event.RECORD_DRAFTED)
def keep_asking(visit: PageVisit, panel_id: UUID) -> Answer:
    """What the page's script sends while somebody types."""
    kept_at = keep_question(visit.session, visit.actor, panel_id, _typed(visit))
    return Data(value={"kept_at": kept_at})


@route("POST", _ONE + "/typing", permission="question.answer", event=Event.RECORD_DRAFTED)
def keep_answering(visit: PageVisit, panel_id: UUID, question_id: UUID) -> Answer:
    text = visit.field("answer", max_length=_SHOWN_AGAIN)
    kept_at = keep_answer(visit.session, visit.actor, panel_id, question_id, text)
    return Data(value={"kept_at": kept_at})


@route("POST", _ONE + "/wait", permission="panel.steer", event=Event.QUESTION_WAITED_FOR)
def wait(visit: PageVisit, panel_id: UUID, question_id: UUID) -> Answer:
    wait_for_answer(visit.session, visit.actor, panel_id, question_id)
    return Redirect(f"/panels/{panel_id}", "The panel waits for the submitter; the clock stops.")


@route("POST", _ONE + "/answer", permission="question.answer", event=Event.QUESTION_ANSWERED)
def answer(visit: PageVisit, panel_id: UUID, question_id: UUID) -> Answer:
    text = visit.field("answer", max_length=_SHOWN_AGAIN)
    is_refused = visit.field("say", max_length=10) == "refused"
    try:
        goes_on = answer_question(
            visit.session, visit.actor, panel_id, question_id, text, is_refused=is_refused
        )
    except (InvalidError, ConflictError) as error:
        return _page(visit, panel_id, error, answered=(question_id, text))
    drop_answer(visit.session, visit.actor, panel_id, question_id)
    return Redirect(
        f"/panels/{panel_id}", f"The panel has your answer. {_GOES_ON if goes_on else ''}".strip()
    )


@route("POST", _ONE + "/back", permission="panel.ask", event=Event.QUESTION_TAKEN_BACK)
def take_back(visit: PageVisit, panel_id: UUID, question_id: UUID) -> Answer:
    goes_on = take_back_question(visit.session, visit.actor, panel_id, question_id)
    return Redirect(
        f"/panels/{panel_id}", f"The question is taken back. {_GOES_ON if goes_on else ''}".strip()
    )


def _typed(visit: PageVisit) -> NewQuestion:
    return NewQuestion(
        text=visit.field("text", max_length=_SHOWN_AGAIN),
        wanted=visit.form.get("wanted", []),
        asks_to_wait=visit.field("wait", max_length=3) == "on",
    )


def _page(
    visit: PageVisit,
    panel_id: UUID,
    error: InvalidError | ConflictError | None = None,
    *,
    new: NewQuestion | None = None,
    answered: tuple[UUID, str] | None = None,
) -> Page:
    """With what was typed and could not be taken: a new question, or an answer to one."""
    frame, questions = questions_page(visit.session, visit.actor, visit.site.registry, panel_id)
    status = 409 if isinstance(error, ConflictError) else 422 if error else 200
    values = {
        **around(visit, frame.case_id, "questions"),
        "shown": frame,
        "questions": questions,
        "choices": WANTED,
        "new": new or typed_question(visit.session, visit.actor, panel_id),
        "typed": typed_answers(visit.session, visit.actor, frame.case_id),
        "answered": {answered[0]: answered[1]} if answered else {},
        "error": str(error) if error else "",
        "fields": error.fields if isinstance(error, InvalidError) else {},
    }
    return Page(template="web/questions.html", values=values, status=status)


ROUTES = (show_questions, ask, keep_asking, keep_answering, wait, answer, take_back)
