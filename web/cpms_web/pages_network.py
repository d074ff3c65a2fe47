"""How a network works: its workflow, what it promises, when it works, and what that would mean."""

from collections.abc import Callable, Mapping

from sqlalchemy import select

from cpms_core import Answer, Page, Redirect, route
from cpms_core.audit import Event
from cpms_core.directory.models import Country
from cpms_core.directory.networks import find_network
from cpms_core.errors import InvalidError
from cpms_core.http.visit import PageVisit
from cpms_core.panels.clock.settings import (
    WORKFLOWS,
    ZONES,
    configure_network,
    read_settings,
    typed_of,
)
from cpms_web.pages_directory import around
from cpms_web.typed import in_order

_PATH = "/directory/erns/{ern_id:str}/promises"
_TITLES = {
    "workflow": "How a consultation runs",
    "triage_hours": "Triage: working hours",
    "first_answer_urgent_hours": "First answer if it is urgent: hours",
    "first_answer_hours": "First answer if it is not urgent: hours",
    "outcome_days": "Outcome: days",
    "coordinators_after_hours": "Tell the coordinators after: hours",
    "days": "Days",
    "opens": "From",
    "closes": "To",
    "zone": "Time zone",
    "country": "Public holidays of",
    "holidays": "Other free days",
}
_DAYS = {
    "1": "Monday",
    "2": "Tuesday",
    "3": "Wednesday",
    "4": "Thursday",
    "5": "Friday",
    "6": "Saturday",
    "7": "Sunday",
}
_LONGEST = 5000


@route("GET", _PATH, permission="network.configure", event=None)
def show_promises(visit: PageVisit, ern_id: str) -> Answer:
    """With the form's values in the query: what those would mean."""
    typed = typed_of(find_network(visit.session, visit.actor, ern_id))
    if "zone" in visit.query:
        typed = _typed(lambda name: visit.query.get(name, "")[:_LONGEST])
    return _page(visit, ern_id, typed, {})


@route("POST", _PATH, permission="network.configure", event=Event.NETWORK_CONFIGURED)
def change_promises(visit: PageVisit, ern_id: str) -> Answer:
    typed = _typed(lambda name: visit.field(name, max_length=_LONGEST))
    try:
        ern = configure_network(visit.session, visit.actor, ern_id, read_settings(typed))
    except InvalidError as error:
        return _page(visit, ern_id, typed, error.fields)
    said = f"{ern.name} works like this from now on; running clocks are counted anew."
    return Redirect(f"/directory/erns/{ern_id}/promises", said)


def _typed(field: Callable[[str], str]) -> dict[str, str]:
    days = " ".join(day for day in _DAYS if field(f"day_{day}"))
    return {name: field(name) for name in _TITLES if name != "days"} | {"days": days}


def _page(
    visit: PageVisit, ern_id: str, typed: Mapping[str, str], problems: Mapping[str, str]
) -> Page:
    values = {
        **around(visit, "erns"),
        "ern": find_network(visit.session, visit.actor, ern_id),
        "titles": _TITLES,
        "typed": typed,
        "problems": in_order(problems, _TITLES),
        "previews": _previews(typed),
        "workflows": WORKFLOWS,
        "days": _DAYS,
        "zones": {one: one.replace("_", " ") for one in ZONES},
        "countries": _countries(visit),
    }
    status = 422 if problems else 200
    return Page(template="web/network.html", values=values, status=status, block="preview")


def _previews(typed: Mapping[str, str]) -> Mapping[str, object]:
    """By urgency; empty while something is wrong."""
    try:
        network = read_settings(typed).network
    except InvalidError:
        return {}
    return {urgency: network.preview(urgency) for urgency in ("urgent", "routine")}


def _countries(visit: PageVisit) -> Mapping[str, str]:
    rows = visit.session.execute(select(Country.id, Country.name).order_by(Country.name))
    return {row.id: row.name for row in rows}


ROUTES = (show_promises, change_promises)
