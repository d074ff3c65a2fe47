"""Somebody leaves: what is left behind, and who takes it over."""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from cpms_core import Answer, Page, Redirect, route
from cpms_core.audit import Event, record
from cpms_core.errors import InvalidError
from cpms_core.http.visit import PageVisit
from cpms_core.identity.models import User
from cpms_core.panels.scope import find_panel
from cpms_core.panels.seats import handover, leads
from cpms_core.panels.seats.handover import Leaving
from cpms_web.pages_care_team import choices
from cpms_web.panel_frame import one_of, person_ids
from cpms_web.typed import in_order

_PERSON = "/people/{person_id:uuid}"
_GONE = "/people/{gone_id:uuid}/hand-over"
_ROLE = "/roles/{grant_id:uuid}"
_LEAD = "/panels/{panel_id:uuid}/lead"
ACCOUNT_ENDS = "end a person's access"
ROLE_ENDS = "take a role from a person"
"""Steps up as the direct way does: who was asked for the key there is not asked again."""


@route("GET", _PERSON + "/leave", permission="people.manage", event=Event.HANDOVER_READ)
def show_leaving(visit: PageVisit, person_id: UUID) -> Answer:
    leaving = handover.account_ends(visit.session, visit.actor, person_id)
    return leaving_page(visit, leaving, f"/people/{person_id}/leave")


@route(
    "POST",
    _PERSON + "/leave",
    permission="people.manage",
    event=Event.PERSON_DISABLED,
    step_up=ACCOUNT_ENDS,
)
def leave(visit: PageVisit, person_id: UUID) -> Answer:
    return end_account(visit, person_id)


@route("GET", _ROLE + "/hand-over", permission="people.read", event=Event.HANDOVER_READ)
def show_role_leaving(visit: PageVisit, grant_id: UUID) -> Answer:
    leaving = handover.role_ends(visit.session, visit.actor, grant_id)
    return leaving_page(visit, leaving, f"/roles/{grant_id}/hand-over")


@route(
    "POST",
    _ROLE + "/hand-over",
    permission="people.read",
    event=Event.ROLE_REVOKED,
    step_up=ROLE_ENDS,
)
def leave_role(visit: PageVisit, grant_id: UUID) -> Answer:
    return end_role(visit, grant_id)


@route("GET", _GONE, permission="patient.new_team", event=Event.HANDOVER_READ)
def show_gone(visit: PageVisit, gone_id: UUID) -> Answer:
    leaving = handover.has_left(visit.session, visit.actor, gone_id)
    return leaving_page(visit, leaving, f"/people/{gone_id}/hand-over")


@route("POST", _GONE, permission="patient.new_team", event=Event.HANDED_OVER)
def hand_over_after(visit: PageVisit, gone_id: UUID) -> Answer:
    leaving = handover.has_left(visit.session, visit.actor, gone_id)
    try:
        handover.hand_over(visit.session, visit.actor, leaving, _heirs(visit))
    except InvalidError as error:
        return leaving_page(visit, leaving, f"/people/{gone_id}/hand-over", error.fields)
    return Redirect("/", "Handed over; it waits for the successors now.")


@route("GET", _LEAD, permission="request.triage", event=Event.CASE_READ)
def show_lead(visit: PageVisit, panel_id: UUID) -> Answer:
    return _lead_page(visit, panel_id, "")


@route("POST", _LEAD, permission="request.triage", event=Event.LEAD_CHANGED)
def change_lead(visit: PageVisit, panel_id: UUID) -> Answer:
    try:
        lead = one_of(person_ids(visit, "lead"), "Choose who leads the panel.")
        leads.replace_lead(visit.session, visit.actor, panel_id, lead)
    except InvalidError as error:
        return _lead_page(visit, panel_id, str(error))
    return Redirect("/", "The panel has a lead again; it waits on that person's Home.")


# --- the direct ways end here too: nothing is orphaned by a click ---


