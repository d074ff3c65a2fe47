"""Enrol patients and keep their consents. The only code that sees who a patient is."""

from datetime import date
from uuid import UUID

from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.orm import Session

from cpms_core import audit
from cpms_core.access import Standing, ensure, may
from cpms_core.actor import Actor
from cpms_core.audit import Event
from cpms_core.clock import clock
from cpms_core.db import new_id
from cpms_core.directory.centres import ensure_open
from cpms_core.directory.models import Ern, Hcp
from cpms_core.errors import ConflictError, InvalidError, NotFoundError
from cpms_core.keys import SiteKey
from cpms_core.patients.consent_rules import CLASSES, comes_of_age, has_consent
from cpms_core.patients.models import (
    CentreKey,
    Consent,
    Patient,
    SealedIdentity,
    TeamMember,
    Transfer,
)
from cpms_core.patients.pseudonyms import new_pseudonym
from cpms_core.patients.team import (
    ensure_goes_on,
    find_patient,
    is_open_to,
    patient_subject,
    place_subject,
)
from cpms_core.patients.vault import (
    CentreVault,
    Identity,
    create_centre_vault,
    open_centre_vault,
)

SEXES = {
    "female": "Female",
    "male": "Male",
    "undetermined": "Undetermined",
    "unknown": "Unknown or not yet born",
}
CONSENT_KINDS = {
    "care": "Care: share the de-identified case with ERN experts",
    "registry": "Registry: keep de-identified data in ERN databases",
    "contact": "Contact: may be asked about research",
    "face_photos": "Photos of the face may be shown to the experts",
}
SIGNERS = {
    "patient": "The patient",
    "parent": "A parent",
    "guardian": "A guardian",
    "representative": "A legal representative",
}
ASSENTS = {
    "": "Was not asked, or signs alone",
    "yes": "Agrees",
    "no": "Does not agree",
    "not_able": "Is not able to say",
}
"""Of a minor, or of somebody else for whom another person signs."""
OLDEST = 130
OLDEST_CONSENT = 120
"""Years back to the earliest year in which one may have been signed."""


class Enrolment(Struct, frozen=True, kw_only=True):
    """What is needed to enrol; the identity goes into the vault, the rest beside it."""

    identity: Identity
    sex: str
    is_double_meant: bool = False
    """Whether the person has seen that such a patient exists already and goes on."""


class NewConsent(Struct, frozen=True, kw_only=True):
    kind: str
    form_version: str
    language: str
    signer: str
    given_on: date
    original_at: str
    classes: tuple[str, ...] = ()
    """For care: the classes of data it covers; without any, all but photos of the face."""
    erns: tuple[str, ...] = ()
    """For care: the keys of the ERNs it is limited to; none for any."""
    assent: str = ""
    recontact_on: date | None = None
    """When the patient is asked again; if left out, on coming of age if somebody else signed."""


def enrol_patient(
    session: Session, actor: Actor, key: SiteKey, hcp_id: UUID, enrolment: Enrolment
) -> Patient:
    """A patient of this centre under a fresh pseudonym; ConflictError names a likely double."""
    ensure(actor, "patient.enrol", place_subject(session, actor, hcp_id), visible=False)
    identity = enrolment.identity
    _refuse_if(enrolment_problems(enrolment))
    vault = centre_vault(session, key, hcp_id)
    digest = vault.search_digest(identity)
    if not enrolment.is_double_meant:
        _refuse_double(session, actor, hcp_id, digest)
    born = identity.birth_date
    patient = add_pseudonymous(
        session,
        actor,
        hcp_id,
        sex=enrolment.sex,
        birth_year=born.year if born else None,
        birth_month=born.month if born else None,
    )
    sealed = vault.seal(patient.id, identity)
    session.add(
        SealedIdentity(
            patient_id=patient.id,
            hcp_id=hcp_id,
            wrapped_key=sealed.wrapped_key,
            sealed=sealed.sealed,
            search_digest=digest,
        )
    )
    return patient


