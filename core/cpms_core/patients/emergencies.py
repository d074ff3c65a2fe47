"""Who is told that the glass was broken: it stands on their Home until they have seen it."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct
from sqlalchemy import ColumnElement, and_, exists, or_, select
from sqlalchemy.orm import Session

from cpms_core import audit
from cpms_core.actor import CENTRE_ROLES, Actor, Role
from cpms_core.audit import Event
from cpms_core.clock import clock
from cpms_core.errors import NotFoundError
from cpms_core.identity.models import User
from cpms_core.patients.models import BrokenGlass, EmergencySeen, Patient
from cpms_core.patients.team import is_on_team


class Emergency(Struct, frozen=True, kw_only=True):
    """A broken glass as those see it who are told of it."""

    id: UUID
    patient_id: UUID
    pseudonym: str
    who_id: UUID
    who: str
    opens: str
    reason: str
    broken_at: datetime
    until: datetime

    @property
    def is_open(self) -> bool:
        return self.until > clock.now()


def unseen_emergencies(session: Session, actor: Actor) -> list[Emergency]:
    """What the actor is told of and has not acknowledged, newest first."""
    seen = exists().where(
        EmergencySeen.glass_id == BrokenGlass.id, EmergencySeen.user_id == actor.user_id
    )
    return _emergencies(session, _is_told(actor), ~seen)


def emergencies_of(session: Session, patient_id: UUID) -> list[Emergency]:
    """For the page of a patient, newest first; the caller has asked who may see it."""
    return _emergencies(session, BrokenGlass.patient_id == patient_id)


def read_emergency(session: Session, actor: Actor, glass_id: UUID) -> Emergency:
    """For whoever is told of it; audited."""
    found = _emergencies(session, _is_told(actor), BrokenGlass.id == glass_id)
    if not found:
        raise NotFoundError
    _note(session, actor, found[0], Event.EMERGENCY_READ)
    return found[0]


def acknowledge(session: Session, actor: Actor, glass_id: UUID) -> None:
    """It no longer waits for this person; for the others it does."""
    found = _emergencies(session, _is_told(actor), BrokenGlass.id == glass_id)
    if not found:
        raise NotFoundError
    if session.get(EmergencySeen, (glass_id, actor.user_id)) is None:
        session.add(EmergencySeen(glass_id=glass_id, user_id=actor.user_id))
    _note(session, actor, found[0], Event.EMERGENCY_SEEN)


def _is_told(actor: Actor) -> ColumnElement[bool]:
    """For a query that joins patients: the team, whoever enrolled an open one, the managers."""
    return and_(
        BrokenGlass.user_id != actor.user_id,
        Patient.hcp_id.in_(actor.centres(*CENTRE_ROLES)),
        or_(
            is_on_team(actor.user_id),
            and_(Patient.is_restricted.is_(False), Patient.created_by == actor.user_id),
            Patient.hcp_id.in_(actor.centres(Role.CENTRE_MANAGER)),
        ),
    )


def _emergencies(session: Session, *where: ColumnElement[bool]) -> list[Emergency]:
    rows = session.execute(
        select(BrokenGlass, Patient.pseudonym, User.name)
        .join(Patient, Patient.id == BrokenGlass.patient_id)
        .join(User, User.id == BrokenGlass.user_id)
        .where(*where)
        .order_by(BrokenGlass.broken_at.desc())
        .limit(100)
    )
    return [
        Emergency(
            id=glass.id,
            patient_id=glass.patient_id,
            pseudonym=pseudonym,
            who_id=glass.user_id,
            who=name,
            opens=glass.opens,
            reason=glass.reason,
            broken_at=glass.broken_at,
            until=glass.until,
        )
        for glass, pseudonym, name in rows
    ]


def _note(session: Session, actor: Actor, emergency: Emergency, event: Event) -> None:
    hcp_id = session.get_one(Patient, emergency.patient_id).hcp_id
    audit.record(
        session,
        actor,
        event,
        patient_id=emergency.patient_id,
        hcp_id=hcp_id,
        subject_id=emergency.id,
    )
