"""An ERN's expert groups: make one, say who is in it, end it."""

from uuid import UUID

from cpms_core import Answer, Page, Redirect, route
from cpms_core.audit import Event
from cpms_core.directory import groups
from cpms_core.directory.networks import find_network
from cpms_core.errors import InvalidError
from cpms_core.http.visit import PageVisit
from cpms_web.pages_directory import around
from cpms_web.panel_frame import person_ids, seen
from cpms_web.typed import in_order

_CONFIGURE = "network.configure"
_GROUPS = "/directory/erns/{ern_id:str}/groups"
_GROUP = "/directory/groups/{group_id:uuid}"
_TITLES = {"name": "Name", "members": "Members"}


@route("GET", _GROUPS, permission=_CONFIGURE, event=Event.GROUPS_READ)
def show_groups(visit: PageVisit, ern_id: str) -> Answer:
    return _groups(visit, ern_id)


@route("POST", _GROUPS, permission=_CONFIGURE, event=Event.GROUP_MADE)
def make(visit: PageVisit, ern_id: str) -> Answer:
    name = visit.field("name", max_length=1000)
    try:
        group = groups.make_group(visit.session, visit.actor, ern_id, name)
    except InvalidError as error:
        return _groups(visit, ern_id, name, error)
    return Redirect(f"/directory/groups/{group.id}", "The group is made. Now choose its members.")


@route("GET", _GROUP, permission=_CONFIGURE, event=Event.GROUPS_READ)
def show_group(visit: PageVisit, group_id: UUID) -> Answer:
    return _group(visit, group_id)


@route("POST", _GROUP, permission=_CONFIGURE, event=Event.GROUP_CHANGED)
def change(visit: PageVisit, group_id: UUID) -> Answer:
    name, members = visit.field("name", max_length=1000), person_ids(visit, "members")
    try:
        groups.change_group(visit.session, visit.actor, group_id, seen(visit), name, members)
    except InvalidError as error:
        return _group(visit, group_id, name, error)
    return Redirect(f"/directory/groups/{group_id}", "The group is saved.")


@route("POST", _GROUP + "/end", permission=_CONFIGURE, event=Event.GROUP_ENDED)
def end(visit: PageVisit, group_id: UUID) -> Answer:
    ern_id = groups.end_group(visit.session, visit.actor, group_id, seen(visit))
    said = "The group is ended. Who was invited through it stays on the panels."
    return Redirect(f"/directory/erns/{ern_id}/groups", said)


def _groups(
    visit: PageVisit, ern_id: str, name: str = "", error: InvalidError | None = None
) -> Page:
    values = {
        **around(visit, "erns"),
        "ern": find_network(visit.session, visit.actor, ern_id),
        "groups": groups.read_groups(visit.session, visit.actor, ern_id),
        "titles": _TITLES,
        "typed": {"name": name},
        "problems": in_order(error.fields, _TITLES) if error else {},
    }
    return Page(template="web/directory_groups.html", values=values, status=422 if error else 200)


def _group(
    visit: PageVisit, group_id: UUID, name: str = "", error: InvalidError | None = None
) -> Page:
    group, people = groups.read_group(visit.session, visit.actor, group_id)
    stored = {str(one.id) for one in people if one.is_member}
    values = {
        **around(visit, "erns"),
        "group": group,
        "ern": find_network(visit.session, visit.actor, group.ern_id),
        "people": people,
        "chosen": set(visit.form.get("members", [])) if error else stored,
        "titles": _TITLES,
        "typed": {"name": name if error else group.name},
        "problems": in_order(error.fields, _TITLES) if error else {},
    }
    return Page(template="web/directory_group.html", values=values, status=422 if error else 200)


ROUTES = (show_groups, make, show_group, change, end)
