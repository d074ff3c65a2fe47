"""What a centre has: its patients and its cases, for the people who work there."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct
from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session, selectinload

from cpms_core import audit
from cpms_core.actor import Actor
from cpms_core.audit import Event
from cpms_core.cases.models import Case, Record
from cpms_core.cases.reading import SUMMARY_DATASET
from cpms_core.directory.models import Hcp
from cpms_core.patients.consent_rules import has_consent
from cpms_core.patients.models import Patient
from cpms_core.patients.service import CONSENT_KINDS
from cpms_core.patients.team import is_open_to, own_centres

MOST = 500
"""Rows of one page; the search finds the others."""


class PatientRow(Struct, frozen=True, kw_only=True):
    id: UUID
    pseudonym: str
    sex: str
    birth_year: int | None
    birth_month: int | None
    centre: str
    consents: tuple[str, ...]
    cases: int
    enrolled_at: datetime


class CaseRow(Struct, frozen=True, kw_only=True):
    id: UUID
    patient_id: UUID
    pseudonym: str
    sex: str
    birth_year: int | None
    birth_month: int | None
    centre: str
    question: str
    """Empty until somebody wrote it."""
    opened_at: datetime
    withdrawn_at: datetime | None


class CentreReading(Struct, frozen=True, kw_only=True):
    centres: tuple[Hcp, ...]
    patients: tuple[PatientRow, ...]
    patient_count: int
    cases: tuple[CaseRow, ...]
    case_count: int


def read_centre(session: Session, actor: Actor) -> CentreReading:
    """The newest patients and cases of all centres the actor works at, if any."""
    centres = own_centres(session, actor)
    for centre in centres:
        audit.record(session, actor, Event.CENTRE_READ, hcp_id=centre.id)
    patients = select(Patient).where(is_open_to(actor))
    cases = select(Case).join(Patient, Patient.id == Case.patient_id).where(is_open_to(actor))
    return CentreReading(
        centres=tuple(centres),
        patients=_patient_rows(session, patients),
        patient_count=_count(session, patients),
        cases=_case_rows(session, cases),
        case_count=_count(session, cases),
    )


def cases_of_patient(session: Session, patient_id: UUID) -> tuple[CaseRow, ...]:
    return _case_rows(session, select(Case).where(Case.patient_id == patient_id))


def _count(session: Session, rows: Select[Any]) -> int:
    return session.scalar(select(func.count()).select_from(rows.subquery())) or 0


def _patient_rows(session: Session, wanted: Select[Patient]) -> tuple[PatientRow, ...]:
    patients = session.scalars(
        wanted.order_by(Patient.created_at.desc(), Patient.id.desc())
        .limit(MOST)
        .options(selectinload(Patient.consents), selectinload(Patient.hcp))
    ).all()
    counts = _cases_each(session, [patient.id for patient in patients])
    return tuple(patient_row(one, counts.get(one.id, 0)) for one in patients)


def patient_row(patient: Patient, cases: int) -> PatientRow:
    return PatientRow(
        id=patient.id,
        pseudonym=patient.pseudonym,
        sex=patient.sex,
        birth_year=patient.birth_year,
        birth_month=patient.birth_month,
        centre=patient.hcp.name,
        consents=tuple(k for k in CONSENT_KINDS if has_consent(patient.consents, k)),
        cases=cases,
        enrolled_at=patient.created_at,
    )


def _cases_each(session: Session, patient_ids: Sequence[UUID]) -> dict[UUID, int]:
    rows = session.execute(
        select(Case.patient_id, func.count())
        .where(Case.patient_id.in_(patient_ids))
        .group_by(Case.patient_id)
    )
    return {patient_id: int(count) for patient_id, count in rows}


def _case_rows(session: Session, wanted: Select[Case]) -> tuple[CaseRow, ...]:
    cases = session.scalars(
        wanted.order_by(Case.created_at.desc(), Case.id.desc())
        .limit(MOST)
        .options(selectinload(Case.patient), selectinload(Case.hcp))
    ).all()
    questions = questions_of(session, [case.id for case in cases])
    return tuple(
        CaseRow(
            id=case.id,
            patient_id=case.patient_id,
            pseudonym=case.patient.pseudonym,
            sex=case.patient.sex,
            birth_year=case.patient.birth_year,
            birth_month=case.patient.birth_month,
            centre=case.hcp.name,
            question=questions.get(case.id, ""),
            opened_at=case.created_at,
            withdrawn_at=case.withdrawn_at,
        )
        for case in cases
    )


def questions_of(session: Session, case_ids: Sequence[UUID]) -> dict[UUID, str]:
    """What each case asks, as it was last saved."""
    rows = session.execute(
        select(Record.case_id, Record.data)
        .where(Record.case_id.in_(case_ids), Record.dataset == SUMMARY_DATASET)
        .order_by(Record.revision)
    )
    return {case_id: str(data.get("question", "")) for case_id, data in rows}
