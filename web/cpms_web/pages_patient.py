"""A patient of the own centre: consents, who it is, and new cases."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy import select

from cpms_core import Answer, Page, Redirect, route, words
from cpms_core.access import may
from cpms_core.audit import Event
from cpms_core.cases.centre import cases_of_patient
from cpms_core.cases.service import open_case
from cpms_core.datasets.display import say_date
from cpms_core.db import new_id
from cpms_core.directory.models import Ern
from cpms_core.http.visit import PageVisit
from cpms_core.patients.care_team import read_care_team
from cpms_core.patients.consent_rules import CLASSES
from cpms_core.patients.emergencies import emergencies_of
from cpms_core.patients.models import Patient
from cpms_core.patients.queries import PatientView, read_patient
from cpms_core.patients.receipts import receipts_of
from cpms_core.patients.service import (
    ASSENTS,
    CONSENT_KINDS,
    SEXES,
    SIGNERS,
    reveal_identity,
)
from cpms_core.patients.team import patient_subject
from cpms_web.case_frame import CONSENT_TITLES
from cpms_web.case_stands import stands_of
from cpms_web.typed import in_order

TITLES = {
    "kind": "What it is for",
    "classes": "What else may be shared",
    "erns": "Only with these ERNs",
    "form_version": "Version of the form",
    "language": "Language",
    "signer": "Who signed",
    "given_on": "Signed on",
    "original_at": "Where the original lies",
    "assent": "What the patient says to it",
    "recontact_on": "Ask the patient again on",
}
IDENTITY_TITLES = {
    "given_name": "Given name",
    "family_name": "Family name",
    "birth_date": "Birth date",
    "local_record_number": "Local record number",
}
LISTS = ("classes", "erns")
USUAL = tuple(one for one in CLASSES if one not in {"text", "face_photos"})
"""What is ticked at first; text is what a case is written in, and always covered."""


@route("GET", "/patients/{patient_id:uuid}", permission="patient.read", event=Event.PATIENT_READ)
def show_patient(visit: PageVisit, patient_id: UUID) -> Answer:
    patient = read_patient(visit.session, visit.actor, patient_id)
    first = "" if patient.has_consent("care") else "care"
    typed = {**dict.fromkeys(TITLES, ""), "kind": first}
    return patient_page(
        visit,
        patient,
        typed,
        {"classes": USUAL, "erns": ()},
        replacing=visit.query.get("replace", "")[:36],
    )


@route(
    "POST",
    "/patients/{patient_id:uuid}/identity",
    permission="patient.identity",
    event=Event.IDENTITY_READ,
)
def show_identity(visit: PageVisit, patient_id: UUID) -> Answer:
    identity = reveal_identity(visit.session, visit.actor, visit.site.key, patient_id)
    patient = visit.session.get_one(Patient, patient_id)
    subject = patient_subject(visit.session, visit.actor, patient)
    values = {
        "patient_id": patient_id,
        "pseudonym": patient.pseudonym,
        "identity": identity,
        "may_correct": may(visit.actor, "patient.correct", subject),
        "titles": IDENTITY_TITLES,
        "typed": {name: str(getattr(identity, name) or "") for name in IDENTITY_TITLES},
        "problems": {},
    }
    return Page(template="web/patient_identity.html", values=values)


@route(
    "POST",
    "/patients/{patient_id:uuid}/cases",
    permission="case.open",
    event=Event.CASE_OPENED,
)
def add_case(visit: PageVisit, patient_id: UUID) -> Answer:
    case = open_case(visit.session, visit.actor, patient_id)
    seen_by = "You alone see" if case.hcp.is_guest else "Only your centre sees"
    return Redirect(f"/cases/{case.id}", f"The case is open. {seen_by} it until you send it.")


def patient_page(
    visit: PageVisit,
    patient: PatientView,
    typed: Mapping[str, str],
    chosen: Mapping[str, Sequence[str]],
    wrong: Mapping[str, str] | None = None,
    replacing: str = "",
) -> Page:
    """`chosen` are the ticked boxes of the form for a new consent.

    `replacing` is the id of a living one whose place it is to take.
    """
    old = next((c for c in patient.consents if str(c.id) == replacing and not c.withdrawn_at), None)
    if old:
        typed = {**typed, "kind": old.kind}
    cases = cases_of_patient(visit.session, patient.id)
    given = {kind: patient.has_consent(kind) for kind in CONSENT_KINDS}
    values = {
        "patient": patient,
        "person": words.person(patient.sex, patient.birth_year, patient.birth_month),
        "born": _born(patient),
        "sexes": SEXES,
        "badges": [(CONSENT_TITLES[kind], is_given) for kind, is_given in given.items()],
        "has_care": given["care"],
        "cases": cases,
        "stands": stands_of(visit.session, [case.id for case in cases]),
        "kinds": CONSENT_KINDS,
        "open_kinds": {old.kind: CONSENT_KINDS[old.kind]}
        if old
        else {kind: title for kind, title in CONSENT_KINDS.items() if not given[kind]},
        "old": old,
        "signers": SIGNERS,
        "may_reveal": patient.may_reveal,
        "team": read_care_team(visit.session, visit.actor, patient.id),
        "emergencies": emergencies_of(visit.session, patient.id),
        "classes": {key: title for key, title in CLASSES.items() if key != "text"},
        "all_classes": CLASSES,
        "erns": dict(visit.session.execute(select(Ern.id, Ern.name).order_by(Ern.name)).all()),
        "assents": ASSENTS,
        "receipts": receipts_of(visit.session, patient.id),
        "chosen": chosen,
        "titles": TITLES,
        "typed": typed,
        "problems": in_order(wrong or {}, TITLES),
        "once": str(new_id()),
    }
    return Page(template="web/patient.html", values=values, status=422 if wrong else 200)


def _born(patient: PatientView) -> str:
    if patient.birth_year is None:
        return ""
    month = f"-{patient.birth_month:02d}" if patient.birth_month else ""
    return say_date(f"{patient.birth_year:04d}{month}")


ROUTES = (
    show_patient,
    show_identity,
    add_case,
)
