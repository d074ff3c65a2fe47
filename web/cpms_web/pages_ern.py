"""An ERN's requests and panels."""

from uuid import UUID

from cpms_core import Answer, Page, Redirect, route
from cpms_core.audit import Event
from cpms_core.http.visit import PageVisit
from cpms_core.panels import stages
from cpms_core.panels.ern.panels import MOST_COUNTED, Filter
from cpms_core.panels.ern.queries import my_erns, read_ern_page
from cpms_web.paging import page_number


@route("GET", "/erns", permission="ern.read", event=None)
def show_erns(visit: PageVisit) -> Answer:
    erns = my_erns(visit.session, visit.actor)
    if len(erns) == 1:
        return Redirect(f"/erns/{erns[0][0]}")
    return Page(template="web/erns.html", values={"erns": erns})


@route("GET", "/erns/{ern_id:str}", permission="ern.read", event=Event.ERN_READ)
def show_ern(visit: PageVisit, ern_id: str) -> Answer:
    query = visit.query
    chosen = Filter(
        query.get("q", "")[:200],
        query.get("stage", ""),
        only_late=query.get("late") == "1",
        only_ended=query.get("ended") == "1",
    )
    ern = read_ern_page(
        visit.session,
        visit.actor,
        visit.site.registry,
        ern_id,
        chosen,
        page_number(visit),
        _id_or_none(query.get("after", "")),
    )
    values = {
        "ern": ern,
        "chosen": chosen,
        "stages": stages.TITLES,
        "most_counted": MOST_COUNTED,
    }
    return Page(template="web/ern.html", values=values, block="panels")


def _id_or_none(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


ROUTES = (show_erns, show_ern)
