"""Move a patient to another centre: proposed here, accepted or refused there."""

from collections.abc import Mapping
from uuid import UUID

from sqlalchemy import select

from cpms_core import Answer, Page, Redirect, route
from cpms_core.audit import Event
from cpms_core.cases.transfer import accept_transfer, preview_transfer
from cpms_core.directory.models import Hcp
from cpms_core.errors import InvalidError
from cpms_core.http.visit import PageVisit
from cpms_core.patients.colleagues import colleagues
from cpms_core.patients.models import Patient
from cpms_core.patients.queries import read_patient
from cpms_core.patients.transfer import (
    find_patient_to_move,
    open_transfer,
    propose_transfer,
    read_transfer,
    refuse_transfer,
    take_back_transfer,
)
from cpms_core.words import person
from cpms_web.pages_care_team import choices
from cpms_web.pages_people import find_centre
from cpms_web.panel_frame import one_of, person_ids
from cpms_web.typed import in_order, typed_in

_TITLES = {"hcp": "To which centre", "reason": "Why", "heir": "Who looks after the cases"}
_MOVE = "/patients/{patient_id:uuid}/move"
_TRANSFER = "/transfers/{transfer_id:uuid}"


@route("GET", _MOVE, permission="patient.move", event=Event.PATIENT_READ)
def show_move(visit: PageVisit, patient_id: UUID) -> Answer:
    return _move_page(visit, patient_id, {"hcp": "", "reason": ""}, {})


@route("POST", _MOVE, permission="patient.move", event=Event.TRANSFER_PROPOSED)
def propose(visit: PageVisit, patient_id: UUID) -> Answer:
    typed = typed_in(visit, ("hcp", "reason"), max_length=2000)
    wrong: dict[str, str] = {}
    centre = find_centre(visit, typed["hcp"], wrong)
    if centre is None:
        wrong.setdefault("hcp", "Choose the centre that is to treat the patient.")
        return _move_page(visit, patient_id, typed, wrong)
    try:
        propose_transfer(visit.session, visit.actor, patient_id, centre.id, typed["reason"])
    except InvalidError as error:
        return _move_page(visit, patient_id, typed, error.fields)
    said = f"Proposed to {centre.name}. Nothing moves before its manager accepts."
    return Redirect(f"/patients/{patient_id}/move", said)


@route("POST", _MOVE + "/back", permission="patient.move", event=Event.TRANSFER_TAKEN_BACK)
def take_back(visit: PageVisit, patient_id: UUID) -> Answer:
    take_back_transfer(visit.session, visit.actor, patient_id)
    return Redirect(f"/patients/{patient_id}", "Taken back; the patient stays at your centre.")


@route("GET", _TRANSFER, permission="patient.receive", event=Event.TRANSFER_READ)
def show_transfer(visit: PageVisit, transfer_id: UUID) -> Answer:
    return _transfer_page(visit, transfer_id, {})


@route(
    "POST",
    _TRANSFER + "/accept",
    permission="patient.receive",
    event=Event.TRANSFER_ACCEPTED,
    step_up="take over a patient of another centre",
)
def accept(visit: PageVisit, transfer_id: UUID) -> Answer:
    try:
        heir = one_of(person_ids(visit, "heir"), "Choose who looks after the cases from now on.")
        key = visit.site.key
        patient = accept_transfer(visit.session, visit.actor, key, transfer_id, heir)
    except InvalidError as error:
        return _transfer_page(visit, transfer_id, error.fields or {"heir": str(error)})
    return Redirect(f"/patients/{patient.id}", f"{patient.pseudonym} is your centre's patient now.")


@route("POST", _TRANSFER + "/refuse", permission="patient.receive", event=Event.TRANSFER_REFUSED)
def refuse(visit: PageVisit, transfer_id: UUID) -> Answer:
    refuse_transfer(visit.session, visit.actor, transfer_id)
    return Redirect("/", "Refused; the patient stays where it is, and whoever asked is told.")


def _move_page(
    visit: PageVisit, patient_id: UUID, typed: Mapping[str, str], wrong: Mapping[str, str]
) -> Page:
    find_patient_to_move(visit.session, visit.actor, patient_id)
    pending = open_transfer(visit.session, patient_id)
    centres = select(Hcp).where(Hcp.is_guest.is_(False), Hcp.closed_at.is_(None))
    values = {
        "patient": read_patient(visit.session, visit.actor, patient_id),
        "pending": pending,
        "moving": preview_transfer(
            visit.session, patient_id, pending.to_hcp_id if pending else None
        ),
        "centres": {
            one.code: f"{one.code} · {one.name}"
            for one in visit.session.scalars(centres.order_by(Hcp.code))
        },
        "titles": _TITLES,
        "typed": typed,
        "problems": in_order(wrong, _TITLES),
    }
    return Page(template="web/move_patient.html", values=values, status=422 if wrong else 200)


def _transfer_page(visit: PageVisit, transfer_id: UUID, wrong: Mapping[str, str]) -> Page:
    transfer = read_transfer(visit.session, visit.actor, transfer_id)
    patient = visit.session.get_one(Patient, transfer.patient_id)
    values = {
        "transfer": transfer,
        "person": person(patient.sex, patient.birth_year, patient.birth_month),
        "moving": preview_transfer(visit.session, patient.id, transfer.to_hcp_id),
        "heirs": choices(colleagues(visit.session, transfer.to_hcp_id)),
        "titles": _TITLES,
        "typed": {"heir": ""},
        "problems": in_order(wrong, _TITLES),
    }
    return Page(template="web/transfer.html", values=values, status=422 if wrong else 200)


ROUTES = (show_move, propose, take_back, show_transfer, accept, refuse)