def end_account(visit: PageVisit, person_id: UUID) -> Answer:
    """End it, or ask first who takes over what is left."""
    leaving = handover.account_ends(visit.session, visit.actor, person_id)
    name = leaving.user.name
    return _end(
        visit,
        leaving,
        f"/people/{person_id}/leave",
        lambda heirs: handover.end_account(visit.session, visit.actor, person_id, heirs),
        Redirect("/people", f"{name} can no longer sign in; every session is ended."),
    )


def end_role(visit: PageVisit, grant_id: UUID) -> Answer:
    leaving = handover.role_ends(visit.session, visit.actor, grant_id)
    return _end(
        visit,
        leaving,
        f"/roles/{grant_id}/hand-over",
        lambda heirs: handover.end_role(visit.session, visit.actor, grant_id, heirs),
        Redirect(f"/people/{leaving.user.id}", "The role is taken away; it counts no longer."),
    )


def _end(
    visit: PageVisit,
    leaving: Leaving,
    address: str,
    end: Callable[[handover.Heirs], object],
    done: Redirect,
) -> Answer:
    is_asked = bool(visit.form.get("is_handed_over"))
    if not leaving.left.is_nothing and not is_asked:
        return leaving_page(visit, leaving, address, status=409)
    try:
        end(_heirs(visit))
    except InvalidError as error:
        return leaving_page(visit, leaving, address, error.fields)
    return done


def leaving_page(
    visit: PageVisit,
    leaving: Leaving,
    address: str,
    wrong: Mapping[str, str] | None = None,
    status: int = 200,
) -> Page:
    user, left = leaving.user, leaving.left
    record(visit.session, visit.actor, Event.HANDOVER_READ, subject_id=user.id, hcp_id=user.hcp_id)
    names = [name for name, _ in handover.successors(left)]
    values: dict[str, Any] = {
        "person": user,
        "left": left,
        "is_account": leaving.ending is None,
        "is_gone": leaving.ending == (),
        "address": address,
        "choices": choices,
        "asked": names,
        "titles": {name: _title(name) for name in names},
        "typed": {name: visit.field(name, max_length=40) for name in names},
        "problems": in_order(wrong or {}, names),
    }
    return Page(template="web/leaving.html", values=values, status=422 if wrong else status)


def _title(name: str) -> str:
    kind = name.partition("-")[0]
    return {
        "cases": "Who takes over the cases",
        "patients": "Who looks after the restricted patients",
        "lead": "Who leads the panel",
    }[kind]


def _heirs(visit: PageVisit) -> dict[str, UUID]:
    """Every select of the form in which somebody was chosen."""
    found = {}
    for name in visit.form:
        if name.startswith(("cases-", "patients-", "lead-")):
            chosen = person_ids(visit, name)
            if chosen:
                found[name] = chosen[0]
    return found


def _lead_page(visit: PageVisit, panel_id: UUID, wrong: str) -> Page:
    scope = find_panel(visit.session, visit.actor, panel_id, "request.triage")
    panel = scope.panel
    record(
        visit.session,
        visit.actor,
        Event.CASE_READ,
        case_id=panel.case_id,
        hcp_id=scope.case.hcp_id,
        ern_id=panel.ern_id,
        part="lead",
    )
    found = leads.choices_of_lead(visit.session, panel)
    values = {
        "panel": panel,
        "lead": visit.session.get_one(User, panel.lead_id).name,
        "choices": {str(key): name for key, name in found.items()},
        "titles": {"lead": "Who leads the panel"},
        "typed": {"lead": ""},
        "problems": {"lead": wrong} if wrong else {},
    }
    return Page(template="web/new_lead.html", values=values, status=422 if wrong else 200)


ROUTES = (
    show_leaving,
    leave,
    show_role_leaving,
    leave_role,
    show_gone,
    hand_over_after,
    show_lead,
    change_lead,
)
