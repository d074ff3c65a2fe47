"""An ERN's requests and panels, and what its coordinators do with a request."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from cpms_core import Answer, Page, Redirect, route
from cpms_core.audit import Event
from cpms_core.directory.groups import list_groups
from cpms_core.errors import InvalidError
from cpms_core.http.visit import PageVisit
from cpms_core.panels import stages
from cpms_core.panels.ern_queries import Filter, my_erns, read_ern_page
from cpms_core.panels.experts import list_experts
from cpms_core.panels.group_invitation import invite_group
from cpms_core.panels.members import invite_expert
from cpms_core.panels.panel_queries import read_request
from cpms_core.panels.triage import decline_request, name_lead, return_request
from cpms_web.paging import page_number
from cpms_web.panel_frame import around, one_of, person_ids, seen

_REQUEST = "/requests/{request_id:uuid}"


@route("GET", "/erns", permission="ern.read", event=None)
def show_erns(visit: PageVisit) -> Answer:
    erns = my_erns(visit.session, visit.actor)
    if len(erns) == 1:
        return Redirect(f"/erns/{erns[0][0]}")
    return Page(template="web/erns.html", values={"erns": erns})


@route("GET", "/erns/{ern_id:str}", permission="ern.read", event=Event.ERN_READ)
def show_ern(visit: PageVisit, ern_id: str) -> Answer:
    query = visit.query
    chosen = Filter(query.get("q", "")[:200], query.get("stage", ""), query.get("late") == "1")
    ern = read_ern_page(
        visit.session, visit.actor, visit.site.registry, ern_id, chosen, page_number(visit)
    )
    values = {"ern": ern, "chosen": chosen, "stages": stages.TITLES}
    return Page(template="web/ern.html", values=values, block="panels")


@route("GET", _REQUEST, permission="case.summary", event=Event.CASE_READ)
def show_request(visit: PageVisit, request_id: UUID) -> Answer:
    return _request_page(visit, request_id)


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
        return _request_page(visit, request_id, wrong=str(error))
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
        return _request_page(visit, request_id, wrong=str(error), reason=reason)
    return Redirect("/erns", said)


def _request_page(visit: PageVisit, request_id: UUID, *, wrong: str = "", reason: str = "") -> Page:
    request = read_request(visit.session, visit.actor, visit.site.registry, request_id)
    is_open = request.may_triage and request.state == "submitted"
    without = frozenset({request.submitter_id})
    values: dict[str, Any] = {
        **around(visit, request.frame.case_id, "request"),
        "request": request,
        "is_open": is_open,
        "experts": list_experts(visit.session, request.frame.ern_id, request.frame.case_id, without)
        if is_open
        else (),
        "groups": list_groups(visit.session, request.frame.ern_id) if is_open else (),
        "chosen_group": visit.form.get("group", [""])[0],
        "chosen_lead": visit.form.get("lead", []),
        "chosen_experts": visit.form.get("invite", []),
        "wrong": wrong,
        "reason": reason,
    }
    return Page(template="web/request.html", values=values, status=422 if wrong else 200)


ROUTES = (show_erns, show_ern, show_request, choose_lead, send_back, decline)
