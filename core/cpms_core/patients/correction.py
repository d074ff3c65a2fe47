"""Put right what was entered wrongly: who a patient is, or sex, year and month of birth.

The audit keeps who corrected which of them and when, never what stood there.
"""

from uuid import UUID

from msgspec import Struct
from sqlalchemy.orm import Session

from cpms_core import audit
from cpms_core.actor import Actor
from cpms_core.audit import Event
from cpms_core.clock import clock
from cpms_core.errors import ConflictError, InvalidError
from cpms_core.keys import SiteKey
from cpms_core.patients.models import Patient, SealedIdentity
from cpms_core.patients.service import OLDEST, SEXES, centre_vault, identity_problems
from cpms_core.patients.team import find_patient
from cpms_core.patients.vault import Identity


class Facts(Struct, frozen=True, kw_only=True):
    """What others see too."""

    sex: str
    birth_year: int | None
    birth_month: int | None


def correct_identity(
    session: Session, actor: Actor, key: SiteKey, patient_id: UUID, identity: Identity
) -> None:
    """Also for a patient who came without one; year and month follow the birth date."""
    patient = find_patient(session, actor, patient_id, "patient.correct")
    wrong = identity_problems(identity)
    if wrong:
        raise InvalidError("Nothing was changed yet.", wrong)
    vault = centre_vault(session, key, patient.hcp_id)
    row = session.get(SealedIdentity, patient.id)
    before = vault.open(patient.id, row.wrapped_key, row.sealed) if row else None
    changed = [one for one in identity.__struct_fields__ if _differs(before, identity, one)]
    if not changed:
        raise ConflictError("This is what is stored already, so nothing was changed.")
    if row:
        row.sealed = vault.reseal(patient.id, row.wrapped_key, identity)
        row.search_digest = vault.search_digest(identity)
    else:
        sealed = vault.seal(patient.id, identity)
        session.add(
            SealedIdentity(
                patient_id=patient.id,
                hcp_id=patient.hcp_id,
                wrapped_key=sealed.wrapped_key,
                sealed=sealed.sealed,
                search_digest=vault.search_digest(identity),
            )
        )
    if identity.birth_date:
        patient.birth_year = identity.birth_date.year
        patient.birth_month = identity.birth_date.month
    _note(session, actor, patient, changed)


def correct_facts(session: Session, actor: Actor, patient_id: UUID, facts: Facts) -> None:
    """Year and month only while nobody entered who it is: else they follow the birth date."""
    patient = find_patient(session, actor, patient_id, "consent.record")
    has_identity = session.get(SealedIdentity, patient.id) is not None
    wrong = _problems(facts, has_identity=has_identity)
    if wrong:
        raise InvalidError("Nothing was changed yet.", wrong)
    names = ("sex",) if has_identity else ("sex", "birth_year", "birth_month")
    changed = [name for name in names if getattr(patient, name) != getattr(facts, name)]
    if not changed:
        raise ConflictError("This is what is stored already, so nothing was changed.")
    for name in changed:
        setattr(patient, name, getattr(facts, name))
    _note(session, actor, patient, changed)


def _problems(facts: Facts, *, has_identity: bool) -> dict[str, str]:
    wrong = {}
    today = clock.today()
    if facts.sex not in SEXES:
        wrong["sex"] = "Choose one."
    if has_identity:
        return wrong
    if facts.birth_year and not today.year - OLDEST <= facts.birth_year <= today.year:
        wrong["birth_year"] = f"Enter a year between {today.year - OLDEST} and {today.year}."
    if facts.birth_month and not facts.birth_year:
        wrong["birth_month"] = "A month alone says nothing; enter the year too."
    elif facts.birth_month and not 1 <= facts.birth_month <= 12:  # noqa: PLR2004 - months
        wrong["birth_month"] = "Enter a number from 1 to 12."
    elif (facts.birth_year, facts.birth_month or 0) > (today.year, today.month):
        wrong["birth_month"] = "This month has not come yet."
    return wrong


def _differs(before: Identity | None, after: Identity, name: str) -> bool:
    return before is None or getattr(before, name) != getattr(after, name)


def _note(session: Session, actor: Actor, patient: Patient, changed: list[str]) -> None:
    session.flush()
    audit.record(
        session,
        actor,
        Event.PATIENT_CORRECTED,
        patient_id=patient.id,
        hcp_id=patient.hcp_id,
        what=" ".join(changed),
    )
