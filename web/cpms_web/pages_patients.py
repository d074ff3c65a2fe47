"""All patients of the own centres: the list, likely doubles, and making one of two."""

from uuid import UUID

from cpms_core import Answer, Page, Redirect, route, words
from cpms_core.audit import Event
from cpms_core.cases.merging import merge_patients, note_comparison, preview_merge
from cpms_core.cases.patient_list import SHOWS, SORTS, Wish, read_patients
from cpms_core.clock import clock
from cpms_core.http.visit import PageVisit
from cpms_core.patients.team import own_centres
from cpms_web.case_frame import CONSENT_TITLES
from cpms_web.paging import page_number
from cpms_web.typed import typed_in

_MERGE = "/patients/{patient_id:uuid}/merge/{other_id:uuid}"


@route("GET", "/centre/patients", permission="centre.read", event=Event.CENTRE_READ, rate="search")
def show_patients(visit: PageVisit) -> Answer:
    asked = {name: visit.query.get(name, "")[:60].strip() for name in ("q", "show", "sort")}
    wish = Wish(
        text=asked["q"].replace("\0", ""),
        shows=asked["show"] if asked["show"] in SHOWS else "",
        sort=asked["sort"] if asked["sort"] in SORTS else "newest",
        page=page_number(visit),
    )
    years = visit.site.settings.retention_years
    values = {
        "found": read_patients(visit.session, visit.actor, wish, years),
        "wish": wish,
        "shows": SHOWS,
        "sorts": SORTS,
        "centres": own_centres(visit.session, visit.actor),
        "consent_titles": CONSENT_TITLES,
        "person": words.person,
        "today": clock.today(),
    }
    return Page(template="web/patients.html", values=values)


@route("GET", _MERGE, permission="patient.merge", event=Event.PATIENT_READ)
def show_merge(visit: PageVisit, patient_id: UUID, other_id: UUID) -> Answer:
    return _merge_page(visit, patient_id, other_id)


@route(
    "POST",
    _MERGE,
    permission="patient.merge",
    event=Event.PATIENTS_MERGED,
    step_up="make one patient of two",
)
def merge(visit: PageVisit, patient_id: UUID, other_id: UUID) -> Answer:
    typed = typed_in(visit, ("pseudonym",))["pseudonym"]
    found = preview_merge(visit.session, visit.actor, patient_id, other_id)
    if typed.casefold() != found.other.casefold():
        wrong = {"pseudonym": f"Type {found.other}, which is to become a part of {found.keep}."}
        return _merge_page(visit, patient_id, other_id, typed, wrong)
    keep = merge_patients(visit.session, visit.actor, patient_id, other_id)
    return Redirect(f"/patients/{keep.id}", f"{found.other} is a part of {keep.pseudonym} now.")


def _merge_page(
    visit: PageVisit,
    patient_id: UUID,
    other_id: UUID,
    typed: str = "",
    wrong: dict[str, str] | None = None,
) -> Page:
    found = preview_merge(visit.session, visit.actor, patient_id, other_id)
    note_comparison(visit.session, visit.actor, patient_id, other_id)
    values = {
        "merging": found,
        "titles": {"pseudonym": "Its pseudonym, to confirm"},
        "typed": {"pseudonym": typed},
        "problems": wrong or {},
    }
    return Page(template="web/merge_patients.html", values=values, status=422 if wrong else 200)


ROUTES = (show_patients, show_merge, merge)
