"""Move a patient with all cases to another centre; and what that does, in words, beforehand."""

from uuid import UUID

from msgspec import Struct
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from cpms_core import words
from cpms_core.actor import Actor
from cpms_core.cases.models import Case
from cpms_core.cases.scope import shown_to
from cpms_core.errors import InvalidError
from cpms_core.keys import SiteKey
from cpms_core.patients.colleagues import colleagues
from cpms_core.patients.models import Patient
from cpms_core.patients.transfer import carry_over, decide, find_transfer


class Moving(Struct, frozen=True, kw_only=True):
    """What a move would do, counted from the store as it is now."""

    cases: int
    shown_to: tuple[str, ...]
    """Who outside the centre goes on seeing the cases: ERNs by name, experts as a number."""
    losing: int
    gaining: int
    """People at the other centre."""


def preview_transfer(session: Session, patient_id: UUID, to_hcp_id: UUID | None = None) -> Moving:
    """The caller has asked who may see the patient or decide about the move."""
    patient = session.get_one(Patient, patient_id)
    case_ids = list(session.scalars(select(Case.id).where(Case.patient_id == patient_id)))
    experts, erns = shown_to(session, case_ids)
    return Moving(
        cases=len(case_ids),
        shown_to=(*erns, *([words.plural(experts, "expert")] if experts else [])),
        losing=len(colleagues(session, patient.hcp_id)),
        gaining=len(colleagues(session, to_hcp_id)) if to_hcp_id else 0,
    )


def accept_transfer(
    session: Session, actor: Actor, key: SiteKey, transfer_id: UUID, heir_id: UUID
) -> Patient:
    """All of it in one transaction; open cases wait for the heir from now on."""
    transfer = find_transfer(session, actor, transfer_id)
    if heir_id not in {one.id for one in colleagues(session, transfer.to_hcp_id)}:
        raise InvalidError("Nothing was changed yet.", {"heir": "Choose somebody of your centre."})
    decide(session, actor, transfer, "accepted")
    patient = carry_over(session, actor, key, transfer)
    of_patient = Case.patient_id == patient.id
    session.execute(update(Case).where(of_patient).values(hcp_id=patient.hcp_id))
    is_open = (Case.closed_at.is_(None), Case.withdrawn_at.is_(None))
    session.execute(update(Case).where(of_patient, *is_open).values(created_by=heir_id))
    return patient
