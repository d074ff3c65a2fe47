"""After an outcome: what became of the advice, asking to reopen, archiving."""

from typing import Any
from uuid import UUID

from cpms_core import Answer, Page, Redirect, route
from cpms_core.audit import Event
from cpms_core.errors import InvalidError
from cpms_core.http.visit import PageVisit
from cpms_core.panels.after.archiving import archive_panel
from cpms_core.panels.after.follow_up import answer_advice, find_asked, tell_story
from cpms_core.panels.after.reopening import ask_to_reopen, decide_reopening, reopen_panel
from cpms_web.panel_frame import seen

_FOLLOW_UP = "/follow-ups/{follow_up_id:uuid}"
_PANEL = "/panels/{panel_id:uuid}"
_LONGEST = 10_000


@route(
    "POST", _FOLLOW_UP + "/answer", permission="follow_up.answer", event=Event.FOLLOW_UP_ANSWERED
)
def answer(visit: PageVisit, follow_up_id: UUID) -> Answer:
    """One tap: with the script the line alone is drawn anew, without it the page."""
    number = _number(visit)
    try:
        told = answer_advice(
            visit.session,
            visit.actor,
            follow_up_id,
            number,
            visit.field("said", max_length=20),
            visit.field("why", max_length=_LONGEST),
        )
    except InvalidError as error:
        return _line(visit, follow_up_id, number, error)
    if visit.is_htmx:
        return _line(visit, follow_up_id, number)
    return Redirect(_back(visit, told.panel_id, follow_up_id), "Noted. The panel sees it.")


@route("POST", _FOLLOW_UP + "/note", permission="follow_up.answer", event=Event.FOLLOW_UP_ANSWERED)
def tell(visit: PageVisit, follow_up_id: UUID) -> Answer:
    """What became of the patient, in a sentence."""
    told = tell_story(
        visit.session, visit.actor, follow_up_id, visit.field("note", max_length=_LONGEST)
    )
    return Redirect(_back(visit, told.panel_id, follow_up_id), "Noted. The panel sees it.")


@route("POST", _PANEL + "/reopening", permission="panel.ask_to_reopen", event=Event.REOPENING_ASKED)
def ask(visit: PageVisit, panel_id: UUID) -> Answer:
    ask_to_reopen(visit.session, visit.actor, panel_id, visit.field("reason", max_length=_LONGEST))
    return Redirect(_outcome(panel_id), "You have asked. The lead or the network decides.")


@route(
    "POST", _PANEL + "/reopening/grant", permission="panel.reopen", event=Event.REOPENING_DECIDED
)
def grant(visit: PageVisit, panel_id: UUID) -> Answer:
    decide_reopening(visit.session, visit.actor, panel_id, _asking(visit), granted=True)
    return Redirect(f"/panels/{panel_id}", "The panel is open again, and so is the case.")


@route(
    "POST", _PANEL + "/reopening/refuse", permission="panel.reopen", event=Event.REOPENING_DECIDED
)
def refuse(visit: PageVisit, panel_id: UUID) -> Answer:
    said = visit.field("answer", max_length=_LONGEST)
    decide_reopening(
        visit.session, visit.actor, panel_id, _asking(visit), granted=False, answer=said
    )
    return Redirect(_outcome(panel_id), "Refused. Whoever asked reads why.")


@route("POST", _PANEL + "/reopen", permission="panel.reopen", event=Event.REOPENING_DECIDED)
def reopen(visit: PageVisit, panel_id: UUID) -> Answer:
    reopen_panel(visit.session, visit.actor, panel_id, visit.field("reason", max_length=_LONGEST))
    return Redirect(f"/panels/{panel_id}", "The panel is open again, and so is the case.")


@route("POST", _PANEL + "/archive", permission="panel.archive", event=Event.STAGE_CHANGED)
def archive(visit: PageVisit, panel_id: UUID) -> Answer:
    archive_panel(visit.session, visit.actor, panel_id, seen(visit))
    return Redirect(_outcome(panel_id), "Archived. Every figure stays as it was.")


def _line(
    visit: PageVisit, follow_up_id: UUID, number: int, error: InvalidError | None = None
) -> Page:
    asked = find_asked(visit.session, visit.actor, follow_up_id)
    one = next((one for one in asked.advice if one.number == number), None)
    values: dict[str, Any] = {
        "asked": asked,
        "one": one,
        "back": _place(visit),
        "error": " ".join(error.fields.values()) if error else "",
    }
    return Page(
        template="web/follow_up.html", values=values, block="line", status=422 if error else 200
    )


def _number(visit: PageVisit) -> int:
    text = visit.field("number", max_length=3)
    if text.isascii() and text.isdigit():
        return int(text)
    raise InvalidError("The form is incomplete. Reload the page and tap again.")


def _asking(visit: PageVisit) -> UUID:
    try:
        return UUID(visit.field("asking", max_length=40))
    except ValueError as error:
        raise InvalidError("The form is incomplete. Reload the page and decide again.") from error


def _place(visit: PageVisit) -> str:
    return "home" if visit.field("_back", max_length=10) == "home" else "outcome"


def _back(visit: PageVisit, panel_id: UUID, follow_up_id: UUID) -> str:
    page = "/" if _place(visit) == "home" else _outcome(panel_id)
    return f"{page}#follow-up-{follow_up_id}"


def _outcome(panel_id: UUID) -> str:
    return f"/panels/{panel_id}/outcome"


ROUTES = (answer, tell, ask, grant, refuse, reopen, archive)
