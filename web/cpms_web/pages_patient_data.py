"""What is kept of a patient: put it right, keep it longer, hand out a copy, erase it."""

from collections.abc import Callable, Mapping
from functools import partial
from uuid import UUID

from cpms_core import Answer, Page, Redirect, Stream, route
from cpms_core.access import may
from cpms_core.audit import Event
from cpms_core.cases.attachments import small_copy
from cpms_core.cases.retention import keep_until, read_retention
from cpms_core.errors import InvalidError
from cpms_core.http.visit import PageVisit
from cpms_core.keeping.erasure import erase_patient, preview_erasure
from cpms_core.keeping.patient_copy import copy_patient, zip_pieces
from cpms_core.patients.correction import Facts, correct_facts, correct_identity
from cpms_core.patients.queries import read_patient
from cpms_core.patients.service import SEXES
from cpms_core.patients.team import find_patient, patient_subject
from cpms_core.patients.vault import Identity
from cpms_web.pages_patient import IDENTITY_TITLES
from cpms_web.patient_copy import readable_copy
from cpms_web.typed import in_order, read_date, typed_in

PATH = "/patients/{patient_id:uuid}"
_TITLES = {
    "sex": "Sex at birth",
    "birth_year": "Year of birth",
    "birth_month": "Month of birth",
    **IDENTITY_TITLES,
    "retain_until": "Keep until",
    "pseudonym": "The pseudonym, to confirm",
}
_FACTS = ("sex", "birth_year", "birth_month")
_MAY = ("consent.record", "patient.correct", "patient.copy", "patient.erase")


@route("GET", PATH + "/data", permission="consent.record", event=Event.PATIENT_READ)
def show_data(visit: PageVisit, patient_id: UUID) -> Answer:
    return _page(visit, patient_id)


@route("POST", PATH + "/facts", permission="consent.record", event=Event.PATIENT_CORRECTED)
def set_facts(visit: PageVisit, patient_id: UUID) -> Answer:
    typed = typed_in(visit, _FACTS)
    wrong: dict[str, str] = {}
    facts = Facts(
        sex=typed["sex"],
        birth_year=_number(typed, "birth_year", wrong),
        birth_month=_number(typed, "birth_month", wrong),
    )
    save = partial(correct_facts, visit.session, visit.actor, patient_id, facts)
    return _saved(visit, patient_id, save, typed, wrong, "Corrected, from now on.")


@route(
    "POST",
    PATH + "/identity/correct",
    permission="patient.correct",
    event=Event.PATIENT_CORRECTED,
    step_up="correct who a patient is",
)
def set_identity(visit: PageVisit, patient_id: UUID) -> Answer:
    typed = typed_in(visit, IDENTITY_TITLES)
    wrong: dict[str, str] = {}
    identity = Identity(
        given_name=typed["given_name"],
        family_name=typed["family_name"],
        birth_date=read_date(typed["birth_date"], "birth_date", wrong),
        local_record_number=typed["local_record_number"],
    )
    key = visit.site.key
    save = partial(correct_identity, visit.session, visit.actor, key, patient_id, identity)
    return _saved(visit, patient_id, save, typed, wrong, "Who it is was corrected.")


@route("POST", PATH + "/keep", permission="patient.erase", event=Event.RETENTION_CHANGED)
def keep(visit: PageVisit, patient_id: UUID) -> Answer:
    typed = typed_in(visit, ("retain_until",))
    wrong: dict[str, str] = {}
    until = read_date(typed["retain_until"], "retain_until", wrong)
    save = partial(keep_until, visit.session, visit.actor, patient_id, until)
    return _saved(visit, patient_id, save, typed, wrong, "The day to look again is set.")


@route(
    "POST",
    PATH + "/copy",
    permission="patient.copy",
    event=Event.PATIENT_COPIED,
    step_up="hand out a copy of all data of a patient",
)
def hand_out(visit: PageVisit, patient_id: UUID) -> Answer:
    """Nothing of it is written to the disk: the ZIP is made while it is sent."""
    copy = copy_patient(visit.session, visit.actor, visit.site.key, patient_id)
    texts = {
        "read-me-first.html": readable_copy(visit, copy),
        "data.json": copy.as_json(visit.site.settings.site_name),
    }
    return Stream(
        chunks=zip_pieces(copy, visit.files, texts),
        media_type="application/zip",
        download_as=f"{copy.patient.pseudonym}.zip",
    )


