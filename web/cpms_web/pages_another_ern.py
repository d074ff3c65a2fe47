"""Bring another ERN to a case: choose it, see who will see what, then forward or ask to join."""

from typing import Any
from uuid import UUID

from cpms_core import Answer, Page, Redirect, route
from cpms_core.audit import Event
from cpms_core.errors import InvalidError
from cpms_core.http.visit import PageVisit
from cpms_core.panels.page.queries import read_request
from cpms_core.panels.requests.another_ern import (
    ask_another_ern,
    choices,
    forward_request,
    preview,
)
from cpms_core.panels.requests.sharing import join_panel, may_ask
from cpms_core.panels.scope import find_request
from cpms_web.erns import ern_names
from cpms_web.pages_request import request_page
from cpms_web.panel_frame import around, one_of, person_ids, seen

_REQUEST = "/requests/{request_id:uuid}"


@route("GET", _REQUEST + "/forward", permission="request.triage", event=Event.CASE_READ)
def show_forward(visit: PageVisit, request_id: UUID) -> Answer:
    return _page(visit, request_id, "forward")


@route("POST", _REQUEST + "/forward", permission="request.triage", event=Event.REQUEST_FORWARDED)
def forward(visit: PageVisit, request_id: UUID) -> Answer:
    ern_id, reason = visit.field("ern", max_length=40), visit.field("reason")
    session, actor, registry = visit.session, visit.actor, visit.site.registry
    try:
        forward_request(session, actor, registry, request_id, ern_id, reason, seen(visit))
    except InvalidError as error:
        return _page(visit, request_id, "forward", error, reason)
    name = ern_names(session)[ern_id]
    return Redirect("/erns", f"Forwarded to {name}. Your ERN no longer sees the case.")


@route("GET", _REQUEST + "/share", permission="request.triage", event=Event.CASE_READ)
def show_share(visit: PageVisit, request_id: UUID) -> Answer:
    return _page(visit, request_id, "share")


@route("POST", _REQUEST + "/share", permission="request.triage", event=Event.ANOTHER_ERN_ASKED)
def share(visit: PageVisit, request_id: UUID) -> Answer:
    ern_id, reason = visit.field("ern", max_length=40), visit.field("reason")
    session, actor, registry = visit.session, visit.actor, visit.site.registry
    try:
        ask_another_ern(session, actor, registry, request_id, ern_id, reason)
    except InvalidError as error:
        return _page(visit, request_id, "share", error, reason)
    name = ern_names(session)[ern_id]
    return Redirect(f"/requests/{request_id}", f"{name} is asked to join. Both see the case.")


@route("POST", _REQUEST + "/join", permission="request.triage", event=Event.PANEL_SHARED)
def join(visit: PageVisit, request_id: UUID) -> Answer:
    try:
        panel_id = one_of(person_ids(visit, "panel"), "Choose the panel to join.")
        joined = join_panel(visit.session, visit.actor, request_id, panel_id, seen(visit))
    except InvalidError as error:
        return request_page(visit, request_id, wrong=str(error))
    said = f"Your ERN shares panel {joined.number} with {joined.ern} from now on."
    return Redirect(f"/panels/{joined.id}", said)


def _page(
    visit: PageVisit,
    request_id: UUID,
    act: str,
    error: InvalidError | None = None,
    reason: str = "",
) -> Page:
    """`act` is forward or share. First the ERN is chosen, then the page says what will happen."""
    session, registry = visit.session, visit.site.registry
    request = read_request(session, visit.actor, registry, request_id)
    scope = find_request(session, visit.actor, request_id, "request.triage")
    erns = choices(session, registry, scope)
    wanted = visit.field("ern", max_length=40) or visit.query.get("ern", "")
    chosen = next((one for one in erns if one.id == wanted and not one.problem), None)
    values: dict[str, Any] = {
        **around(visit, request.frame.case_id, "request"),
        "request": request,
        "act": act,
        "is_possible": request.state == "submitted" or (act == "share" and may_ask(session, scope)),
        "erns": erns,
        "preview": preview(session, scope, chosen) if chosen else None,
        "error": error,
        "reason": reason,
    }
    return Page(template="web/another_ern.html", values=values, status=422 if error else 200)


ROUTES = (show_forward, forward, show_share, share, join)
