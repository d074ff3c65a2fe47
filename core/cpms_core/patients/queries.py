"""Read patients of the own centre: frozen views for pages."""

from datetime import date, datetime
from uuid import UUID

from msgspec import Struct
from sqlalchemy.orm import Session

from cpms_core import audit
from cpms_core.access import Subject, ensure, may
from cpms_core.actor import Actor
from cpms_core.audit import Event
from cpms_core.errors import NotFoundError
from cpms_core.patients.consent_rules import in_words
from cpms_core.patients.models import Consent, Patient, SealedIdentity
from cpms_core.patients.team import patient_subject


class ConsentView(Struct, frozen=True, kw_only=True):
    id: UUID
    kind: str
    form_version: str
    language: str
    signer: str
    given_on: date
    original_at: str
    recorded_at: datetime
    withdrawn_at: datetime | None
    classes: tuple[str, ...] = ()
    """For care: what it covers, by title."""
    erns: tuple[str, ...] = ()
    """For care: the keys of the ERNs it is limited to."""
    assent: str = ""
    recontact_on: date | None = None


class PatientView(Struct, frozen=True, kw_only=True):
    id: UUID
    hcp_id: UUID
    centre: str
    pseudonym: str
    sex: str
    birth_year: int | None
    birth_month: int | None
    enrolled_at: datetime
    may_reveal: bool
    """Whether this reader may see who it is."""
    may_change: bool
    """Whether this reader may record consents and open cases; not after a broken glass."""
    may_break_glass: bool
    """Whether this reader may see in an emergency who it is."""
    merged_into: UUID | None
    """The same person's other enrolment, which goes on."""
    has_identity: bool
    """Whether a name was entered; an imported patient has none."""
    consents: tuple[ConsentView, ...]

    def has_consent(self, kind: str) -> bool:
        return any(one.kind == kind and one.withdrawn_at is None for one in self.consents)


def read_patient(session: Session, actor: Actor, patient_id: UUID) -> PatientView:
    """A patient of the own centre, without who it is; audited."""
    patient = session.get(Patient, patient_id)
    if patient is None:
        raise NotFoundError
    subject = patient_subject(session, actor, patient)
    ensure(actor, "patient.read", subject, visible=False)
    audit.record(session, actor, Event.PATIENT_READ, patient_id=patient.id, hcp_id=patient.hcp_id)
    return PatientView(
        id=patient.id,
        hcp_id=patient.hcp_id,
        centre=patient.hcp.name,
        pseudonym=patient.pseudonym,
        sex=patient.sex,
        birth_year=patient.birth_year,
        birth_month=patient.birth_month,
        enrolled_at=patient.created_at,
        may_reveal=may(actor, "patient.identity", subject),
        may_change=may(actor, "consent.record", subject) and patient.merged_into is None,
        may_break_glass=may(actor, "patient.break_glass", Subject(hcp_id=patient.hcp_id)),
        merged_into=patient.merged_into,
        has_identity=session.get(SealedIdentity, patient.id) is not None,
        consents=tuple(map(consent_view, patient.consents)),
    )


def consent_view(consent: Consent) -> ConsentView:
    return ConsentView(
        id=consent.id,
        kind=consent.kind,
        form_version=consent.form_version,
        language=consent.language,
        signer=consent.signer,
        given_on=consent.given_on,
        original_at=consent.original_at,
        recorded_at=consent.recorded_at,
        withdrawn_at=consent.withdrawn_at,
        classes=in_words(consent.classes) if consent.kind == "care" else (),
        erns=tuple(consent.erns),
        assent=consent.assent,
        recontact_on=consent.recontact_on,
    )