def add_pseudonymous(
    session: Session,
    actor: Actor,
    hcp_id: UUID,
    *,
    sex: str,
    birth_year: int | None,
    birth_month: int | None,
) -> Patient:
    """A patient whose identity the centre has not entered, an imported one for instance."""
    ensure(actor, "patient.enrol", place_subject(session, actor, hcp_id), visible=False)

    def is_taken(pseudonym: str) -> bool:
        known = select(Patient.id).where(Patient.pseudonym == pseudonym)
        return session.scalar(known) is not None

    hcp = session.get_one(Hcp, hcp_id)
    ensure_open(hcp)
    is_guest = hcp.is_guest
    patient = Patient(
        id=new_id(),
        hcp_id=hcp_id,
        pseudonym=new_pseudonym(is_taken),
        sex=sex,
        birth_year=birth_year,
        birth_month=birth_month,
        created_by=actor.user_id,
        is_restricted=is_guest,
    )
    session.add(patient)
    session.flush()
    if is_guest:  # guests of one country do not see each other's patients
        session.add(
            TeamMember(patient_id=patient.id, user_id=actor.user_id, added_by=actor.user_id)
        )
        session.flush()
    audit.record(session, actor, Event.PATIENT_ENROLLED, patient_id=patient.id, hcp_id=hcp_id)
    return patient


def reveal_identity(session: Session, actor: Actor, key: SiteKey, patient_id: UUID) -> Identity:
    """Who this patient is; each time audited."""
    patient = session.get(Patient, patient_id)
    if patient is None:
        raise NotFoundError
    subject = patient_subject(session, actor, patient)
    ensure(actor, "patient.identity", subject, visible=may(actor, "patient.read", subject))
    sealed = session.get(SealedIdentity, patient_id)
    if sealed is None:
        raise NotFoundError("No identity was entered for this patient.")
    if Standing.ASKED_WHO in subject.in_emergency:
        audit.mark_emergency(session)
    audit.record(session, actor, Event.IDENTITY_READ, patient_id=patient.id, hcp_id=patient.hcp_id)
    vault = centre_vault(session, key, patient.hcp_id)
    return vault.open(patient.id, sealed.wrapped_key, sealed.sealed)


def patient_secret(session: Session, key: SiteKey, patient: Patient, purpose: str) -> bytes:
    """32 bytes of this patient's own, the same every time, for keyed pseudonyms in files.

    Also after the patient moved: it is derived from the centre that enrolled the patient, or a
    study that is added to later would get other UIDs than its first images.
    """
    first = (
        select(Transfer.from_hcp_id)
        .where(Transfer.patient_id == patient.id, Transfer.state == "accepted")
        .order_by(Transfer.decided_at)
        .limit(1)
    )
    enrolled_at = session.scalar(first) or patient.hcp_id
    return key.derive("patient secret", enrolled_at.bytes, patient.id.bytes, purpose.encode())


def record_consent(session: Session, actor: Actor, patient_id: UUID, new: NewConsent) -> Consent:
    patient = find_patient(session, actor, patient_id, "consent.record")
    ensure_goes_on(patient)
    check_consent(session, new)
    if has_consent(patient.consents, new.kind):
        said = "This consent is already recorded. Withdraw it first if it has changed."
        raise InvalidError(said, {"kind": said})
    consent = Consent(
        patient_id=patient.id,
        kind=new.kind,
        form_version=new.form_version,
        language=new.language,
        signer=new.signer,
        given_on=new.given_on,
        original_at=new.original_at,
        recorded_by=actor.user_id,
        classes=[one for one in CLASSES if one in new.classes],
        erns=sorted(new.erns),
        assent=new.assent,
        recontact_on=_recontact_on(patient, new),
    )
    session.add(consent)
    session.flush()
    session.expire(patient, ["consents"])
    _note_consent(session, actor, patient, Event.CONSENT_RECORDED, consent)
    return consent


def check_consent(session: Session, new: NewConsent) -> None:
    """InvalidError with everything that is wrong with it; nothing is changed."""
    _refuse_if({**consent_problems(new), **_unknown_erns(session, new)})


def withdraw_consent(session: Session, actor: Actor, patient_id: UUID, consent_id: UUID) -> Consent:
    """Withdraw it from now on; what it allowed is refused at once."""
    patient = find_patient(session, actor, patient_id, "consent.record")
    consent = session.get(Consent, consent_id)
    if consent is None or consent.patient_id != patient.id:
        raise NotFoundError
    if consent.withdrawn_at is None:
        consent.withdrawn_at = clock.now()
        consent.withdrawn_by = actor.user_id
    _note_consent(session, actor, patient, Event.CONSENT_WITHDRAWN, consent)
    session.flush()
    return consent


def centre_vault(session: Session, key: SiteKey, hcp_id: UUID) -> CentreVault:
    row = session.get(CentreKey, hcp_id)
    if row is not None:
        return open_centre_vault(key, hcp_id, row.wrapped)
    vault, wrapped = create_centre_vault(key, hcp_id)
    session.add(CentreKey(hcp_id=hcp_id, wrapped=wrapped))
    session.flush()
    return vault


