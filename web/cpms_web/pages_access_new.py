"""Ask for access: ERN, country, centre, profile, recap. Every step is an address of its own.

What was chosen so far stands in the address, so Back, a bookmark and another tab work.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import urlencode

from msgspec import Struct

from cpms_core import Answer, Page, Redirect, route
from cpms_core.actor import ROLE_TITLES, Role
from cpms_core.audit import Event
from cpms_core.db import new_id
from cpms_core.directory.centres import ensure_open
from cpms_core.directory.models import Country, Ern, Hcp
from cpms_core.directory.networks import ensure_running
from cpms_core.errors import InvalidError, NotFoundError
from cpms_core.http.visit import PageVisit
from cpms_core.identity.access_request_queries import find_asked_for
from cpms_core.identity.access_requests import PROFILES, NewRequest, roles_of, submit_request
from cpms_web.places import find_centre, list_centres, list_countries, list_erns

_ROLES = (*PROFILES, Role.GUEST)
_WHAT_THEY_DO: Mapping[Role, str] = {
    Role.PROFESSIONAL: "For doctors, nurses and other regulated professionals: enrol patients, ask "
    "ERNs, join panels, and see every patient of your centre.",
    Role.COORDINATOR: "Receives the requests to the ERN, finds experts, decides about access. "
    "Includes health professional.",
    Role.DISPATCHER: "Receives requests on the coordinator's behalf. Includes health professional.",
    Role.RESEARCHER: "Reads reports on the ERN's anonymised data, and no case.",
}


class Place(Struct, frozen=True, kw_only=True):
    ern: Ern
    centre: Hcp

    def address(self, step: str, roles: Iterable[Role] = ()) -> str:
        query = {"ern": self.ern.id, "centre": self.centre.code}
        query |= {str(role): "on" for role in roles}
        return f"/access/new/{step}?{urlencode(query)}"


@route("GET", "/access/new", permission="site.use", event=None)
def choose_ern(visit: PageVisit) -> Answer:
    return Page(template="web/access_ern.html", values={"erns": list_erns(visit.session)})


@route("GET", "/access/new/country", permission="site.use", event=None)
def choose_country(visit: PageVisit) -> Answer:
    if "ern" not in visit.query:
        return Redirect("/access/new")
    ern = _ern(visit, visit.query["ern"])
    values = {"ern": ern, "countries": list_countries(visit.session)}
    return Page(template="web/access_country.html", values=values)


@route("GET", "/access/new/centre", permission="site.use", event=None)
def choose_centre(visit: PageVisit) -> Answer:
    if not {"ern", "country"} <= visit.query.keys():
        return Redirect("/access/new")
    ern = _ern(visit, visit.query["ern"])
    country = visit.session.get(Country, visit.query["country"])
    if country is None:
        raise NotFoundError("There is no such country in the directory. Choose one of the list.")
    asked = find_asked_for(visit.session, visit.actor)
    values = {
        "ern": ern,
        "country": country,
        "centres": list_centres(visit.session, country.id, ern.id),
        "asked": {hcp_id for ern_id, hcp_id in asked if ern_id == ern.id},
    }
    return Page(template="web/access_centre.html", values=values)


@route("GET", "/access/new/profile", permission="site.use", event=None)
def choose_profile(visit: PageVisit) -> Answer:
    if not {"ern", "centre"} <= visit.query.keys():
        return Redirect("/access/new")
    place = _place(visit, visit.query.get)
    if place.centre.is_guest:
        return Redirect(place.address("recap", (Role.GUEST,)))
    return _profile_page(visit, place, "")


@route("GET", "/access/new/recap", permission="site.use", event=None)
def show_recap(visit: PageVisit) -> Answer:
    if not {"ern", "centre"} <= visit.query.keys():
        return Redirect("/access/new")
    place = _place(visit, visit.query.get)
    try:
        roles = roles_of(_chosen(visit.query.get), is_guest_access=place.centre.is_guest)
    except InvalidError as error:
        return _profile_page(visit, place, error.fields["profile"])
    return _recap(visit, place, roles)


@route("POST", "/access/new", permission="site.use", event=Event.ACCESS_REQUESTED)
def submit(visit: PageVisit) -> Answer:
    place = _place(visit, visit.field)
    roles = _chosen(visit.field)
    new = NewRequest(
        ern_id=place.ern.id,
        hcp_id=place.centre.id,
        is_guest_access=place.centre.is_guest,
        roles=frozenset(roles),
        comment=_comment(visit),
    )
    try:
        request = submit_request(visit.session, visit.actor, new)
    except InvalidError as error:
        return _recap(visit, place, roles, wrong=error)
    return Redirect(f"/access/{request.id}", "Your request is submitted.")


def _ern(visit: PageVisit, ern_id: str) -> Ern:
    ern = visit.session.get(Ern, ern_id)
    if ern is None:
        raise NotFoundError("There is no such ERN. Choose one of the list under Request access.")
    ensure_running(ern)
    return ern


def _place(visit: PageVisit, given: Callable[[str], str | None]) -> Place:
    centre = find_centre(visit.session, given("centre") or "")
    if centre is None:
        raise NotFoundError("There is no centre with this code. Choose one of the list.")
    ensure_open(centre)
    return Place(ern=_ern(visit, given("ern") or ""), centre=centre)


def _chosen(given: Callable[[str], str | None]) -> tuple[Role, ...]:
    return tuple(role for role in _ROLES if given(role))


def _comment(visit: PageVisit) -> str:
    """However long: the service says what is too long, and the page gives it back."""
    return visit.field("comment", max_length=100_000)


def _profile_page(visit: PageVisit, place: Place, problem: str) -> Answer:
    values = {
        "place": place,
        "profiles": [
            (role, ROLE_TITLES[role].capitalize(), _WHAT_THEY_DO[role]) for role in PROFILES
        ],
        "chosen": _chosen(visit.query.get) or (() if problem else (Role.PROFESSIONAL,)),
        "problem": problem,
    }
    return Page(template="web/access_profile.html", values=values, status=422 if problem else 200)


def _recap(
    visit: PageVisit,
    place: Place,
    roles: tuple[Role, ...],
    *,
    wrong: InvalidError | None = None,
) -> Answer:
    values: dict[str, Any] = {
        "place": place,
        "roles": [(role, ROLE_TITLES[role]) for role in roles],
        "once": str(new_id()),
        "titles": {"comment": "Your specialty", "profile": "Profile"},
        "typed": {"comment": _comment(visit)},
        "problems": wrong.fields if wrong else {},
        "wrong": str(wrong) if wrong and not wrong.fields else "",
    }
    return Page(template="web/access_recap.html", values=values, status=422 if wrong else 200)


ROUTES = (choose_ern, choose_country, choose_centre, choose_profile, show_recap, submit)
