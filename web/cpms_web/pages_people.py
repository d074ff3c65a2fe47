"""People: who is here, invite somebody, make a new link, end an account."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from cpms_core import Answer, Page, Redirect, route
from cpms_core.access import could
from cpms_core.actor import CENTRE_ROLES, ERN_ROLES, ROLE_TITLES, Actor, Grant, Role
from cpms_core.audit import Event
from cpms_core.directory.models import Ern, Hcp
from cpms_core.errors import InvalidError
from cpms_core.http.visit import PageVisit
from cpms_core.identity import key_models, people
from cpms_core.identity.models import User
from cpms_core.identity.people import LINK_LASTS, NewPerson, Ticket
from cpms_core.identity.queries import list_people
from cpms_core.identity.spelling import normal_email
from cpms_core.panels.seats.guest_seats import list_guests
from cpms_core.words import plural
from cpms_web.erns import ern_names
from cpms_web.pages_handover import ACCOUNT_ENDS, end_account
from cpms_web.paging import page_number
from cpms_web.typed import in_order, typed_in

TITLES = {
    "name": "Name",
    "email": "E-mail address",
    "role": "Role",
    "hcp": "Centre",
    "ern": "ERN",
    "specialty": "Specialty",
}
_MANAGE = "people.manage"


@route("GET", "/people", permission="people.read", event=Event.PEOPLE_LISTED)
def show_people(visit: PageVisit) -> Answer:
    search = visit.query.get("q", "").strip()[:120]
    found = list_people(visit.session, visit.actor, search, page_number(visit))
    hcp_ids = {row.hcp_id for row in found.rows} | {
        grant.hcp_id for row in found.rows for grant in row.grants
    }
    names = Names(visit.session, hcp_ids)
    values = {
        "people": found,
        "guests": list_guests(visit.session, visit.actor, search),
        "names": names,
        "search": search,
        "is_everybody": Role.SYSTEM_ADMIN in visit.actor.roles,
        "may_invite": could(visit.actor, _MANAGE),
        "key_problems": _key_problems(visit),
    }
    return Page(template="web/people.html", values=values)


def _key_problems(visit: PageVisit) -> list[str]:
    """Models that were revoked, a list that is out of date: a system administrator's business."""
    is_told = Role.SYSTEM_ADMIN in visit.actor.roles
    return list(key_models.problems(visit.session, visit.site.key_policy)) if is_told else []


@route("GET", "/people/invite", permission=_MANAGE, event=None)
def show_invitation(visit: PageVisit) -> Answer:
    typed = dict.fromkeys(TITLES, "") | {"role": Role.PROFESSIONAL}
    return _form(visit, typed, {})


@route(
    "POST",
    "/people/invite",
    permission=_MANAGE,
    event=Event.PERSON_INVITED,
    step_up="give a person access",
)
def invite(visit: PageVisit) -> Answer:
    typed = typed_in(visit, TITLES, max_length=300)
    problems: dict[str, str] = {}
    new = _new_person(visit, typed, problems)
    if new is None:
        return _form(visit, typed, problems)
    try:
        ticket = people.invite_person(visit.session, visit.actor, visit.site.key, new)
    except InvalidError as error:
        if not error.fields:
            raise
        return _form(visit, typed, error.fields)
    return ticket_page(visit, ticket, is_new=True)


@route(
    "POST",
    "/people/{person_id:uuid}/new-link",
    permission=_MANAGE,
    event=Event.LINK_RENEWED,
    step_up="make a new link for a person",
)
def make_link(visit: PageVisit, person_id: UUID) -> Answer:
    ticket = people.renew_link(visit.session, visit.actor, visit.site.key, person_id)
    return ticket_page(visit, ticket, is_new=False)


@route(
    "POST",
    "/people/{person_id:uuid}/disable",
    permission=_MANAGE,
    event=Event.PERSON_DISABLED,
    step_up=ACCOUNT_ENDS,
)
def disable(visit: PageVisit, person_id: UUID) -> Answer:
    return end_account(visit, person_id)


@route("POST", "/people/{person_id:uuid}/enable", permission=_MANAGE, event=Event.PERSON_ENABLED)
def enable(visit: PageVisit, person_id: UUID) -> Answer:
    people.enable_person(visit.session, visit.actor, person_id)
    name = visit.session.get_one(User, person_id).name
    return Redirect("/people", f"{name} can sign in again.")


