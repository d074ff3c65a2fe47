"""What withdrawing a consent would do, in words, before anybody does it."""

from collections.abc import Sequence
from uuid import UUID

from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.orm import Session

from cpms_core import words
from cpms_core.access import ensure, may
from cpms_core.actor import Actor
from cpms_core.cases.covered import faceless
from cpms_core.cases.models import Attachment, Case
from cpms_core.cases.readers import CaseReader, readers_elsewhere
from cpms_core.errors import ConflictError, NotFoundError
from cpms_core.patients.consent_rules import PHOTO, covers, in_words, living
from cpms_core.patients.models import Consent
from cpms_core.patients.queries import ConsentView, consent_view
from cpms_core.patients.team import patient_subject

_MOST_NAMES = 12
_CASES_GO_ON = "The cases themselves go on."


class Withdrawal(Struct, frozen=True):
    consent: ConsentView
    effects: tuple[str, ...]


def preview_withdrawal(
    session: Session, actor: Actor, patient_id: UUID, consent_id: UUID
) -> Withdrawal:
    """Who loses what at the moment of withdrawal, from the store as it is now."""
    consent = session.get(Consent, consent_id)
    if consent is None or consent.patient_id != patient_id:
        raise NotFoundError
    subject = patient_subject(session, actor, consent.patient)
    ensure(actor, "consent.record", subject, visible=may(actor, "patient.read", subject))
    if consent.withdrawn_at:
        raise ConflictError("This consent was withdrawn already; nothing changed now.")
    cases = session.scalars(
        select(Case).where(Case.patient_id == patient_id).order_by(Case.created_at)
    ).all()
    if consent.kind == "care":
        effects = _of_care(session, consent, cases)
    elif consent.kind == "face_photos":
        effects = _of_photos(session, consent, cases)
    else:
        effects = _of_other()
    return Withdrawal(consent_view(consent), tuple(effects))


def _of_care(session: Session, consent: Consent, cases: Sequence[Case]) -> list[str]:
    losing = _losing(session, cases)
    classes = ", ".join(in_words(consent.classes)).lower()
    seen = [f"At once, {who} no longer sees anything of this patient." for who in losing]
    count = words.plural(len(cases), "case")
    changed = [f"{count} of this patient can no longer be changed or sent."] if cases else []
    return [
        *(
            seen
            or ["Nobody outside your centre sees this patient now, so nobody loses sight of it."]
        ),
        f"It covered: {classes}. None of it is shown outside your centre any more.",
        *changed,
        "Your centre keeps reading what it entered, and what the experts have written so far.",
        "A new consent for care, recorded here, lets the cases go on.",
    ]


def _of_photos(session: Session, consent: Consent, cases: Sequence[Case]) -> list[str]:
    care = living(consent.patient.consents, "care")
    if care and "face_photos" in care.classes:
        return ["The consent for care covers photos of the face too, so nothing is hidden."]
    count = sum(_faces(session, case) for case in cases)
    shown = covers(consent.patient.consents, "face_photos")
    seen = [f"{who} no longer sees them." for who in _losing(session, cases)]
    return [
        (
            f"At once, {words.plural(count, 'photo')} of this patient are shown to nobody "
            "outside your centre."
        ),
        *(seen if shown and count else []),
        _CASES_GO_ON,
    ]


def _faces(session: Session, case: Case) -> int:
    photos = session.scalars(
        select(Attachment.id).where(
            Attachment.case_id == case.id,
            Attachment.viewer == PHOTO,
            Attachment.removed_at.is_(None),
        )
    )
    return len(set(photos) - faceless(session, case.id))


def _of_other() -> list[str]:
    return [
        (
            "From now on the patient is left out of what this consent allowed; counts and lists "
            "made before do not change."
        ),
        _CASES_GO_ON,
    ]


def _losing(session: Session, cases: Sequence[Case]) -> list[str]:
    """Everybody outside the centre who sees something of the patient now, by name and why."""
    readers = (reader for case in cases for reader in readers_elsewhere(session, case))
    named = list(dict.fromkeys(map(_who, readers)))
    more = len(named) - _MOST_NAMES
    return named[:_MOST_NAMES] + (
        [words.plural(more, "other person", "other people")] if more > 0 else []
    )


def _who(reader: CaseReader) -> str:
    return f"{reader.name} ({reader.role}{f', {reader.where}' if reader.where else ''})"
