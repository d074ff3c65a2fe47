"""Who sits on a panel: invite experts and groups, answer offers, take somebody off it."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from cpms_core import Answer, Page, Redirect, route
from cpms_core.audit import Event
from cpms_core.clock import clock
from cpms_core.directory.groups import list_groups
from cpms_core.errors import ForbiddenError, InvalidError
from cpms_core.http.visit import PageVisit
from cpms_core.panels.page.queries import read_panel
from cpms_core.panels.requests.areas_followed import answer_offer, declined_beforehand
from cpms_core.panels.requests.experts import list_experts
from cpms_core.panels.requests.sharing import own_request
from cpms_core.panels.scope import find_panel, networks_of
from cpms_core.panels.seats.group_invitation import invite_group
from cpms_core.panels.seats.guests import LONGEST, USUAL
from cpms_core.panels.seats.members import ROLES, invite_expert, remove_member
from cpms_web.panel_frame import around, one_of, person_ids

_PANEL = "/panels/{panel_id:uuid}"
GUEST_TITLES = {"name": "Name", "email": "E-mail address", "until": "Until", "as": "As"}


@route("GET", _PANEL + "/members", permission="panel.invite", event=Event.CASE_READ)
def show_members(visit: PageVisit, panel_id: UUID) -> Answer:
    return members_page(visit, panel_id)


@route(
    "POST",
    _PANEL + "/members",
    permission="panel.invite",
    event=Event.EXPERT_INVITED,
)
def invite(visit: PageVisit, panel_id: UUID) -> Answer:
    experts, role = person_ids(visit, "invite"), visit.field("role", max_length=20)
    try:
        one_of(experts[:1], "Choose at least one person.")
        with visit.session.begin_nested():  # everybody chosen, or nobody
            for expert in experts:
                invite_expert(visit.session, visit.actor, panel_id, expert, role)
    except InvalidError as error:
        return members_page(visit, panel_id, wrong=str(error))
    said = "1 expert is" if len(experts) == 1 else f"{len(experts)} experts are"
    page = "/members" if visit.field("_then") == "members" else ""
    return Redirect(f"/panels/{panel_id}{page}", f"{said} invited.")


@route("POST", _PANEL + "/groups", permission="panel.invite", event=Event.EXPERT_INVITED)
def invite_all(visit: PageVisit, panel_id: UUID) -> Answer:
    """Everybody of one expert group who can be."""
    try:
        group = one_of(person_ids(visit, "group"), "Choose an expert group.")
        role = visit.field("role", max_length=20)
        done = invite_group(visit.session, visit.actor, panel_id, group, role)
    except InvalidError as error:
        return members_page(visit, panel_id, wrong=str(error))
    if not done.invited:
        return members_page(visit, panel_id, wrong=str(done))
    return Redirect(f"/panels/{panel_id}/members", str(done))


@route(
    "POST",
    _PANEL + "/offers/{offer_id:uuid}",
    permission="panel.invite",
    event=Event.OFFER_ANSWERED,
)
def decide_offer(visit: PageVisit, panel_id: UUID, offer_id: UUID) -> Answer:
    """`offer_id` is the person who offers."""
    said = visit.field("answer", max_length=10)
    if said not in {"accept", "decline"}:
        raise InvalidError("Say whether you accept or decline the offer.")
    is_taken = said == "accept"
    person = answer_offer(visit.session, visit.actor, panel_id, offer_id, accept=is_taken)
    done = "is on the panel and sees the case." if is_taken else "is told that you have enough."
    return Redirect(f"/panels/{panel_id}/members", f"{person.name} {done}")


@route(
    "POST",
    _PANEL + "/members/{user_id:uuid}/remove",
    permission="panel.invite",
    event=Event.MEMBER_REMOVED,
)
def remove(visit: PageVisit, panel_id: UUID, user_id: UUID) -> Answer:
    remove_member(visit.session, visit.actor, panel_id, user_id)
    return Redirect(
        f"/panels/{panel_id}/members", "Removed: the case is closed to this person again."
    )


def members_page(
    visit: PageVisit,
    panel_id: UUID,
    *,
    wrong: str = "",
    typed: Mapping[str, str] | None = None,
    problems: Mapping[str, str] | None = None,
) -> Page:
    """`typed` and `problems` are of the form for a guest."""
    session, actor = visit.session, visit.actor
    panel = read_panel(session, actor, visit.site.registry, panel_id)
    if "panel.invite" not in panel.may:
        raise ForbiddenError("The lead and the ERN's coordinators invite to this panel.")
    asked = {one.user_id: one for one in panel.members}
    # A guest with a professional role may stay as an ordinary member.
    away = {
        find_panel(session, actor, panel_id, "panel.invite").request.submitted_by,
        *(key for key, one in asked.items() if one.is_seated and not one.until),
        *(key for key, one in asked.items() if one.state == "offered"),
    }
    networks = networks_of(session, panel_id)
    not_proposed = asked.keys() | declined_beforehand(session, panel_id)
    values: dict[str, Any] = {
        **around(visit, panel.frame.case_id, "members"),
        "panel": panel,
        "experts": list_experts(
            session, networks, panel.frame.case_id, away, not_proposed, visit.site.registry
        ),
        "chosen": visit.form.get("invite", []),
        "groups": [one for ern_id in sorted(networks) for one in list_groups(session, ern_id)],
        "own_request": own_request(session, actor, panel_id),
        "wrong": wrong,
        "titles": GUEST_TITLES,
        "typed": typed or {**dict.fromkeys(GUEST_TITLES, ""), **usual_guest()},
        "problems": problems or {},
        "guest_roles": ROLES,
        "last_days": (clock.today(), clock.today() + LONGEST),
    }
    status = 422 if wrong or problems else 200
    return Page(template="web/panel_members.html", values=values, status=status)


def usual_guest() -> dict[str, str]:
    """A member for two weeks."""
    return {"as": "member", "until": (clock.today() + USUAL).isoformat()}


ROUTES = (show_members, invite, invite_all, decide_offer, remove)
