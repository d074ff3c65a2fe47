"""Two enrolments of one person become one: the kept one takes the other's cases and consents.

The other one stays as a name for its own history, and points to the kept one. There is no way
back: afterwards nobody can tell which consent was meant for which case.
"""

from uuid import UUID

from msgspec import Struct
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from cpms_core import audit, words
from cpms_core.actor import Actor
from cpms_core.audit import Event
from cpms_core.cases.models import Case
from cpms_core.errors import ConflictError, NotFoundError
from cpms_core.patients.consent_rules import in_words, living
from cpms_core.patients.models import Consent, Patient, SealedIdentity
from cpms_core.patients.service import CONSENT_KINDS, SEXES
from cpms_core.patients.team import find_patient, on_team
from cpms_core.patients.transfer import open_transfer


class Merging(Struct, frozen=True, kw_only=True):
    keep_id: UUID
    keep: str
    other_id: UUID
    other: str
    effects: tuple[str, ...]
    in_the_way: tuple[str, ...]
    """What has to be settled before."""
    is_same_name: bool
    """Whether both were enrolled under the same name and birth date."""


def preview_merge(session: Session, actor: Actor, keep_id: UUID, other_id: UUID) -> Merging:
    keep, other = _find(session, actor, keep_id), _find(session, actor, other_id)
    if keep.id == other.id or keep.hcp_id != other.hcp_id:
        raise NotFoundError("These are not two enrolments of one centre.")
    cases = session.scalar(select(func.count()).where(Case.patient_id == other.id)) or 0
    taken = [_kind(one) for one in _taken_over(keep, other)]
    return Merging(
        keep_id=keep.id,
        keep=keep.pseudonym,
        other_id=other.id,
        other=other.pseudonym,
        effects=(
            (
                f"{words.plural(cases, 'case')} of {other.pseudonym} go over to "
                f"{keep.pseudonym}, with everything in them; requests and panels go on under that "
                "name."
            ),
            (
                f"{keep.pseudonym} takes over the consents it lacks: "
                f"{', '.join(taken) if taken else 'none'}. Withdrawn ones and those that both have "
                f"stay readable at {other.pseudonym}."
            ),
            (
                f"{other.pseudonym} leaves the list of patients; its page stays and leads to "
                f"{keep.pseudonym}. The audit of both is kept."
            ),
            "Nobody can undo it.",
        ),
        in_the_way=tuple(_in_the_way(session, keep, other)),
        is_same_name=_is_same_name(session, keep, other),
    )


def note_comparison(session: Session, actor: Actor, keep_id: UUID, other_id: UUID) -> None:
    keep = _find(session, actor, keep_id)
    audit.record(
        session,
        actor,
        Event.PATIENT_READ,
        patient_id=keep.id,
        hcp_id=keep.hcp_id,
        subject_id=other_id,
    )


def merge_patients(session: Session, actor: Actor, keep_id: UUID, other_id: UUID) -> Patient:
    # Two merges the other way round at once would each see both: those two queue here.
    both = sorted((keep_id, other_id))
    session.execute(select(Patient.id).where(Patient.id.in_(both)).with_for_update())
    found = preview_merge(session, actor, keep_id, other_id)
    if found.in_the_way:
        raise ConflictError("Nothing was merged. " + " ".join(found.in_the_way))
    keep, other = session.get_one(Patient, keep_id), session.get_one(Patient, other_id)
    for consent in _taken_over(keep, other):
        consent.patient_id = keep.id
    moved = list(session.scalars(select(Case.id).where(Case.patient_id == other.id)))
    session.execute(update(Case).where(Case.patient_id == other.id).values(patient_id=keep.id))
    session.execute(
        update(Patient).where(Patient.merged_into == other.id).values(merged_into=keep.id)
    )
    other.merged_into = keep.id
    session.flush()
    session.expire_all()
    for patient, other_one in ((keep, other), (other, keep)):
        audit.record(
            session,
            actor,
            Event.PATIENTS_MERGED,
            patient_id=patient.id,
            hcp_id=patient.hcp_id,
            subject_id=other_one.id,
            cases=len(moved),
            kept=patient is keep,
        )
    return keep


def _find(session: Session, actor: Actor, patient_id: UUID) -> Patient:
    patient = find_patient(session, actor, patient_id, "patient.merge")
    if patient.merged_into:
        raise ConflictError("This enrolment was merged already; look at the one it led to.")
    return patient


def _taken_over(keep: Patient, other: Patient) -> list[Consent]:
    mine = (living(other.consents, kind) for kind in CONSENT_KINDS)
    return [one for one in mine if one and living(keep.consents, one.kind) is None]


def _in_the_way(session: Session, keep: Patient, other: Patient) -> list[str]:
    found = []
    pair = (living(keep.consents, "care"), living(other.consents, "care"))
    if all(pair) and len({(in_words(c.classes), tuple(c.erns)) for c in pair if c}) > 1:
        found.append(
            "Their consents for care cover different things. Withdraw the one that is not meant."
        )
    teams = [
        set(session.scalars(on_team(one.id))) if one.is_restricted else None
        for one in (keep, other)
    ]
    if teams[0] != teams[1]:
        found.append("Only the same care team may see both. Open both, or restrict both alike.")
    if any(open_transfer(session, one.id) for one in (keep, other)):
        found.append("One of them is about to move to another centre. Settle that first.")
    if keep.sex != other.sex:
        found.append(
            f"Their sex differs: {SEXES[keep.sex].lower()}, {SEXES[other.sex].lower()}. "
            "Correct the wrong one first."
        )
    return found


def _is_same_name(session: Session, keep: Patient, other: Patient) -> bool:
    rows = [session.get(SealedIdentity, one.id) for one in (keep, other)]
    digests = {row.search_digest for row in rows if row}
    return all(rows) and len(digests) == 1


def _kind(consent: Consent) -> str:
    return CONSENT_KINDS[consent.kind].partition(":")[0].lower()
