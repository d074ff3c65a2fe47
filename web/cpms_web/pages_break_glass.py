"""In an emergency: open a restricted patient or an identity; and what those who are told see."""

from collections.abc import Mapping
from uuid import UUID

from cpms_core import Answer, Page, Redirect, route
from cpms_core.actor import Role
from cpms_core.audit import Event
from cpms_core.errors import InvalidError
from cpms_core.http.visit import PageVisit
from cpms_core.patients.break_glass import Wanted, open_identity, open_in_emergency
from cpms_core.patients.emergencies import acknowledge, read_emergency
from cpms_core.patients.queries import read_patient
from cpms_web.typed import in_order, read_date, typed_in

_TITLES = {
    "pseudonym": "Pseudonym",
    "family_name": "Family name",
    "given_name": "Given name",
    "birth_date": "Birth date",
    "reason": "What the emergency is",
}
_BREAK = "patient.break_glass"
_STEP_UP = "open a patient in an emergency"
_OF_PATIENT = "/patients/{patient_id:uuid}/emergency"
_TOLD = "/emergencies/{glass_id:uuid}"


@route("GET", "/centre/emergency", permission=_BREAK, event=None)
def show_emergency_form(visit: PageVisit) -> Answer:
    del visit
    return _form(dict.fromkeys(_TITLES, ""), {})


@route(
    "POST",
    "/centre/emergency",
    permission=_BREAK,
    event=Event.EMERGENCY_BEGUN,
    or_event=Event.EMERGENCY_SOUGHT,
    step_up=_STEP_UP,
)
def open_patient(visit: PageVisit) -> Answer:
    typed = typed_in(visit, _TITLES, max_length=2000)
    wrong: dict[str, str] = {}
    wanted = _wanted(typed, wrong)
    if wrong:
        return _form(typed, wrong)
    try:
        opening = open_in_emergency(
            visit.session, visit.actor, visit.site.key, wanted, typed["reason"]
        )
    except InvalidError as error:
        return _form(typed, error.fields)
    said = "This patient is open to you in any case; nothing had to be broken."
    if opening.is_broken:
        said = "Open to you for an hour. The care team and your centre manager are told."
    return Redirect(f"/patients/{opening.patient_id}", said)


@route("GET", _OF_PATIENT, permission=_BREAK, event=Event.PATIENT_READ)
def show_identity_form(visit: PageVisit, patient_id: UUID) -> Answer:
    return _identity_form(visit, patient_id, "", {})


@route("POST", _OF_PATIENT, permission=_BREAK, event=Event.EMERGENCY_BEGUN, step_up=_STEP_UP)
def break_identity(visit: PageVisit, patient_id: UUID) -> Answer:
    reason = visit.field("reason", max_length=2000)
    try:
        open_identity(visit.session, visit.actor, patient_id, reason)
    except InvalidError as error:
        return _identity_form(visit, patient_id, reason, error.fields)
    return Redirect(
        f"/patients/{patient_id}",
        "You can look up who it is for an hour. Your centre manager is told.",
    )


@route("GET", _TOLD, permission=_BREAK, event=Event.EMERGENCY_READ)
def show_emergency(visit: PageVisit, glass_id: UUID) -> Answer:
    emergency = read_emergency(visit.session, visit.actor, glass_id)
    is_manager = Role.CENTRE_MANAGER in visit.actor.roles
    values = {"emergency": emergency, "is_manager": is_manager}
    return Page(template="web/emergency.html", values=values)


@route("POST", _TOLD + "/seen", permission=_BREAK, event=Event.EMERGENCY_SEEN)
def note_seen(visit: PageVisit, glass_id: UUID) -> Answer:
    acknowledge(visit.session, visit.actor, glass_id)
    return Redirect("/", "Thank you; it no longer waits for you.")


def _wanted(typed: Mapping[str, str], wrong: dict[str, str]) -> Wanted:
    """The pseudonym is enough; without it, all three of the rest."""
    if typed["pseudonym"]:
        return Wanted(pseudonym=typed["pseudonym"])
    born = read_date(typed["birth_date"], "birth_date", wrong)
    if not (typed["given_name"] and typed["family_name"] and born) and not wrong:
        wrong["pseudonym"] = "Enter the pseudonym, or both names and the birth date."
    return Wanted(given_name=typed["given_name"], family_name=typed["family_name"], birth_date=born)


def _form(typed: Mapping[str, str], wrong: Mapping[str, str]) -> Page:
    values = {"titles": _TITLES, "typed": typed, "problems": in_order(wrong, _TITLES)}
    return Page(template="web/break_glass.html", values=values, status=422 if wrong else 200)


def _identity_form(
    visit: PageVisit, patient_id: UUID, reason: str, wrong: Mapping[str, str]
) -> Page:
    values = {
        "patient": read_patient(visit.session, visit.actor, patient_id),
        "titles": _TITLES,
        "typed": {"reason": reason},
        "problems": in_order(wrong, _TITLES),
    }
    return Page(template="web/break_identity.html", values=values, status=422 if wrong else 200)


ROUTES = (
    show_emergency_form,
    open_patient,
    show_identity_form,
    break_identity,
    show_emergency,
    note_seen,
)
