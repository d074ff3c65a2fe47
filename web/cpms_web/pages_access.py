"""Requests for access: the own ones, and one request as its person and its deciders see it."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from cpms_core import Answer, Page, Redirect, route
from cpms_core.access import could
from cpms_core.actor import ROLE_TITLES
from cpms_core.audit import Event
from cpms_core.db import new_id
from cpms_core.errors import ConflictError, InvalidError
from cpms_core.http.visit import PageVisit
from cpms_core.identity import access_requests
from cpms_core.identity.access_decisions import code_of
from cpms_core.identity.access_request_queries import (
    RequestView,
    count_waiting,
    erns_without_coordinator,
    list_my_requests,
    read_request,
)
from cpms_web.erns import ern_names
from cpms_web.pages_people import Names
from cpms_web.panel_frame import seen

_REQUEST = "/access/{access_id:uuid}"


@route("GET", "/access", permission="site.use", event=Event.ACCESS_READ)
def show_my_requests(visit: PageVisit) -> Answer:
    requests = list_my_requests(visit.session, visit.actor)
    handles = could(visit.actor, "access.queue")
    values = {
        "requests": requests,
        **in_words(visit, requests),
        "handles": handles,
        "waiting": count_waiting(visit.session, visit.actor) if handles else 0,
    }
    return Page(template="web/access.html", values=values)


@route("GET", _REQUEST, permission="site.use", event=Event.ACCESS_READ)
def show_request(visit: PageVisit, access_id: UUID) -> Answer:
    return request_page(visit, access_id)


@route("POST", _REQUEST + "/answer", permission="site.use", event=Event.ACCESS_ANSWERED)
def answer(visit: PageVisit, access_id: UUID) -> Answer:
    try:
        access_requests.answer_request(
            visit.session, visit.actor, access_id, seen(visit), typed(visit, "comment")
        )
    except (InvalidError, ConflictError) as error:
        return request_page(visit, access_id, error)
    return Redirect(f"/access/{access_id}", "Your answer is sent.")


@route("POST", _REQUEST + "/withdraw", permission="site.use", event=Event.ACCESS_WITHDRAWN)
def withdraw(visit: PageVisit, access_id: UUID) -> Answer:
    try:
        access_requests.withdraw_request(visit.session, visit.actor, access_id, seen(visit))
    except ConflictError as error:
        return request_page(visit, access_id, error)
    return Redirect("/access", "Your request is withdrawn.")


def request_page(
    visit: PageVisit, access_id: UUID, error: InvalidError | ConflictError | None = None
) -> Page:
    """The request as it stands now; what was typed is kept, and an error says what is wrong."""
    request = read_request(visit.session, visit.actor, access_id)
    problems = error.fields if isinstance(error, InvalidError) else {}
    is_waiting = request.is_own and request.state in access_requests.OPEN
    values: dict[str, Any] = {
        "request": request,
        **in_words(visit, (request,)),
        # Whoever approves must have heard it, so nobody but its person reads it here.
        "code": code_of(visit.site.key, request.id) if is_waiting else "",
        "problems": problems,
        "wrong": "" if problems or error is None else str(error),
        "typed": {name: typed(visit, name) for name in ("code", "message", "comment")},
        "once": str(new_id()),
    }
    status = {InvalidError: 422, ConflictError: 409}[type(error)] if error else 200
    return Page(template="web/access_request.html", values=values, status=status)


def typed(visit: PageVisit, name: str) -> str:
    """However long: the service says what is too long, and the page gives it back."""
    return visit.field(name, max_length=100_000)


def in_words(visit: PageVisit, requests: Iterable[RequestView]) -> dict[str, Any]:
    """Names of ERNs, centres and roles, and which ERNs have no coordinator."""
    requests = tuple(requests)
    return {
        "names": Names(visit.session, {one.hcp_id for one in requests}),
        "erns": ern_names(visit.session),
        "role_titles": ROLE_TITLES,
        "uncoordinated": erns_without_coordinator(
            visit.session, {one.ern_id for one in requests if one.state in access_requests.OPEN}
        ),
    }


ROUTES = (show_my_requests, show_request, answer, withdraw)