@route("GET", PATH + "/erase", permission="patient.erase", event=Event.PATIENT_READ)
def show_erasure(visit: PageVisit, patient_id: UUID) -> Answer:
    return _erasure_page(visit, patient_id)


@route(
    "POST",
    PATH + "/erase",
    permission="patient.erase",
    event=Event.PATIENT_ERASED,
    step_up="erase a patient",
)
def erase(visit: PageVisit, patient_id: UUID) -> Answer:
    typed = visit.field("pseudonym", max_length=100)
    try:
        files = erase_patient(visit.session, visit.actor, patient_id, typed)
    except InvalidError as error:
        return _erasure_page(visit, patient_id, typed, error.fields)
    visit.afterwards.extend(_removal(visit, name) for name in files)
    visit.afterwards.append(small_copy.cache_clear)
    return Redirect("/centre/patients", "Erased. What stays is a name without content.")


def _saved(
    visit: PageVisit,
    patient_id: UUID,
    save: Callable[[], object],
    typed: Mapping[str, str],
    wrong: Mapping[str, str],
    said: str,
) -> Answer:
    """If all that was typed could be read; else the page again, with what is wrong."""
    try:
        if not wrong:
            save()
    except InvalidError as error:
        wrong = error.fields
    if wrong:
        return _page(visit, patient_id, typed, wrong)
    return Redirect(f"/patients/{patient_id}/data", said)


def _removal(visit: PageVisit, name: str) -> Callable[[], None]:
    return lambda: visit.files.remove(name)


def _erasure_page(
    visit: PageVisit, patient_id: UUID, typed: str = "", wrong: Mapping[str, str] | None = None
) -> Page:
    read_patient(visit.session, visit.actor, patient_id)
    values = {
        "erasure": preview_erasure(visit.session, visit.actor, patient_id),
        "titles": _TITLES,
        "typed": {"pseudonym": typed},
        "problems": wrong or {},
    }
    return Page(template="web/erase_patient.html", values=values, status=422 if wrong else 200)


def _page(
    visit: PageVisit,
    patient_id: UUID,
    typed: Mapping[str, str] | None = None,
    wrong: Mapping[str, str] | None = None,
) -> Page:
    view = read_patient(visit.session, visit.actor, patient_id)
    row = find_patient(visit.session, visit.actor, patient_id, "consent.record")
    subject = patient_subject(visit.session, visit.actor, row)
    kept = read_retention(visit.session, row, visit.site.settings.retention_years)
    stored = {
        "sex": view.sex,
        "birth_year": str(view.birth_year or ""),
        "birth_month": str(view.birth_month or ""),
        "retain_until": row.retain_until.isoformat() if row.retain_until else "",
    }
    values = {
        "patient": view,
        "kept": kept,
        "years": visit.site.settings.retention_years,
        "sexes": SEXES,
        "may": {one for one in _MAY if may(visit.actor, one, subject)},
        "is_naming": "family_name" in (typed or {}) or not view.has_identity,
        "titles": _TITLES,
        "typed": {**dict.fromkeys(_TITLES, ""), **stored, **(typed or {})},
        "problems": in_order(wrong or {}, _TITLES),
    }
    return Page(template="web/patient_data.html", values=values, status=422 if wrong else 200)


def _number(typed: Mapping[str, str], name: str, wrong: dict[str, str]) -> int | None:
    text = typed[name]
    if not text:
        return None
    if text.isascii() and text.isdigit() and len(text) <= 4:  # noqa: PLR2004 - digits of a year
        return int(text)
    wrong[name] = "Enter a number."
    return None


ROUTES = (
    *(show_data, set_facts, set_identity, keep),
    *(hand_out, show_erasure, erase),
)
