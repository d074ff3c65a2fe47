"""The directory's countries with their guest access, and the ERNs with their last days."""

from collections.abc import Mapping

from cpms_core import Answer, Page, Redirect, route
from cpms_core.audit import Event
from cpms_core.directory import countries, networks
from cpms_core.errors import InvalidError
from cpms_core.http.visit import PageVisit
from cpms_web.pages_directory import around
from cpms_web.typed import in_order, read_date, typed_in

_COUNTRY_TITLES = {"code": "Code", "name": "Name"}
_ERN_TITLES = {"id": "Short name", "name": "Name", "scope": "What it is for", "ends_on": "Last day"}
_MANAGE, _CONFIGURE = "directory.manage", "network.configure"


@route("GET", "/directory/countries", permission=_MANAGE, event=None)
def show_countries(visit: PageVisit) -> Answer:
    return _countries(visit, dict.fromkeys(_COUNTRY_TITLES, ""), {})


@route("POST", "/directory/countries", permission=_MANAGE, event=Event.COUNTRY_ADDED)
def add_country(visit: PageVisit) -> Answer:
    typed = typed_in(visit, _COUNTRY_TITLES, max_length=1000)
    try:
        country = countries.add_country(visit.session, visit.actor, **typed)
    except InvalidError as error:
        return _countries(visit, typed, error.fields)
    return Redirect("/directory/countries", f"{country.name} is in the directory.")


@route(
    "POST",
    "/directory/countries/{country:str}/guest-access",
    permission=_MANAGE,
    event=Event.CENTRE_ADDED,
)
def open_guest_access(visit: PageVisit, country: str) -> Answer:
    hcp = countries.open_guest_access(visit.session, visit.actor, country)
    return Redirect("/directory/countries", f"{hcp.name} is there, as {hcp.code}.")


@route("GET", "/directory/erns", permission=_CONFIGURE, event=None)
def show_erns(visit: PageVisit) -> Answer:
    return _erns(visit, dict.fromkeys(_ERN_TITLES, ""), {})


@route("POST", "/directory/erns", permission=_MANAGE, event=Event.ERN_ADDED)
def add_network(visit: PageVisit) -> Answer:
    typed = typed_in(visit, _ERN_TITLES, max_length=1000)
    problems: dict[str, str] = {}
    ends_on = read_date(typed["ends_on"], "ends_on", problems)
    try:
        ern = networks.add_network(
            visit.session, visit.actor, typed["id"], typed["name"], typed["scope"], ends_on
        )
    except InvalidError as error:
        return _erns(visit, typed, error.fields | problems)
    return Redirect("/directory/erns", f"{ern.name} is there. Now give somebody its coordination.")


@route(
    "POST",
    "/directory/erns/{ern_id:str}/end",
    permission=_MANAGE,
    event=Event.ERN_CHANGED,
    step_up="change the last day of a network",
)
def change_end(visit: PageVisit, ern_id: str) -> Answer:
    problems: dict[str, str] = {}
    ends_on = read_date(visit.field("ends_on", max_length=20), "ends_on", problems)
    if problems:
        raise InvalidError(f"Nothing was changed. {problems['ends_on']}", problems)
    ern = networks.change_end(visit.session, visit.actor, ern_id, ends_on)
    return Redirect("/directory/erns", f"The last day of {ern.name} is changed.")


def _countries(visit: PageVisit, typed: Mapping[str, str], problems: Mapping[str, str]) -> Answer:
    values = {
        **around(visit, "countries"),
        "countries": countries.list_countries(visit.session),
        "titles": _COUNTRY_TITLES,
        "typed": typed,
        "problems": in_order(problems, _COUNTRY_TITLES),
    }
    status = 422 if problems else 200
    return Page(template="web/directory_countries.html", values=values, status=status)


def _erns(visit: PageVisit, typed: Mapping[str, str], problems: Mapping[str, str]) -> Answer:
    values = {
        **around(visit, "erns"),
        "erns": networks.list_networks(visit.session, visit.actor),
        "has_ended": networks.has_ended,
        "titles": _ERN_TITLES,
        "typed": typed,
        "problems": in_order(problems, _ERN_TITLES),
    }
    status = 422 if problems else 200
    return Page(template="web/directory_erns.html", values=values, status=status)


ROUTES = (
    show_countries,
    add_country,
    open_guest_access,
    show_erns,
    add_network,
    change_end,
)
