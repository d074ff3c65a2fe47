"""A patient of the own centre: consents, who it is, and new cases."""

from collections.abc import Mapping
from uuid import UUID

from cpms_core import Answer, Page, Redirect, route, words
from cpms_core.audit import Event
from cpms_core.cases.centre import cases_of_patient
from cpms_core.cases.service import open_case
from cpms_core.cases.withdrawal import preview_withdrawal
from cpms_core.clock import clock
from cpms_core.datasets.display import say_date
from cpms_core.db import new_id
from cpms_core.http.visit import PageVisit
from cpms_core.patients.care_team import read_care_team
from cpms_core.patients.emergencies import emergencies_of
from cpms_core.patients.models import Patient
from cpms_core.patients.queries import PatientView, read_patient
from cpms_core.patients.service import (
    CONSENT_KINDS,
    SEXES,
    SIGNERS,
    NewConsent,
    consent_problems,
    record_consent,
    reveal_identity,
    withdraw_consent,
)
from cpms_web.case_frame import CONSENT_TITLES
from cpms_web.case_stands import stands_of
from cpms_web.typed import in_order, read_date, typed_in

_TITLES = {
    "kind": "What it is for",
    "form_version": "Version of the form",
    "language": "Language",
    "signer": "Who signed",
    "given_on": "Signed on",
    "original_at": "Where the original lies",
}


@route("GET", "/patients/{patient_id:uuid}", permission="patient.read", event=Event.PATIENT_READ)
def show_patient(visit: PageVisit, patient_id: UUID) -> Answer:
    patient = read_patient(visit.session, visit.actor, patient_id)
    first = "" if patient.has_consent("care") else "care"
    return _page(visit, patient, {**dict.fromkeys(_TITLES, ""), "kind": first})


@route(
    "POST",
    "/patients/{patient_id:uuid}/consents",
    permission="consent.record",
    event=Event.CONSENT_RECORDED,
)
def add_consent(visit: PageVisit, patient_id: UUID) -> Answer:
    typed = typed_in(visit, _TITLES, max_length=300)
    wrong: dict[str, str] = {}
    given_on = read_date(typed["given_on"], "given_on", wrong)
    if given_on is None:
        wrong.setdefault("given_on", "Enter the day on which it was signed.")
    new = NewConsent(
        kind=typed["kind"],
        form_version=typed["form_version"],
        language=typed["language"],
        signer=typed["signer"],
        given_on=given_on or clock.today(),
        original_at=typed["original_at"],
    )
    wrong = {**consent_problems(new), **wrong}
    if wrong:
        patient = read_patient(visit.session, visit.actor, patient_id)
        return _page(visit, patient, typed, wrong)
    record_consent(visit.session, visit.actor, patient_id, new)
    said = "The consent is recorded."
    if new.kind == "care":
        said = "The consent for care is recorded. You can open a case now."
    return Redirect(f"/patients/{patient_id}", said)


@route(
    "GET",
    "/patients/{patient_id:uuid}/consents/{consent_id:uuid}/withdraw",
    permission="consent.record",
    event=Event.PATIENT_READ,
)
def show_withdrawal(visit: PageVisit, patient_id: UUID, consent_id: UUID) -> Answer:
    patient = read_patient(visit.session, visit.actor, patient_id)
    found = preview_withdrawal(visit.session, visit.actor, patient_id, consent_id)
    values = {
        "patient": patient,
        "consent": found.consent,
        "effects": found.effects,
        "kinds": CONSENT_KINDS,
    }
    return Page(template="web/withdraw_consent.html", values=values)


@route(
    "POST",
    "/patients/{patient_id:uuid}/consents/{consent_id:uuid}/withdraw",
    permission="consent.record",
    event=Event.CONSENT_WITHDRAWN,
    step_up="withdraw a consent",
)
def withdraw(visit: PageVisit, patient_id: UUID, consent_id: UUID) -> Answer:
    withdraw_consent(visit.session, visit.actor, patient_id, consent_id)
    return Redirect(f"/patients/{patient_id}", "The consent is withdrawn, from now on.")


@route(
    "POST",
    "/patients/{patient_id:uuid}/identity",
    permission="patient.identity",
    event=Event.IDENTITY_READ,
)
def show_identity(visit: PageVisit, patient_id: UUID) -> Answer:
    identity = reveal_identity(visit.session, visit.actor, visit.site.key, patient_id)
    pseudonym = visit.session.get_one(Patient, patient_id).pseudonym
    values = {"patient_id": patient_id, "pseudonym": pseudonym, "identity": identity}
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


def _page(
    visit: PageVisit,
    patient: PatientView,
    typed: Mapping[str, str],
    wrong: Mapping[str, str] | None = None,
) -> Page:
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
        "open_kinds": {kind: title for kind, title in CONSENT_KINDS.items() if not given[kind]},
        "signers": SIGNERS,
        "may_reveal": patient.may_reveal,
        "team": read_care_team(visit.session, visit.actor, patient.id),
        "emergencies": emergencies_of(visit.session, patient.id),
        "titles": _TITLES,
        "typed": typed,
        "problems": in_order(wrong or {}, _TITLES),
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
    add_consent,
    show_withdrawal,
    withdraw,
    show_identity,
    add_case,
)
