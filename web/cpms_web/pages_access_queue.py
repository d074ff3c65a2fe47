"""Requests for access that wait for a centre manager, a coordinator or a system administrator."""

from collections.abc import Callable
from uuid import UUID

from cpms_core import Answer, Page, Redirect, route
from cpms_core.audit import Event
from cpms_core.errors import ConflictError, InvalidError
from cpms_core.http.visit import PageVisit
from cpms_core.identity import access_decisions
from cpms_core.identity.access_request_queries import list_queue
from cpms_web.pages_access import in_words, request_page, typed
from cpms_web.paging import page_number
from cpms_web.panel_frame import seen

_REQUEST = "/access/{access_id:uuid}"
_QUEUE = "/access/queue"


@route("GET", _QUEUE, permission="access.queue", event=Event.ACCESS_LISTED)
def show_queue(visit: PageVisit) -> Answer:
    queue = list_queue(visit.session, visit.actor, page_number(visit))
    values = {"queue": queue, **in_words(visit, queue.rows)}
    return Page(template="web/access_queue.html", values=values)


@route("POST", _REQUEST + "/endorse", permission="access.endorse", event=Event.ACCESS_ENDORSED)
def endorse(visit: PageVisit, access_id: UUID) -> Answer:
    def act() -> None:
        access_decisions.endorse_request(
            *(visit.session, visit.actor, visit.site.key, access_id, seen(visit)),
            typed(visit, "code"),
        )

    return _done(visit, access_id, act, "Endorsed. The ERN's coordinator decides now.")


@route(
    "POST",
    _REQUEST + "/approve",
    permission="access.decide",
    event=Event.ACCESS_APPROVED,
    step_up="give a person access",
)
def approve(visit: PageVisit, access_id: UUID) -> Answer:
    def act() -> None:
        access_decisions.approve_request(
            *(visit.session, visit.actor, visit.site.key, access_id, seen(visit)),
            typed(visit, "code"),
        )

    return _done(visit, access_id, act, "Approved. What was asked for is open at once.")


@route("POST", _REQUEST + "/refuse", permission="access.decide", event=Event.ACCESS_REFUSED)
def refuse(visit: PageVisit, access_id: UUID) -> Answer:
    def act() -> None:
        access_decisions.refuse_request(
            visit.session, visit.actor, access_id, seen(visit), typed(visit, "message")
        )

    return _done(visit, access_id, act, "Refused. The person reads why.")


@route("POST", _REQUEST + "/ask", permission="access.decide", event=Event.ACCESS_ASKED_BACK)
def ask(visit: PageVisit, access_id: UUID) -> Answer:
    def act() -> None:
        access_decisions.ask_back(
            visit.session, visit.actor, access_id, seen(visit), typed(visit, "message")
        )

    return _done(visit, access_id, act, "Asked. The request comes back with the answer.")


def _done(visit: PageVisit, access_id: UUID, act: Callable[[], None], said: str) -> Answer:
    try:
        act()
    except (InvalidError, ConflictError) as error:
        return request_page(visit, access_id, error)
    return Redirect(_QUEUE, said)


ROUTES = (show_queue, endorse, approve, refuse, ask)
