"""Consents of a patient: recorded as the paper says, withdrawn, and the receipt of it."""

from uuid import UUID

from cpms_core import Answer, Page, Redirect, route
from cpms_core.audit import Event
from cpms_core.clock import clock
from cpms_core.errors import InvalidError, NotFoundError
from cpms_core.http.visit import PageVisit
from cpms_core.panels.requests.consenting import (
    preview,
    record_consent,
    replace_consent,
    withdraw_consent,
)
from cpms_core.patients.queries import read_patient
from cpms_core.patients.receipts import read_receipt
from cpms_core.patients.service import CONSENT_KINDS, SIGNERS, NewConsent, consent_problems
from cpms_web.pages_patient import LISTS, TITLES, patient_page
from cpms_web.typed import read_date, typed_in

_CONSENTS = "/patients/{patient_id:uuid}/consents"
_CONSENT = _CONSENTS + "/{consent_id:uuid}"


@route("POST", _CONSENTS, permission="consent.record", event=Event.CONSENT_RECORDED)
def add_consent(visit: PageVisit, patient_id: UUID) -> Answer:
    typed = typed_in(visit, [name for name in TITLES if name not in LISTS], max_length=300)
    chosen = {name: tuple(visit.form.get(name, ())) for name in LISTS}
    wrong: dict[str, str] = {}
    given_on = read_date(typed["given_on"], "given_on", wrong)
    if given_on is None:
        wrong.setdefault("given_on", "Enter the day on which it was signed.")
    is_care = typed["kind"] == "care"
    new = NewConsent(
        kind=typed["kind"],
        form_version=typed["form_version"],
        language=typed["language"],
        signer=typed["signer"],
        given_on=given_on or clock.today(),
        original_at=typed["original_at"],
        # The boxes stand on the page for every kind, without a script.
        classes=chosen["classes"] if is_care else (),
        erns=chosen["erns"] if is_care else (),
        assent=typed["assent"],
        recontact_on=read_date(typed["recontact_on"], "recontact_on", wrong),
    )
    wrong = {**consent_problems(new), **wrong}
    try:
        if not wrong:
            _record(visit, patient_id, new)
    except InvalidError as error:
        wrong = dict(error.fields)
    if wrong:
        patient = read_patient(visit.session, visit.actor, patient_id)
        replacing = visit.field("replaces", max_length=36)
        return patient_page(visit, patient, typed, chosen, wrong, replacing)
    said = "The consent is recorded."
    if is_care:
        said = "The consent for care is recorded. You can open a case now."
    return Redirect(f"/patients/{patient_id}", said)


def _record(visit: PageVisit, patient_id: UUID, new: NewConsent) -> None:
    """In the place of a living one, if the form was opened to replace it."""
    if old := visit.field("replaces", max_length=36):
        try:
            old_id = UUID(old)
        except ValueError as error:
            raise NotFoundError from error
        replace_consent(visit.session, visit.actor, patient_id, old_id, new)
    else:
        record_consent(visit.session, visit.actor, patient_id, new)


@route("GET", _CONSENT + "/withdraw", permission="consent.record", event=Event.PATIENT_READ)
def show_withdrawal(visit: PageVisit, patient_id: UUID, consent_id: UUID) -> Answer:
    patient = read_patient(visit.session, visit.actor, patient_id)
    found = preview(visit.session, visit.actor, patient_id, consent_id)
    values = {
        "patient": patient,
        "consent": found.consent,
        "effects": found.effects,
        "kinds": CONSENT_KINDS,
    }
    return Page(template="web/withdraw_consent.html", values=values)


@route(
    "POST",
    _CONSENT + "/withdraw",
    permission="consent.record",
    event=Event.CONSENT_WITHDRAWN,
    step_up="withdraw a consent",
)
def withdraw(visit: PageVisit, patient_id: UUID, consent_id: UUID) -> Answer:
    receipt = withdraw_consent(visit.session, visit.actor, patient_id, consent_id)
    return Redirect(
        f"/patients/{patient_id}/receipts/{receipt.id}",
        f"The consent is withdrawn, from now on. This is the receipt, {receipt.code}.",
    )


@route(
    "GET",
    "/patients/{patient_id:uuid}/receipts/{receipt_id:uuid}",
    permission="patient.read",
    event=Event.RECEIPT_READ,
)
def show_receipt(visit: PageVisit, patient_id: UUID, receipt_id: UUID) -> Answer:
    receipt = read_receipt(visit.session, visit.actor, patient_id, receipt_id)
    values = {"receipt": receipt, "kinds": CONSENT_KINDS, "signers": SIGNERS}
    return Page(template="web/consent_receipt.html", values=values)


ROUTES = (add_consent, show_withdrawal, withdraw, show_receipt)
