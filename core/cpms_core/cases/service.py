"""Open and withdraw cases."""

from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from cpms_core import audit
from cpms_core.access import ensure, may
from cpms_core.actor import Actor
from cpms_core.audit import Event
from cpms_core.cases.models import Case
from cpms_core.cases.scope import find_case
from cpms_core.clock import clock
from cpms_core.errors import ConsentMissingError, NotFoundError
from cpms_core.patients.consent_rules import has_consent
from cpms_core.patients.models import Patient
from cpms_core.patients.team import ensure_goes_on, patient_subject


def open_case(session: Session, actor: Actor, patient_id: UUID) -> Case:
    """A draft that only the own centre sees; without the consent for care there is none."""
    patient = session.get(Patient, patient_id)
    if patient is None:
        raise NotFoundError
    subject = patient_subject(session, actor, patient)
    ensure(actor, "case.open", subject, visible=may(actor, "patient.read", subject))
    ensure_goes_on(patient)
    if not has_consent(patient.consents, "care"):
        raise ConsentMissingError(
            "Record the patient's consent for care first; without it no case can be opened."
        )
    case = add_case(session, actor, patient)
    audit.record(
        session,
        actor,
        Event.CASE_OPENED,
        case_id=case.id,
        patient_id=patient.id,
        hcp_id=patient.hcp_id,
    )
    return case


def add_case(
    session: Session, actor: Actor, patient: Patient, origin: dict[str, Any] | None = None
) -> Case:
    """The row alone; for importers, which bring drafts whose consent is still to be recorded."""
    case = Case(
        patient_id=patient.id, hcp_id=patient.hcp_id, created_by=actor.user_id, origin=origin
    )
    session.add(case)
    session.flush()
    return case


def withdraw_case(session: Session, actor: Actor, case_id: UUID) -> None:
    """Everybody but the own centre loses sight of it at once."""
    scope = find_case(session, actor, case_id, "case.edit")
    scope.case.withdrawn_at = scope.case.withdrawn_at or clock.now()
    audit.record(session, actor, Event.CASE_WITHDRAWN, case_id=case_id, hcp_id=scope.case.hcp_id)
