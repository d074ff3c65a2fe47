"""Away for a time: who stands in, from when, until when."""

from collections.abc import Mapping

from cpms_core import Answer, Page, Redirect, route
from cpms_core.audit import Event, record
from cpms_core.clock import clock
from cpms_core.errors import InvalidError
from cpms_core.http.visit import PageVisit
from cpms_core.identity.absence import (
    NewAbsence,
    end_absence,
    find_absence,
    name_deputy,
    possible_deputies,
)
from cpms_web.panel_frame import person_ids
from cpms_web.typed import in_order, read_date, typed_in

_TITLES = {"first": "First day away", "last": "Last day away", "deputy": "Who stands in"}


@route("GET", "/me/absence", permission="site.work", event=Event.PROFILE_READ)
def show_absence(visit: PageVisit) -> Answer:
    record(visit.session, visit.actor, Event.PROFILE_READ)
    return _page(visit, {"first": clock.today().isoformat(), "last": "", "deputy": ""}, {})


@route("POST", "/me/absence", permission="site.work", event=Event.DEPUTY_NAMED)
def go_away(visit: PageVisit) -> Answer:
    typed = typed_in(visit, _TITLES)
    wrong: dict[str, str] = {}
    first, last = (read_date(typed[name], name, wrong) for name in ("first", "last"))
    deputy = person_ids(visit, "deputy")
    for name, given in (("first", first), ("last", last), ("deputy", deputy)):
        if not given:
            wrong.setdefault(name, "Choose one." if name == "deputy" else "Choose a day.")
    if not (first and last and deputy):
        return _page(visit, typed, wrong)
    new = NewAbsence(first=first, last=last, deputy_id=deputy[0])
    try:
        name_deputy(visit.session, visit.actor, new)
    except InvalidError as error:
        return _page(visit, typed, error.fields)
    return Redirect("/me", "Your deputy is named, and sees then what waits for you.")


@route("POST", "/me/absence/end", permission="site.work", event=Event.DEPUTY_ENDED)
def come_back(visit: PageVisit) -> Answer:
    end_absence(visit.session, visit.actor)
    return Redirect("/me", "Welcome back; nobody stands in for you any more.")


def _page(visit: PageVisit, typed: Mapping[str, str], wrong: Mapping[str, str]) -> Page:
    deputies = possible_deputies(visit.session, visit.actor)
    values = {
        "absence": find_absence(visit.session, visit.actor),
        "deputies": {str(user_id): name for user_id, name in deputies.items()},
        "titles": _TITLES,
        "typed": typed,
        "problems": in_order(wrong, _TITLES),
    }
    return Page(template="web/absence.html", values=values, status=422 if wrong else 200)


ROUTES = (show_absence, go_away, come_back)
