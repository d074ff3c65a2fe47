"""What withdrawing a consent would do, in words, before anybody does it."""

from uuid import UUID

from msgspec import Struct
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cpms_core import words
from cpms_core.access import ensure, may
from cpms_core.actor import Actor
from cpms_core.cases.models import Attachment, Case
from cpms_core.cases.scope import shown_to
from cpms_core.errors import ConflictError, NotFoundError
from cpms_core.patients.models import Consent
from cpms_core.patients.queries import ConsentView, consent_view
from cpms_core.patients.team import patient_subject


class Withdrawal(Struct, frozen=True):
    consent: ConsentView
    effects: tuple[str, ...]


def preview_withdrawal(
    session: Session, actor: Actor, patient_id: UUID, consent_id: UUID
) -> Withdrawal:
    """Who loses what at the moment of withdrawal, counted from the store as it is now."""
    consent = session.get(Consent, consent_id)
    if consent is None or consent.patient_id != patient_id:
        raise NotFoundError
    subject = patient_subject(session, actor, consent.patient)
    ensure(actor, "consent.record", subject, visible=may(actor, "patient.read", subject))
    if consent.withdrawn_at:
        raise ConflictError("This consent was withdrawn already; nothing changed now.")
    case_ids = list(session.scalars(select(Case.id).where(Case.patient_id == patient_id)))
    effects = {
        "care": _of_care,
        "face_photos": _of_photos,
    }.get(consent.kind, _of_other)(session, case_ids)
    return Withdrawal(consent_view(consent), tuple(effects))


def _of_care(session: Session, case_ids: list[UUID]) -> list[str]:
    experts, erns = shown_to(session, case_ids)
    losing = [words.plural(experts, "expert")] if experts else []
    losing += [f"the people who assign requests at {name}" for name in erns]
    return [
        f"At once, {' and '.join(losing)} no longer see anything of this patient."
        if losing
        else "Nobody outside your centre sees this patient now, so nobody loses sight of anything.",
        f"{words.plural(len(case_ids), 'case')} of this patient can no longer be changed or sent.",
        "Your centre keeps reading what it entered, and what the experts have written so far.",
        "A new consent for care, recorded here, lets the cases go on.",
    ]


def _of_photos(session: Session, case_ids: list[UUID]) -> list[str]:
    photos = session.scalar(
        select(func.count()).where(
            Attachment.case_id.in_(case_ids),
            Attachment.viewer == "photo",
            Attachment.removed_at.is_(None),
        )
    )
    return [
        (
            f"At once, {words.plural(photos or 0, 'photo')} of this patient are shown to nobody "
            "outside your centre."
        ),
        "The cases themselves go on.",
    ]


def _of_other(session: Session, case_ids: list[UUID]) -> list[str]:
    del session, case_ids
    return [
        (
            "From now on the patient is left out of what this consent allowed; counts and lists "
            "made before do not change."
        ),
        "The cases themselves go on.",
    ]
