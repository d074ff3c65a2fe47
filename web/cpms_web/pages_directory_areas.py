"""An ERN's thematic areas: add one, call it otherwise, no longer offer it."""

from cpms_core import Answer, Page, Redirect, route
from cpms_core.audit import Event
from cpms_core.directory.areas import add_area, areas_of, rename_area, retire_area
from cpms_core.directory.networks import find_network
from cpms_core.errors import InvalidError
from cpms_core.http.visit import PageVisit
from cpms_web.pages_directory import around

_CONFIGURE = "network.configure"
_AREAS = "/directory/erns/{ern_id:str}/areas"
_AREA = _AREAS + "/{area:str}"


@route("GET", _AREAS, permission=_CONFIGURE, event=None)
def show_areas(visit: PageVisit, ern_id: str) -> Answer:
    return _page(visit, ern_id)


@route("POST", _AREAS, permission=_CONFIGURE, event=Event.AREA_CHANGED)
def add(visit: PageVisit, ern_id: str) -> Answer:
    title = visit.field("title", max_length=1000)
    try:
        add_area(visit.session, visit.actor, visit.site.registry, ern_id, title)
    except InvalidError as error:
        return _page(visit, ern_id, "", title, error.fields["title"])
    return Redirect(f"/directory/erns/{ern_id}/areas", "The area is offered from now on.")


@route("POST", _AREA, permission=_CONFIGURE, event=Event.AREA_CHANGED)
def rename(visit: PageVisit, ern_id: str, area: str) -> Answer:
    title = visit.field("title", max_length=1000)
    try:
        rename_area(visit.session, visit.actor, visit.site.registry, ern_id, area, title)
    except InvalidError as error:
        return _page(visit, ern_id, area, title, error.fields["title"])
    return Redirect(f"/directory/erns/{ern_id}/areas", "The area has its new title everywhere.")


@route("POST", _AREA + "/retire", permission=_CONFIGURE, event=Event.AREA_CHANGED)
def retire(visit: PageVisit, ern_id: str, area: str) -> Answer:
    retire_area(visit.session, visit.actor, visit.site.registry, ern_id, area)
    said = "The area is no longer offered; what was sent under it keeps it."
    return Redirect(f"/directory/erns/{ern_id}/areas", said)


@route("POST", _AREA + "/offer", permission=_CONFIGURE, event=Event.AREA_CHANGED)
def offer(visit: PageVisit, ern_id: str, area: str) -> Answer:
    retire_area(visit.session, visit.actor, visit.site.registry, ern_id, area, is_retired=False)
    return Redirect(f"/directory/erns/{ern_id}/areas", "The area is offered again.")


def _page(visit: PageVisit, ern_id: str, area: str = "", title: str = "", wrong: str = "") -> Page:
    """`area` is the one whose new title is `wrong`; empty if it is that of a new area."""
    values = {
        **around(visit, "erns"),
        "ern": find_network(visit.session, visit.actor, ern_id),
        "areas": areas_of(visit.session, visit.site.registry, ern_id),
        "of": area,
        "title": title,
        "wrong": wrong,
    }
    return Page(template="web/directory_areas.html", values=values, status=422 if wrong else 200)


ROUTES = (show_areas, add, rename, retire, offer)
