"""Who is told that the glass was broken: it stands on their Home until they have seen it."""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from msgspec import Struct
from sqlalchemy import ColumnElement, and_, exists, or_, select
from sqlalchemy.orm import Session

from cpms_core import audit, me
from cpms_core.actor import Actor
from cpms_core.audit import Event
from cpms_core.clock import clock
from cpms_core.errors import NotFoundError
from cpms_core.identity.models import User
from cpms_core.patients.models import BrokenGlass, EmergencySeen, Patient
from cpms_core.patients.team import is_on_team
from cpms_core.rows import AnyQuery


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


@cache
def unseen_emergencies() -> AnyQuery:
    """For Home: what I am told of and have not acknowledged, newest first."""
    seen = exists().where(EmergencySeen.glass_id == BrokenGlass.id, EmergencySeen.user_id == me.ID)
    return _newest().where(_is_told(), ~seen)


def emergencies_of(session: Session, patient_id: UUID) -> list[Emergency]:
    """For the page of a patient, newest first; the caller has asked who may see it."""
    return _emergencies(session, {}, BrokenGlass.patient_id == patient_id)


def read_emergency(session: Session, actor: Actor, glass_id: UUID) -> Emergency:
    """For whoever is told of it; audited."""
    found = _find(session, actor, glass_id)
    _note(session, actor, found, Event.EMERGENCY_READ)
    return found


def acknowledge(session: Session, actor: Actor, glass_id: UUID) -> None:
    """It no longer waits for this person; for the others it does."""
    found = _find(session, actor, glass_id)
    if session.get(EmergencySeen, (glass_id, actor.user_id)) is None:
        session.add(EmergencySeen(glass_id=glass_id, user_id=actor.user_id))
    _note(session, actor, found, Event.EMERGENCY_SEEN)


def _find(session: Session, actor: Actor, glass_id: UUID) -> Emergency:
    found = _emergencies(session, me.values(actor), _is_told(), BrokenGlass.id == glass_id)
    if not found:
        raise NotFoundError
    return found[0]


def _is_told() -> ColumnElement[bool]:
    """For a query that joins patients: the team, whoever enrolled an open one, the managers."""
    return and_(
        BrokenGlass.user_id != me.ID,
        Patient.hcp_id.in_(me.CENTRES),
        or_(
            is_on_team(me.ID),
            and_(Patient.is_restricted.is_(False), Patient.created_by == me.ID),
            Patient.hcp_id.in_(me.MANAGED),
        ),
    )


def _emergencies(
    session: Session, values: Mapping[str, Any], *where: ColumnElement[bool]
) -> list[Emergency]:
    rows = session.execute(_newest().where(*where), values).mappings()
    return [Emergency(**row) for row in rows]


def _newest() -> AnyQuery:
    """The columns are the fields of `Emergency`."""
    return (
        select(
            *(BrokenGlass.id, BrokenGlass.patient_id, Patient.pseudonym),
            *(BrokenGlass.user_id.label("who_id"), User.name.label("who"), BrokenGlass.opens),
            *(BrokenGlass.reason, BrokenGlass.broken_at, BrokenGlass.until),
        )
        .join(Patient, Patient.id == BrokenGlass.patient_id)
        .join(User, User.id == BrokenGlass.user_id)
        .order_by(BrokenGlass.broken_at.desc())
        .limit(100)
    )


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
