"""The directory's centres: a list, a page for each, and what may be changed there by whom."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from cpms_core import Answer, Page, Redirect, route
from cpms_core.access import Subject, could, may
from cpms_core.audit import Event
from cpms_core.directory import centres
from cpms_core.directory.memberships import KINDS, set_membership
from cpms_core.directory.networks import has_ended, list_networks
from cpms_core.errors import InvalidError
from cpms_core.http.visit import PageVisit
from cpms_core.panels.seats.at_centre import count_at_centre
from cpms_web.erns import ern_names
from cpms_web.paging import page_number
from cpms_web.typed import in_order, typed_in

TITLES = {"code": "Code", "name": "Name", "city": "City", "ern": "ERN", "kind": "Belongs to it as"}
_READ, _MANAGE, _CONFIGURE = "directory.read", "directory.manage", "network.configure"
_CENTRE = "/directory/centres/{hcp_id:uuid}"


@route("GET", "/directory", permission=_READ, event=None)
def show_centres(visit: PageVisit) -> Answer:
    search = visit.query.get("q", "").strip()[:120]
    values = {
        **around(visit, "centres"),
        "centres": centres.list_centres(visit.session, visit.actor, search, page_number(visit)),
        "search": search,
        "erns": ern_names(visit.session),
    }
    return Page(template="web/directory_centres.html", values=values)


@route("GET", "/directory/centres/new", permission=_MANAGE, event=None)
def show_new_centre(_visit: PageVisit) -> Answer:
    return _new_centre(dict.fromkeys(TITLES, ""), {})


@route("POST", "/directory/centres/new", permission=_MANAGE, event=Event.CENTRE_ADDED)
def add_centre(visit: PageVisit) -> Answer:
    typed = typed_in(visit, ("code", "name", "city"), max_length=1000)
    try:
        hcp = centres.add_centre(visit.session, visit.actor, **typed)
    except InvalidError as error:
        return _new_centre(typed, error.fields)
    return Redirect(f"/directory/centres/{hcp.id}", f"{hcp.code} is in the directory.")


@route("GET", _CENTRE, permission=_READ, event=None)
def show_centre(visit: PageVisit, hcp_id: UUID) -> Answer:
    return _centre_page(visit, hcp_id, {}, {})


@route("POST", _CENTRE, permission="centre.describe", event=Event.CENTRE_CHANGED)
def describe_centre(visit: PageVisit, hcp_id: UUID) -> Answer:
    typed = typed_in(visit, ("name", "city"), max_length=1000)
    try:
        centres.describe_centre(visit.session, visit.actor, hcp_id, **typed)
    except InvalidError as error:
        return _centre_page(visit, hcp_id, typed, error.fields)
    return Redirect(f"/directory/centres/{hcp_id}", "Name and city are saved.")


@route(
    "POST",
    _CENTRE + "/memberships",
    permission=_CONFIGURE,
    event=Event.MEMBERSHIP_CHANGED,
)
def change_membership(visit: PageVisit, hcp_id: UUID) -> Answer:
    typed = typed_in(visit, ("ern", "kind"))
    if not typed["ern"]:
        return _centre_page(visit, hcp_id, typed, {"ern": "Choose an ERN."})
    kind = "" if typed["kind"] == "none" else typed["kind"]
    try:
        set_membership(visit.session, visit.actor, hcp_id, typed["ern"], kind)
    except InvalidError as error:
        return _centre_page(visit, hcp_id, typed, error.fields)
    name = ern_names(visit.session)[typed["ern"]]
    said = f"{KINDS[kind]} of {name}." if kind else f"No longer a member of {name}."
    return Redirect(f"/directory/centres/{hcp_id}", said)


@route("GET", _CENTRE + "/close", permission=_MANAGE, event=None)
def show_closing(visit: PageVisit, hcp_id: UUID) -> Answer:
    values = {
        "hcp": centres.read_centre(visit.session, visit.actor, hcp_id),
        "there": count_at_centre(visit.session, visit.actor, hcp_id),
    }
    return Page(template="web/directory_close.html", values=values)


@route(
    "POST",
    _CENTRE + "/close",
    permission=_MANAGE,
    event=Event.CENTRE_CLOSED,
    step_up="close a centre",
)
def close_centre(visit: PageVisit, hcp_id: UUID) -> Answer:
    centres.close_centre(visit.session, visit.actor, hcp_id)
    return Redirect(f"/directory/centres/{hcp_id}", "The centre is closed; nobody new comes to it.")


@route("POST", _CENTRE + "/reopen", permission=_MANAGE, event=Event.CENTRE_REOPENED)
def reopen_centre(visit: PageVisit, hcp_id: UUID) -> Answer:
    centres.reopen_centre(visit.session, visit.actor, hcp_id)
    return Redirect(f"/directory/centres/{hcp_id}", "The centre is open again.")


def around(visit: PageVisit, here: str) -> dict[str, Any]:
    """What every page of the directory shows: its parts, as far as they are the reader's."""
    actor = visit.actor
    parts = [("centres", "Centres", "/directory")]
    if could(actor, _MANAGE):
        parts.append(("countries", "Countries", "/directory/countries"))
    if could(actor, _CONFIGURE):
        parts.append(("erns", "ERNs", "/directory/erns"))
    if could(actor, _MANAGE):
        parts.append(("import", "Import", "/directory/import"))
    return {"parts": parts, "here": here, "may_manage": could(actor, _MANAGE)}


def _new_centre(typed: Mapping[str, str], problems: Mapping[str, str]) -> Answer:
    values = {
        "titles": TITLES,
        "typed": typed,
        "problems": in_order(problems, TITLES),
    }
    status = 422 if problems else 200
    return Page(template="web/directory_centre_new.html", values=values, status=status)


def _centre_page(
    visit: PageVisit, hcp_id: UUID, typed: Mapping[str, str], problems: Mapping[str, str]
) -> Answer:
    """With what was typed into one of its forms, and what is wrong with it."""
    hcp = centres.read_centre(visit.session, visit.actor, hcp_id)
    names = ern_names(visit.session)
    mine = list_networks(visit.session, visit.actor) if could(visit.actor, _CONFIGURE) else []
    values = {
        **around(visit, "centres"),
        "hcp": hcp,
        "kinds": KINDS,
        "members": sorted(
            (names[one.ern_id], KINDS.get(one.kind, one.kind), one.ern_id)
            for one in hcp.memberships
        ),
        "erns": {one.id: one.name for one in mine if not has_ended(one)},
        "may_describe": may(visit.actor, "centre.describe", Subject(hcp_id=hcp_id)),
        "titles": TITLES,
        "typed": {"name": hcp.name, "city": hcp.city, "ern": "", "kind": "full_member", **typed},
        "problems": in_order(problems, TITLES),
    }
    status = 422 if problems else 200
    return Page(template="web/directory_centre.html", values=values, status=status)


ROUTES = (
    show_centres,
    show_new_centre,
    add_centre,
    show_centre,
    describe_centre,
    change_membership,
    show_closing,
    close_centre,
    reopen_centre,
)
