"""Who of the own centre sees a patient: restrict it to a team, change the team, open it again."""

from collections.abc import Collection, Mapping
from uuid import UUID

from cpms_core import Answer, Page, Redirect, route
from cpms_core.audit import Event, record
from cpms_core.cases.centre import cases_of_patient
from cpms_core.errors import ForbiddenError, InvalidError
from cpms_core.http.visit import PageVisit
from cpms_core.patients.care_team import (
    add_to_team,
    open_to_centre,
    read_care_team,
    remove_from_team,
    restrict_patient,
)
from cpms_core.patients.colleagues import Colleague, colleagues
from cpms_core.patients.orphans import find_orphan, name_new_team
from cpms_core.patients.queries import read_patient
from cpms_web.panel_frame import one_of, person_ids
from cpms_web.typed import in_order

_TITLES = {"team": "Also on the team", "person": "Who"}
_TEAM = "/patients/{patient_id:uuid}/team"
_NEW = "/patients/{orphan_id:uuid}/new-team"
_CHANGE = "patient.restrict"


@route("GET", _TEAM, permission=_CHANGE, event=Event.PATIENT_READ)
def show_team(visit: PageVisit, patient_id: UUID) -> Answer:
    return _page(visit, patient_id)


@route("POST", _TEAM, permission=_CHANGE, event=Event.PATIENT_RESTRICTED)
def restrict(visit: PageVisit, patient_id: UUID) -> Answer:
    chosen = visit.form.get("team", [])
    try:
        restrict_patient(visit.session, visit.actor, patient_id, person_ids(visit, "team"))
    except InvalidError as error:
        return _page(visit, patient_id, error.fields, chosen)
    return Redirect(f"/patients/{patient_id}", "Only the team sees this patient from now on.")


@route("POST", _TEAM + "/add", permission=_CHANGE, event=Event.TEAM_JOINED)
def add(visit: PageVisit, patient_id: UUID) -> Answer:
    try:
        person = one_of(person_ids(visit, "person"), "Choose who is to see the patient.")
        add_to_team(visit.session, visit.actor, patient_id, person)
    except InvalidError as error:
        return _page(visit, patient_id, {"person": str(error)})
    return Redirect(f"/patients/{patient_id}/team", "Added; the patient is open to them now.")


@route("POST", _TEAM + "/{user_id:uuid}/remove", permission=_CHANGE, event=Event.TEAM_LEFT)
def remove(visit: PageVisit, patient_id: UUID, user_id: UUID) -> Answer:
    remove_from_team(visit.session, visit.actor, patient_id, user_id)
    if user_id == visit.actor.user_id:
        return Redirect("/centre", "You are no longer on the team; the patient is closed to you.")
    return Redirect(f"/patients/{patient_id}/team", "Removed; the patient is closed to them now.")


@route("POST", _TEAM + "/open", permission=_CHANGE, event=Event.PATIENT_UNRESTRICTED)
def unrestrict(visit: PageVisit, patient_id: UUID) -> Answer:
    open_to_centre(visit.session, visit.actor, patient_id)
    return Redirect(f"/patients/{patient_id}", "Everybody at your centre sees this patient again.")


@route("GET", _NEW, permission="patient.new_team", event=Event.PATIENT_READ)
def show_new_team(visit: PageVisit, orphan_id: UUID) -> Answer:
    patient = find_orphan(visit.session, visit.actor, orphan_id)
    hcp_id = patient.hcp_id
    record(visit.session, visit.actor, Event.PATIENT_READ, patient_id=orphan_id, hcp_id=hcp_id)
    return _new_team(visit, orphan_id)


@route("POST", _NEW, permission="patient.new_team", event=Event.TEAM_RENEWED)
def renew_team(visit: PageVisit, orphan_id: UUID) -> Answer:
    chosen = visit.form.get("team", [])
    try:
        name_new_team(visit.session, visit.actor, orphan_id, person_ids(visit, "team"))
    except InvalidError as error:
        return _new_team(visit, orphan_id, error.fields, chosen)
    return Redirect("/", "The team is named; its members see the patient from now on.")


def choices(people: Collection[Colleague]) -> dict[str, str]:
    """For boxes and selects: id → name and role."""
    return {str(one.id): f"{one.name}, {one.role}" for one in people}


def _page(
    visit: PageVisit,
    patient_id: UUID,
    wrong: Mapping[str, str] | None = None,
    chosen: Collection[str] = (),
) -> Page:
    patient = read_patient(visit.session, visit.actor, patient_id)
    team = read_care_team(visit.session, visit.actor, patient_id)
    if not team.may_change:
        raise ForbiddenError("You may read this patient, but not change who sees it.")
    values = {
        "patient": patient,
        "team": team,
        "cases": len(cases_of_patient(visit.session, patient_id)),
        "others": choices(team.others),
        "chosen": chosen,
        "titles": _TITLES,
        "typed": dict.fromkeys(_TITLES, ""),
        "problems": in_order(wrong or {}, _TITLES),
    }
    return Page(template="web/care_team.html", values=values, status=422 if wrong else 200)


def _new_team(
    visit: PageVisit,
    patient_id: UUID,
    wrong: Mapping[str, str] | None = None,
    chosen: Collection[str] = (),
) -> Page:
    patient = find_orphan(visit.session, visit.actor, patient_id)
    values = {
        "patient_id": patient_id,
        "pseudonym": patient.pseudonym,
        "others": choices(colleagues(visit.session, patient.hcp_id)),
        "chosen": chosen,
        "titles": _TITLES | {"team": "Who looks after the patient"},
        "problems": in_order(wrong or {}, _TITLES),
    }
    return Page(template="web/new_team.html", values=values, status=422 if wrong else 200)


ROUTES = (show_team, restrict, add, remove, unrestrict, show_new_team, renew_team)
