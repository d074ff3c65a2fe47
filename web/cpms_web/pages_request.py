"""A request as its ERN reads it, and what the ERN does with it: make a panel, return, decline."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from cpms_core import Answer, Page, Redirect, route
from cpms_core.audit import Event
from cpms_core.directory.groups import list_groups
from cpms_core.errors import InvalidError
from cpms_core.http.visit import PageVisit
from cpms_core.panels.page.queries import RequestPage, read_request
from cpms_core.panels.requests.another_ern import about_source
from cpms_core.panels.requests.experts import list_experts
from cpms_core.panels.requests.sharing import joinable_panels, may_ask
from cpms_core.panels.requests.triage import decline_request, name_lead, return_request
from cpms_core.panels.scope import find_request
from cpms_core.panels.seats.group_invitation import invite_group
from cpms_core.panels.seats.members import invite_expert
from cpms_web.panel_frame import around, one_of, person_ids, seen

_REQUEST = "/requests/{request_id:uuid}"


@route("GET", _REQUEST, permission="case.summary", event=Event.CASE_READ)
def show_request(visit: PageVisit, request_id: UUID) -> Answer:
    return request_page(visit, request_id)


@route(
    "POST",
    _REQUEST + "/lead",
    permission="request.triage",
    event=Event.LEAD_NAMED,
)
def choose_lead(visit: PageVisit, request_id: UUID) -> Answer:
    """The lead, and in the same step whoever is invited."""
    leads, experts = person_ids(visit, "lead"), person_ids(visit, "invite")
    group = person_ids(visit, "group")[:1]
    session, actor, registry = visit.session, visit.actor, visit.site.registry
    try:
        lead = one_of(leads, "Choose one lead.")
        with session.begin_nested():  # the panel with everybody invited, or nothing
            panel = name_lead(session, actor, registry, request_id, lead, seen(visit))
            for expert in experts:
                if expert != lead:
                    invite_expert(session, actor, panel.id, expert)
            groups = [invite_group(session, actor, panel.id, one) for one in group]
    except InvalidError as error:
        return request_page(visit, request_id, wrong=str(error))
    said = " ".join(map(str, groups))
    return Redirect(f"/panels/{panel.id}", f"Panel {panel.number} is made. {said}".strip())


@route(
    "POST",
    _REQUEST + "/return",
    permission="request.triage",
    event=Event.REQUEST_RETURNED,
)
def send_back(visit: PageVisit, request_id: UUID) -> Answer:
    said = "The request is back with its submitter; its clock stands still."
    return _decided(visit, request_id, return_request, said)


@route(
    "POST",
    _REQUEST + "/decline",
    permission="request.triage",
    event=Event.REQUEST_DECLINED,
)
def decline(visit: PageVisit, request_id: UUID) -> Answer:
    said = "The request is declined; your ERN no longer sees the case."
    return _decided(visit, request_id, decline_request, said)


def _decided(visit: PageVisit, request_id: UUID, act: Callable[..., object], said: str) -> Answer:
    reason = visit.field("reason")
    try:
        act(visit.session, visit.actor, request_id, reason, seen(visit))
    except InvalidError as error:
        return request_page(visit, request_id, wrong=str(error), reason=reason)
    return Redirect("/erns", said)


def request_page(visit: PageVisit, request_id: UUID, *, wrong: str = "", reason: str = "") -> Page:
    session, actor = visit.session, visit.actor
    request = read_request(session, actor, visit.site.registry, request_id)
    is_open = request.may_triage and request.state == "submitted"
    scope = find_request(session, actor, request_id, "case.summary")
    values: dict[str, Any] = {
        **around(visit, request.frame.case_id, "request"),
        "request": request,
        "is_open": is_open,
        "source": about_source(session, scope),
        "joinable": joinable_panels(session, scope) if is_open else (),
        "may_ask": request.may_triage and may_ask(session, scope),
        **_choices(visit, request, is_open=is_open),
        "wrong": wrong,
        "reason": reason,
    }
    return Page(template="web/request.html", values=values, status=422 if wrong else 200)


def _choices(visit: PageVisit, request: RequestPage, *, is_open: bool) -> dict[str, Any]:
    """Whom the form offers. Until somebody has chosen, those are ticked who are proposed."""
    if not is_open:
        return {"experts": (), "groups": ()}
    form, ern_id = visit.form, request.frame.ern_id
    without = {request.submitter_id}
    experts = list_experts(
        visit.session,
        {ern_id},
        request.frame.case_id,
        without,
        registry=visit.site.registry,
    )
    proposed = [str(one.id) for one in experts if one.is_proposed]
    return {
        "experts": experts,
        "groups": list_groups(visit.session, ern_id),
        "chosen_group": form.get("group", [""])[0],
        "chosen_lead": form.get("lead", []),
        "chosen_experts": form.get("invite", []) if "seen" in form else proposed,
    }


ROUTES = (show_request, choose_lead, send_back, decline)
