"""A panel: its discussion, its members, and its steps."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from cpms_core import Answer, Page, Redirect, route
from cpms_core.audit import Event
from cpms_core.clock import clock
from cpms_core.directory.groups import list_groups
from cpms_core.errors import ForbiddenError, InvalidError
from cpms_core.http.visit import PageVisit
from cpms_core.panels.discussion import CERTAINTIES, contribute
from cpms_core.panels.experts import list_experts
from cpms_core.panels.group_invitation import invite_group
from cpms_core.panels.guards import ENOUGH
from cpms_core.panels.guests import LONGEST, USUAL
from cpms_core.panels.members import ROLES, answer_invitation, invite_expert, remove_member
from cpms_core.panels.moves import move_stage
from cpms_core.panels.outcomes import start_outcome
from cpms_core.panels.panel_queries import read_panel
from cpms_core.panels.stages import DISCUSSED
from cpms_web.panel_frame import around, one_of, person_ids, seen

_PANEL = "/panels/{panel_id:uuid}"
GUEST_TITLES = {"name": "Name", "email": "E-mail address", "until": "Until", "as": "As"}
_SHOWN_AGAIN = 4_000_000
"""Characters; a contribution that is too long comes back in its form, to be shortened."""


@route("GET", _PANEL, permission="case.summary", event=Event.CASE_READ)
def show_panel(visit: PageVisit, panel_id: UUID) -> Answer:
    return _panel_page(visit, panel_id)


@route("POST", _PANEL + "/answer", permission="panel.answer", event=Event.INVITATION_ANSWERED)
def answer(visit: PageVisit, panel_id: UUID) -> Answer:
    said = visit.field("answer", max_length=10)
    if said not in {"accept", "decline"}:
        raise InvalidError("Say whether you accept or decline.")
    answer_invitation(visit.session, visit.actor, panel_id, accept=said == "accept")
    if said == "accept":
        return Redirect(f"/panels/{panel_id}", "You are on the panel. Thank you.")
    return Redirect("/", "You have declined, and the case is closed to you again.")


@route(
    "POST",
    _PANEL + "/contributions",
    permission="panel.contribute",
    event=Event.CONTRIBUTED,
)
def give_contribution(visit: PageVisit, panel_id: UUID) -> Answer:
    text = visit.field("text", max_length=_SHOWN_AGAIN)
    certainty = visit.field("certainty", max_length=40)
    try:
        given = contribute(visit.session, visit.actor, panel_id, text, certainty)
    except InvalidError as error:
        return _panel_page(visit, panel_id, error=error, text=text, certainty=certainty)
    return Redirect(f"/panels/{panel_id}#c-{given.id}", "Your contribution is given.")


@route("POST", _PANEL + "/stage", permission="panel.steer", event=Event.STAGE_CHANGED)
def change_stage(visit: PageVisit, panel_id: UUID) -> Answer:
    to = visit.field("to", max_length=40)
    move_stage(visit.session, visit.actor, panel_id, to, seen(visit))
    return Redirect(f"/panels/{panel_id}", "The panel has moved on.")


@route(
    "POST",
    _PANEL + "/outcome/start",
    permission="panel.steer",
    event=Event.OUTCOME_DRAFTED,
)
def begin_outcome(visit: PageVisit, panel_id: UUID) -> Answer:
    reason = visit.field("reason")
    try:
        start_outcome(visit.session, visit.actor, panel_id, seen(visit), reason)
    except InvalidError as error:
        return _panel_page(visit, panel_id, error=error, reason=reason)
    return Redirect(f"/panels/{panel_id}/outcome")


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
    return Redirect(f"/panels/{panel_id}", f"{said} invited.")


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
    _PANEL + "/members/{user_id:uuid}/remove",
    permission="panel.invite",
    event=Event.MEMBER_REMOVED,
)
def remove(visit: PageVisit, panel_id: UUID, user_id: UUID) -> Answer:
    remove_member(visit.session, visit.actor, panel_id, user_id)
    return Redirect(
        f"/panels/{panel_id}/members", "Removed: the case is closed to this person again."
    )


def _panel_page(
    visit: PageVisit,
    panel_id: UUID,
    *,
    error: InvalidError | None = None,
    **typed: str,
) -> Page:
    """`typed` is what the form held that could not be taken."""
    panel = read_panel(visit.session, visit.actor, visit.site.registry, panel_id)
    values: dict[str, Any] = {
        **around(visit, panel.frame.case_id, "panel"),
        "panel": panel,
        "certainties": CERTAINTIES,
        "is_discussed": panel.frame.stage in DISCUSSED,
        "enough": ENOUGH,
        "error": str(error) if error else "",
        "fields": error.fields if error else {},
        "typed": {"text": "", "certainty": "", "reason": "", **typed},
    }
    return Page(template="web/panel.html", values=values, status=422 if error else 200)


def members_page(
    visit: PageVisit,
    panel_id: UUID,
    *,
    wrong: str = "",
    typed: Mapping[str, str] | None = None,
    problems: Mapping[str, str] | None = None,
) -> Page:
    """`typed` and `problems` are of the form for a guest."""
    panel = read_panel(visit.session, visit.actor, visit.site.registry, panel_id)
    if "panel.invite" not in panel.may:
        raise ForbiddenError("The lead and the ERN's coordinators invite to this panel.")
    # A guest with a professional role may stay as an ordinary member.
    seated = {one.user_id for one in panel.members if one.is_seated and not one.until}
    values: dict[str, Any] = {
        **around(visit, panel.frame.case_id, "members"),
        "panel": panel,
        "experts": list_experts(
            visit.session, panel.frame.ern_id, panel.frame.case_id, frozenset(seated)
        ),
        "chosen": visit.form.get("invite", []),
        "groups": list_groups(visit.session, panel.frame.ern_id),
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


ROUTES = (
    show_panel,
    answer,
    give_contribution,
    change_stage,
    begin_outcome,
    show_members,
    invite,
    invite_all,
    remove,
)