def _note_consent(
    session: Session, actor: Actor, patient: Patient, event: Event, consent: Consent
) -> None:
    audit.record(
        session,
        actor,
        event,
        patient_id=patient.id,
        hcp_id=patient.hcp_id,
        subject_id=consent.id,
        kind=consent.kind,
    )


def _refuse_double(session: Session, actor: Actor, hcp_id: UUID, digest: bytes) -> None:
    """Among the patients that the actor sees: that somebody is a restricted one is not told."""
    # Two enrolments at once would not see each other: those of one centre queue here.
    session.execute(select(CentreKey.hcp_id).where(CentreKey.hcp_id == hcp_id).with_for_update())
    same = session.scalar(
        select(Patient.pseudonym)
        .join(SealedIdentity, SealedIdentity.patient_id == Patient.id)
        .where(
            SealedIdentity.hcp_id == hcp_id,
            SealedIdentity.search_digest == digest,
            is_open_to(actor),
        )
        .limit(1)
    )
    if same is not None:
        who = "You have" if session.get_one(Hcp, hcp_id).is_guest else "Your centre has"
        raise ConflictError(
            f"{who} enrolled a patient with this name and birth date before, as {same}. "
            "Open that patient, or confirm below that this is another person.",
            theirs=same,
        )


def enrolment_problems(enrolment: Enrolment) -> dict[str, str]:
    """What is wrong with it, by field; empty if nothing is."""
    wrong = identity_problems(enrolment.identity)
    if enrolment.sex not in SEXES:
        wrong["sex"] = "Choose one."
    return wrong


def identity_problems(identity: Identity) -> dict[str, str]:
    wrong: dict[str, str] = {}
    for name in ("given_name", "family_name"):
        if not getattr(identity, name).strip():
            wrong[name] = "Enter the name; it stays encrypted at your centre."
    born, today = identity.birth_date, clock.today()
    if born is None:
        wrong["birth_date"] = "Enter the birth date; other centres see year and month only."
    elif born > today or today.year - born.year > OLDEST:
        wrong["birth_date"] = f"Enter a date between {today.year - OLDEST} and today."
    return wrong


def consent_problems(new: NewConsent) -> dict[str, str]:
    """What is wrong with it, by field; empty if nothing is."""
    wrong: dict[str, str] = {}
    if new.kind not in CONSENT_KINDS:
        wrong["kind"] = "Choose one."
    if not new.form_version.strip():
        wrong["form_version"] = "Enter the version that is printed on the form."
    if not new.language.strip():
        wrong["language"] = "Enter the language of the form that was signed."
    if new.signer not in SIGNERS:
        wrong["signer"] = "Choose who signed."
    today = clock.today()
    if new.given_on > today:
        wrong["given_on"] = "This day has not come yet."
    elif today.year - new.given_on.year > OLDEST_CONSENT:
        earliest = today.year - OLDEST_CONSENT
        wrong["given_on"] = f"Enter a date between {earliest} and today."
    wrong |= _problems_of_care(new)
    if not new.original_at.strip():
        wrong["original_at"] = "Say where the signed paper lies, for instance: paper file, ward 3."
    return wrong


def _problems_of_care(new: NewConsent) -> dict[str, str]:
    wrong = {}
    if new.kind != "care" and (new.classes or new.erns):
        wrong["classes"] = "Only a consent for care names classes of data and ERNs."
    elif not set(new.classes) <= set(CLASSES):
        wrong["classes"] = "Choose from the list."
    elif new.classes and "text" not in new.classes:
        wrong["classes"] = "Without text there is nothing to share; a case is written."
    if new.assent not in ASSENTS:
        wrong["assent"] = "Choose one."
    if new.recontact_on and new.recontact_on <= clock.today():
        wrong["recontact_on"] = "Enter a day that is still to come, or leave it empty."
    return wrong


def _unknown_erns(session: Session, new: NewConsent) -> dict[str, str]:
    known = set(session.scalars(select(Ern.id).where(Ern.id.in_(new.erns))))
    return {} if known == set(new.erns) else {"erns": "Choose from the list."}


def _recontact_on(patient: Patient, new: NewConsent) -> date | None:
    if new.recontact_on or new.signer == "patient":
        return new.recontact_on
    of_age = comes_of_age(patient.birth_year, patient.birth_month)
    return of_age if of_age and of_age > clock.today() else None


def _refuse_if(wrong: dict[str, str]) -> None:
    if wrong:
        raise InvalidError("Some entries need your attention. Nothing was saved yet.", wrong)