class Names:
    """Centres and ERNs by their ids, for roles in words."""

    def __init__(self, session: Session, hcp_ids: Iterable[UUID | None]) -> None:
        found = session.scalars(select(Hcp).where(Hcp.id.in_(set(hcp_ids) - {None})))
        self._centres = {hcp.id: hcp for hcp in found}
        rows = session.execute(select(Ern.id, Ern.name))
        self._erns: dict[str, str] = {row[0]: row[1] for row in rows}

    def centre(self, hcp_id: UUID | None) -> Hcp | None:
        return self._centres.get(hcp_id) if hcp_id else None

    def grant(self, grant: Grant) -> str:
        """`coordinator of ERN ITHACA`, `health professional`."""
        title = ROLE_TITLES[grant.role]
        return f"{title} of {self._erns[grant.ern_id]}" if grant.ern_id else title

    def held(self, grant: Grant) -> str:
        """`Health professional at FR10`."""
        centre = self.centre(grant.hcp_id)
        title = self.grant(grant)
        return f"{title[0].upper()}{title[1:]}" + (f" at {centre.code}" if centre else "")

    def roles(self, grants: Iterable[Grant]) -> list[str]:
        return list(dict.fromkeys(self.grant(grant) for grant in grants))


def _new_person(
    visit: PageVisit, typed: Mapping[str, str], problems: dict[str, str]
) -> NewPerson | None:
    """Everything that is wrong at once, before the service looks at the rest."""
    roles = _roles(visit.actor)
    if typed["role"] not in roles:
        problems["role"] = "Choose one of the roles."
    if not 1 < len(typed["name"]) <= 120:  # noqa: PLR2004 - a name, as the service measures it
        problems["name"] = "Enter the person's full name, at most 120 characters."
    try:
        normal_email(typed["email"])
    except InvalidError as error:
        problems |= error.fields
    role = Role(typed["role"]) if "role" not in problems else Role.PROFESSIONAL
    hcp = find_centre(visit, typed["hcp"], problems)
    if hcp is None and "hcp" not in problems and role in CENTRE_ROLES | {Role.GUEST}:
        problems["hcp"] = "Choose where the person works."
    ern = typed["ern"] if role in ERN_ROLES else ""
    if role in ERN_ROLES and ern not in ern_names(visit.session):
        problems["ern"] = "Choose the ERN this role is for."
    if problems:
        return None
    return NewPerson(
        email=typed["email"],
        name=typed["name"],
        role=role,
        hcp_id=hcp.id if hcp else None,
        ern_id=ern or None,
        specialty=typed["specialty"],
    )


def find_centre(visit: PageVisit, text: str, problems: dict[str, str]) -> Hcp | None:
    """The centre that was typed or chosen: its code comes first, `FR10 · Hôpital …`."""
    if not text:
        return None
    code = text.partition(" ")[0]
    found = visit.session.scalar(select(Hcp).where(Hcp.code == code.upper()))
    if found is None:
        problems["hcp"] = "There is no centre with this code. Choose one of the list."
    elif found.closed_at is not None:
        problems["hcp"] = "This centre is closed: nobody new comes to it. Choose another one."
        return None
    return found


def _roles(actor: Actor) -> dict[str, str]:
    """What the actor may hand out."""
    if Role.SYSTEM_ADMIN in actor.roles:
        return {role: title.capitalize() for role, title in ROLE_TITLES.items()}
    return {Role.PROFESSIONAL: ROLE_TITLES[Role.PROFESSIONAL].capitalize()}


def _centres(visit: PageVisit) -> dict[str, str]:
    """Code → how it is shown; a centre manager's own ones only."""
    query = select(Hcp).where(Hcp.closed_at.is_(None)).order_by(Hcp.code)
    if Role.SYSTEM_ADMIN not in visit.actor.roles:
        query = query.where(Hcp.id.in_(visit.actor.centres(Role.CENTRE_MANAGER)))
    return {hcp.code: f"{hcp.code} · {hcp.name}" for hcp in visit.session.scalars(query)}


def _form(visit: PageVisit, typed: dict[str, str], problems: Mapping[str, str]) -> Answer:
    centres = _centres(visit)
    if len(centres) == 1 and not typed["hcp"]:
        typed = typed | {"hcp": next(iter(centres))}
    values: dict[str, Any] = {
        "titles": TITLES,
        "typed": typed,
        "problems": in_order(problems, TITLES),
        "roles": _roles(visit.actor),
        "centres": centres,
        "erns": ern_names(visit.session),
        "is_everybody": Role.SYSTEM_ADMIN in visit.actor.roles,
    }
    return Page(template="web/invite.html", values=values, status=422 if problems else 200)


def ticket_page(
    visit: PageVisit, ticket: Ticket, *, is_new: bool, back: str = "/people", again: str = ""
) -> Answer:
    """Shown once: neither the link nor the code is stored, only what tells them.

    `again` says how to get another link, `back` leads away from the page.
    """
    user = visit.session.get_one(User, ticket.user_id)
    values = {
        "person": user,
        "link": f"{visit.site.settings.base_url}/enrol/{ticket.token}" if ticket.token else "",
        "code": ticket.code,
        "is_new": is_new,
        "may_invite": could(visit.actor, _MANAGE) and back == "/people",
        "back": back,
        "again": again,
        "lasts": plural(int(LINK_LASTS.total_seconds() // 3600), "hour"),
    }
    return Page(template="web/ticket.html", values=values)


ROUTES = (show_people, show_invitation, invite, make_link, disable, enable)
