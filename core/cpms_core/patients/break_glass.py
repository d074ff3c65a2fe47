"""Break the glass: open a restricted patient, or who a patient is, in an emergency.

For people of that very centre, with a reason; one patient, to read only, for an hour. It ends by
itself and is never lengthened. The care team and the centre's managers are told at once.
"""

from datetime import date, timedelta
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import Select, and_, false, func, or_, select
from sqlalchemy.orm import Session

from cpms_core import audit
from cpms_core.access import Standing, Subject, ensure, may
from cpms_core.actor import CENTRE_ROLES, Actor
from cpms_core.attempts import count_attempt
from cpms_core.audit import Event
from cpms_core.clock import clock
from cpms_core.errors import ConflictError, InvalidError, NotFoundError
from cpms_core.keys import SiteKey
from cpms_core.patients.models import (
    BrokenGlass,
    CentreKey,
    Patient,
    SealedIdentity,
)
from cpms_core.patients.service import centre_vault
from cpms_core.patients.team import patient_subject
from cpms_core.patients.vault import Identity

LASTS = timedelta(hours=1)
_FEWEST_LETTERS = 10
_LONGEST = 500
_MOST_TRIES = 10
"""Within five minutes: nobody finds out by trying names who is a patient here."""


class Wanted(Struct, frozen=True, kw_only=True):
    """The patient who is looked for: by the pseudonym, or by all of the rest."""

    pseudonym: str = ""
    given_name: str = ""
    family_name: str = ""
    birth_date: date | None = None


class Opening(Struct, frozen=True):
    patient_id: UUID
    is_broken: bool
    """Whether the glass had to be broken for it."""


def open_in_emergency(
    session: Session, actor: Actor, key: SiteKey, wanted: Wanted, reason: str
) -> Opening:
    """The one patient of the own centres who is wanted; InvalidError if it is none, or several.

    Who finds an open patient by name learns who it is: that is told like any broken glass.
    """
    _check(reason)
    count_attempt(session, "emergency", str(actor.user_id), _MOST_TRIES)
    patient = session.get_one(Patient, _the_one(session, actor, key, wanted))
    subject = replace(patient_subject(session, actor, patient), in_emergency=frozenset())
    if not may(actor, "patient.read", subject):
        _break(session, actor, patient, "record", reason)
    elif not wanted.pseudonym and not may(actor, "patient.identity", subject):
        _break(session, actor, patient, "identity", reason)
    else:
        _note(session, actor, Event.EMERGENCY_SOUGHT, patient.hcp_id, patient.id, found=1)
        return Opening(patient.id, is_broken=False)
    return Opening(patient.id, is_broken=True)


def open_identity(session: Session, actor: Actor, patient_id: UUID, reason: str) -> BrokenGlass:
    """Who a patient is, for somebody who sees the patient and whose role does not tell it."""
    patient = session.get(Patient, patient_id)
    if patient is None:
        raise NotFoundError
    subject = patient_subject(session, actor, patient)
    ensure(actor, "patient.read", subject, visible=False)
    is_broken = Standing.ASKED_WHO in subject.in_emergency
    if not is_broken and may(actor, "patient.identity", subject):
        raise ConflictError("Your role lets you look up who this is; nothing has to be broken.")
    if session.get(SealedIdentity, patient.id) is None:
        raise NotFoundError("No identity was entered for this patient.")
    return _break(session, actor, patient, "identity", reason)


def _the_one(session: Session, actor: Actor, key: SiteKey, wanted: Wanted) -> UUID:
    """What was looked for in vain is kept: the centre's manager reads it in the audit."""
    found = _find(session, actor, key, wanted)
    if len(found) == 1:
        return found[0].id
    for hcp_id in actor.centres(*CENTRE_ROLES):
        _note(session, actor, Event.EMERGENCY_SOUGHT, hcp_id, found=len(found))
    said = "No patient of your centre fits. Look at the spelling, then try again."
    if found:
        names = " and ".join(patient.pseudonym for patient in found)
        said = f"Several patients fit: {names}. Enter the pseudonym of the one you treat."
    error = InvalidError(said, {"pseudonym": said})
    error.keeps_changes = True
    raise error


def _find(session: Session, actor: Actor, key: SiteKey, wanted: Wanted) -> list[Patient]:
    centres = actor.centres(*CENTRE_ROLES)
    if wanted.pseudonym:
        fits = func.lower(Patient.pseudonym) == wanted.pseudonym.lower()
    else:
        fits = Patient.id.in_(_named(session, key, centres, wanted))
    found = select(Patient).where(Patient.hcp_id.in_(centres), fits).order_by(Patient.created_at)
    return list(session.scalars(found))


def _named(
    session: Session, key: SiteKey, centres: frozenset[UUID], wanted: Wanted
) -> Select[UUID]:
    """By the digest alone: nothing is unsealed."""
    identity = Identity(
        given_name=wanted.given_name,
        family_name=wanted.family_name,
        birth_date=wanted.birth_date,
    )
    keys = session.scalars(select(CentreKey.hcp_id).where(CentreKey.hcp_id.in_(centres)))
    digests = [
        and_(
            SealedIdentity.hcp_id == hcp_id,
            SealedIdentity.search_digest
            == centre_vault(session, key, hcp_id).search_digest(identity),
        )
        for hcp_id in keys.all()
    ]
    return select(SealedIdentity.patient_id).where(or_(false(), *digests))


def _check(reason: str) -> None:
    wrong = ""
    if sum(letter.isalpha() for letter in reason) < _FEWEST_LETTERS:
        wrong = "Say in a few words what the emergency is; the care team reads it."
    elif len(reason) > _LONGEST:
        wrong = f"Use at most {_LONGEST} characters."
    if wrong:
        raise InvalidError("Nothing was opened yet.", {"reason": wrong})


def _break(
    session: Session, actor: Actor, patient: Patient, opens: str, reason: str
) -> BrokenGlass:
    place = Subject(hcp_id=patient.hcp_id)
    ensure(actor, "patient.break_glass", place, visible=False)
    _check(reason)
    # Two at once would both find no earlier one: those of one patient queue here.
    session.execute(select(Patient.id).where(Patient.id == patient.id).with_for_update())
    now = clock.now()
    is_open = select(BrokenGlass.id).where(
        BrokenGlass.patient_id == patient.id,
        BrokenGlass.user_id == actor.user_id,
        BrokenGlass.opens == opens,
        BrokenGlass.until > now,
    )
    if session.scalar(is_open) is not None:
        raise ConflictError(
            "You have opened this already. It ends by itself and is not lengthened."
        )
    glass = BrokenGlass(
        patient_id=patient.id,
        user_id=actor.user_id,
        opens=opens,
        reason=reason,
        broken_at=now,
        until=now + LASTS,
    )
    session.add(glass)
    session.flush()
    audit.mark_emergency(session)
    _note(session, actor, Event.EMERGENCY_BEGUN, patient.hcp_id, patient.id, opens=opens)
    return glass


def _note(
    session: Session,
    actor: Actor,
    event: Event,
    hcp_id: UUID,
    patient_id: UUID | None = None,
    *,
    opens: str | None = None,
    found: int | None = None,
) -> None:
    audit.record(
        session, actor, event, patient_id=patient_id, hcp_id=hcp_id, opens=opens, found=found
    )
