"""One person: the roles held, how the person gets in, and what the reader may do about both."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import select

from cpms_core import Answer, Page, Redirect, route
from cpms_core.actor import CENTRE_ROLES, ERN_ROLES, ROLE_TITLES, Actor, Grant, Role
from cpms_core.audit import Event
from cpms_core.directory.models import Ern, Hcp
from cpms_core.errors import InvalidError
from cpms_core.http.visit import PageVisit
from cpms_core.identity import roles
from cpms_core.identity.person_queries import read_person
from cpms_web.pages_api_tokens import token_cards
from cpms_web.pages_handover import ROLE_ENDS, end_role
from cpms_web.pages_people import Names, find_centre
from cpms_web.typed import in_order, typed_in

TITLES = {
    "role": "Role",
    "hcp": "Centre",
    "ern": "ERN",
    "reason": "What happened to the key",
    "checked": "Identity",
}
_PERSON = "/people/{person_id:uuid}"
_KNOWN = "people.read"
"""Which roles somebody who knows of people gives and takes, `managing.is_theirs` decides."""


@route("GET", _PERSON, permission=_KNOWN, event=Event.PERSON_READ)
def show_person(visit: PageVisit, person_id: UUID) -> Answer:
    return person_page(visit, person_id, {}, {})


@route(
    "POST",
    _PERSON + "/roles",
    permission=_KNOWN,
    event=Event.ROLE_GRANTED,
    step_up="give a person another role",
)
def grant(visit: PageVisit, person_id: UUID) -> Answer:
    typed = typed_in(visit, ("role", "hcp", "ern"), max_length=300)
    problems: dict[str, str] = {}
    wanted = _wanted(visit, typed, problems)
    if wanted is None:
        return person_page(visit, person_id, typed, problems)
    try:
        roles.grant_role(visit.session, visit.actor, person_id, wanted)
    except InvalidError as error:
        return person_page(visit, person_id, typed, error.fields or {"role": str(error)})
    return Redirect(f"/people/{person_id}", "The role is given; it counts from now on.")


@route(
    "POST",
    "/roles/{grant_id:uuid}/end",
    permission=_KNOWN,
    event=Event.ROLE_REVOKED,
    step_up=ROLE_ENDS,
)
def revoke(visit: PageVisit, grant_id: UUID) -> Answer:
    return end_role(visit, grant_id)


def person_page(
    visit: PageVisit, person_id: UUID, typed: Mapping[str, str], problems: Mapping[str, str]
) -> Answer:
    """With what was typed into one of its forms, and what is wrong with it."""
    person = read_person(visit.session, visit.actor, person_id)
    hcp_ids = {person.user.hcp_id} | {one.grant.hcp_id for one in person.roles}
    names = Names(visit.session, hcp_ids)
    centre = names.centre(person.user.hcp_id)
    choices = _choices(visit)
    values: dict[str, Any] = {
        "person": person,
        "tokens": token_cards(visit, person_id) if person.row.is_managed else (),
        "names": names,
        "centre": centre,
        "titles": TITLES,
        "typed": dict.fromkeys(TITLES, "") | _proposed(centre, choices) | dict(typed),
        "problems": in_order(problems, TITLES),
        "may_change": person.user.id != visit.actor.user_id and person.row.entry != "disabled",
        **choices,
    }
    return Page(template="web/person.html", values=values, status=422 if problems else 200)


def _proposed(centre: Hcp | None, choices: Mapping[str, Any]) -> dict[str, str]:
    """The centre of work, and what there is but one of."""
    only = {
        name: next(iter(choices[key]))
        for name, key in (("hcp", "centres"), ("ern", "erns"))
        if len(choices[key]) == 1
    }
    return ({"hcp": centre.code} if centre else {}) | only


def _wanted(visit: PageVisit, typed: Mapping[str, str], problems: dict[str, str]) -> Grant | None:
    if typed["role"] not in _roles(visit.actor):
        problems["role"] = "Choose one of the roles."
        return None
    role = Role(typed["role"])
    hcp = find_centre(visit, typed["hcp"], problems) if role is not Role.SYSTEM_ADMIN else None
    if hcp is None and "hcp" not in problems and role in CENTRE_ROLES | {Role.GUEST}:
        problems["hcp"] = "Choose the centre this role is for."
    if role in ERN_ROLES and typed["ern"] not in _choices(visit)["erns"]:
        problems["ern"] = "Choose the ERN this role is for."
    if problems:
        return None
    return Grant(role, hcp.id if hcp else None, typed["ern"] if role in ERN_ROLES else None)


def _roles(actor: Actor) -> dict[str, str]:
    """What the actor gives: a system administrator all, others what is of their centre or ERN."""
    given = set(Role) if Role.SYSTEM_ADMIN in actor.roles else set[Role]()
    if Role.CENTRE_MANAGER in actor.roles:
        given.add(Role.PROFESSIONAL)
    if Role.COORDINATOR in actor.roles:
        given |= ERN_ROLES
    return {role: title.capitalize() for role, title in ROLE_TITLES.items() if role in given}


def _choices(visit: PageVisit) -> dict[str, Any]:
    """Roles, centres and ERNs that the actor may choose from."""
    actor = visit.actor
    centres = select(Hcp).where(Hcp.closed_at.is_(None)).order_by(Hcp.code)
    erns = select(Ern.id, Ern.name).order_by(Ern.name)
    is_everybody = Role.SYSTEM_ADMIN in actor.roles
    if not is_everybody:
        centres = centres.where(Hcp.id.in_(actor.centres(Role.CENTRE_MANAGER)))
        erns = erns.where(Ern.id.in_(actor.erns(Role.COORDINATOR)))
    return {
        "roles": _roles(actor),
        "centres": {one.code: f"{one.code} · {one.name}" for one in visit.session.scalars(centres)},
        "erns": {row[0]: row[1] for row in visit.session.execute(erns)},
        "is_everybody": is_everybody,
    }


ROUTES = (show_person, grant, revoke)
