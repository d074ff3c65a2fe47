"""Receipts: what withdrawing a consent did, word for word, for the family and the paper file."""

import secrets
from datetime import datetime
from uuid import UUID

from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.orm import Session

from cpms_core import audit
from cpms_core.access import ensure
from cpms_core.actor import Actor
from cpms_core.audit import Event
from cpms_core.errors import NotFoundError
from cpms_core.patients.models import Consent, ConsentReceipt
from cpms_core.patients.queries import ConsentView, consent_view
from cpms_core.patients.team import patient_subject

_LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
"""Those that are not mistaken for one another, on paper or over the telephone."""


class ReceiptView(Struct, frozen=True, kw_only=True):
    patient_id: UUID
    pseudonym: str
    centre: str
    consent: ConsentView
    lines: tuple[str, ...]
    code: str
    made_at: datetime


def write_receipt(session: Session, consent: Consent, lines: tuple[str, ...]) -> ConsentReceipt:
    receipt = ConsentReceipt(consent_id=consent.id, lines=list(lines), code=_new_code(session))
    session.add(receipt)
    session.flush()
    return receipt


def read_receipt(session: Session, actor: Actor, patient_id: UUID, receipt_id: UUID) -> ReceiptView:
    """For whoever sees the patient; audited."""
    found = session.execute(
        select(ConsentReceipt, Consent)
        .join(Consent, Consent.id == ConsentReceipt.consent_id)
        .where(ConsentReceipt.id == receipt_id, Consent.patient_id == patient_id)
    ).one_or_none()
    if found is None:
        raise NotFoundError
    receipt, consent = found
    patient = consent.patient
    ensure(actor, "patient.read", patient_subject(session, actor, patient), visible=False)
    audit.record(
        session,
        actor,
        Event.RECEIPT_READ,
        patient_id=patient.id,
        hcp_id=patient.hcp_id,
        subject_id=receipt.id,
    )
    return ReceiptView(
        patient_id=patient.id,
        pseudonym=patient.pseudonym,
        centre=patient.hcp.name,
        consent=consent_view(consent),
        lines=tuple(receipt.lines),
        code=receipt.code,
        made_at=receipt.made_at,
    )


def receipts_of(session: Session, patient_id: UUID) -> dict[UUID, ConsentReceipt]:
    """By consent, of those that have one."""
    rows = session.scalars(
        select(ConsentReceipt)
        .join(Consent, Consent.id == ConsentReceipt.consent_id)
        .where(Consent.patient_id == patient_id)
    )
    return {row.consent_id: row for row in rows}


def _new_code(session: Session) -> str:
    while True:
        letters = "".join(secrets.choice(_LETTERS) for _ in range(8))
        code = f"{letters[:4]}-{letters[4:]}"
        if session.scalar(select(ConsentReceipt.id).where(ConsentReceipt.code == code)) is None:
            return code
