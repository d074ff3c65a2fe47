"""The own centre: its patients and cases, and the enrolment of a new patient."""

from collections.abc import Mapping
from uuid import UUID

from cpms_core import Answer, Page, Redirect, route, words
from cpms_core.access import could
from cpms_core.audit import Event
from cpms_core.cases.centre import MOST, read_centre
from cpms_core.directory.models import Hcp
from cpms_core.errors import ConflictError
from cpms_core.http.visit import PageVisit
from cpms_core.patients.service import SEXES, Enrolment, enrol_patient, enrolment_problems
from cpms_core.patients.team import own_centres
from cpms_core.patients.vault import Identity
from cpms_web.case_stands import stands_of
from cpms_web.typed import in_order, read_date, typed_in

_TITLES = {
    "centre": "Centre",
    "given_name": "Given name",
    "family_name": "Family name",
    "birth_date": "Birth date",
    "sex": "Sex at birth",
    "local_record_number": "Local record number",
}


@route("GET", "/centre", permission="centre.read", event=Event.CENTRE_READ)
def show_centre(visit: PageVisit) -> Answer:
    centre = read_centre(visit.session, visit.actor)
    values = {
        "centre": centre,
        "at_guest_access": all(one.is_guest for one in centre.centres),
        "stands": stands_of(visit.session, [case.id for case in centre.cases]),
        "person": words.person,
        "most": MOST,
        "may_break_glass": could(visit.actor, "patient.break_glass"),
    }
    return Page(template="web/centre.html", values=values)


@route("GET", "/centre/patients/new", permission="patient.enrol", event=None)
def show_enrolment_form(visit: PageVisit) -> Answer:
    return _form(visit, dict.fromkeys(_TITLES, ""))


@route("POST", "/centre/patients/new", permission="patient.enrol", event=Event.PATIENT_ENROLLED)
def enrol(visit: PageVisit) -> Answer:
    typed = typed_in(visit, _TITLES)
    wrong: dict[str, str] = {}
    hcp_id = _centre_of(visit, typed["centre"], wrong)
    enrolment = Enrolment(
        identity=Identity(
            given_name=typed["given_name"],
            family_name=typed["family_name"],
            birth_date=read_date(typed["birth_date"], "birth_date", wrong),
            local_record_number=typed["local_record_number"],
        ),
        sex=typed["sex"],
        is_double_meant=bool(visit.field("is_double_meant")),
    )
    wrong = {**enrolment_problems(enrolment), **wrong}
    if wrong or hcp_id is None:
        return _form(visit, typed, wrong)
    try:
        patient = enrol_patient(visit.session, visit.actor, visit.site.key, hcp_id, enrolment)
    except ConflictError as error:
        return _form(visit, typed, double=str(error))
    return Redirect(
        f"/patients/{patient.id}",
        f"Enrolled as {patient.pseudonym}. Now record the consent for care.",
    )


def _form(
    visit: PageVisit,
    typed: Mapping[str, str],
    wrong: Mapping[str, str] | None = None,
    double: str = "",
) -> Page:
    """The form, empty or as it was typed; `double` is the warning of an earlier enrolment."""
    centres = _centres(visit)
    values = {
        "titles": _TITLES,
        "typed": typed,
        "problems": in_order(wrong or {}, _TITLES),
        "double": double,
        "sexes": SEXES,
        "centres": {str(hcp.id): hcp.name for hcp in centres},
        "at_guest_access": all(hcp.is_guest for hcp in centres),
    }
    status = 409 if double else 422 if wrong else 200
    return Page(template="web/enrol_patient.html", values=values, status=status)


def _centres(visit: PageVisit) -> list[Hcp]:
    return [hcp for hcp in own_centres(visit.session, visit.actor) if not hcp.closed_at]


def _centre_of(visit: PageVisit, typed: str, wrong: dict[str, str]) -> UUID | None:
    centres = {str(hcp.id): hcp.id for hcp in _centres(visit)}
    if len(centres) == 1:
        return next(iter(centres.values()))
    if typed not in centres:
        wrong["centre"] = "Choose the centre at which the patient is treated."
    return centres.get(typed)


ROUTES = (show_centre, show_enrolment_form, enrol)
