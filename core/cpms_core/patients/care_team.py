"""Restrict a patient to a care team, change the team, open the patient to the centre again.

Whoever sees the patient may do so; nobody else, the centre manager not either. Only where nobody is
left who could, the manager names a new team.
"""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from msgspec import Struct
from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session

from cpms_core import audit
from cpms_core.access import Subject, ensure, may
from cpms_core.actor import Actor
from cpms_core.audit import Event
from cpms_core.clock import clock
from cpms_core.errors import ConflictError, InvalidError, NotFoundError
from cpms_core.identity.absence import stands_in
from cpms_core.identity.models import Deputy, User
from cpms_core.patients.colleagues import Colleague, colleagues, ensure_colleagues, is_there
from cpms_core.patients.models import Patient, TeamMember
from cpms_core.patients.team import on_team, patient_subject


class OnTeam(Struct, frozen=True, kw_only=True):
    id: UUID
    name: str
    since: datetime
    is_there: bool
    """Whether the account is in use and holds a role at the centre."""
    deputy: str
    """Who stands in meanwhile; empty if nobody has to."""


class CareTeam(Struct, frozen=True, kw_only=True):
    is_restricted: bool
    members: tuple[OnTeam, ...]
    others: tuple[Colleague, ...]
    """Of the centre, and not on the team; of an unrestricted patient everybody but the reader."""
    may_change: bool


def read_care_team(session: Session, actor: Actor, patient_id: UUID) -> CareTeam:
    """For whoever sees the patient; the page records that it was looked at."""
    patient, subject = _find(session, actor, patient_id, "patient.read")
    members = _members(session, patient)
    on_it = set(session.scalars(on_team(patient.id))) if patient.is_restricted else {actor.user_id}
    return CareTeam(
        is_restricted=patient.is_restricted,
        members=members if patient.is_restricted else (),
        others=tuple(one for one in colleagues(session, patient.hcp_id) if one.id not in on_it),
        may_change=may(actor, "patient.restrict", subject),
    )


def restrict_patient(
    session: Session, actor: Actor, patient_id: UUID, together_with: Iterable[UUID] = ()
) -> None:
    """From the next request on nobody else of the centre sees this patient and its cases."""
    patient, _ = _find(session, actor, patient_id, "patient.restrict")
    if patient.is_restricted:
        raise ConflictError("Somebody restricted this patient already; look who is on the team.")
    team = {actor.user_id, *together_with}
    ensure_colleagues(session, patient.hcp_id, team)
    patient.is_restricted = True
    put_on_team(session, actor, patient, team)
    note_team(session, actor, patient, Event.PATIENT_RESTRICTED, members=len(team))


def add_to_team(session: Session, actor: Actor, patient_id: UUID, user_id: UUID) -> None:
    patient = _find_restricted(session, actor, patient_id)
    ensure_colleagues(session, patient.hcp_id, {user_id})
    if _is_member(session, patient, user_id):
        raise ConflictError("This person is on the team already.")
    put_on_team(session, actor, patient, {user_id})
    note_team(session, actor, patient, Event.TEAM_JOINED, subject_id=user_id)


def remove_from_team(session: Session, actor: Actor, patient_id: UUID, user_id: UUID) -> None:
    """At once; the last one who can look after the patient stays."""
    patient = _find_restricted(session, actor, patient_id)
    if not _is_member(session, patient, user_id):
        raise NotFoundError("This person is not on the team.")
    # Two who remove each other at the same moment must not both succeed.
    session.execute(select(Patient.id).where(Patient.id == patient.id).with_for_update())
    staying = select(func.count()).where(
        TeamMember.patient_id == patient.id,
        TeamMember.user_id != user_id,
        TeamMember.ended_at.is_(None),
        is_there(patient.hcp_id, TeamMember.user_id),
    )
    if not session.scalar(staying):
        raise InvalidError(
            "This is the last member who can look after the patient. Add somebody first, or open "
            "the patient to the centre again."
        )
    end_members(session, patient.id, TeamMember.user_id == user_id)
    note_team(session, actor, patient, Event.TEAM_LEFT, subject_id=user_id)


def open_to_centre(session: Session, actor: Actor, patient_id: UUID) -> None:
    """Everybody of the centre sees the patient again."""
    patient = _find_restricted(session, actor, patient_id)
    end_team(session, patient)
    note_team(session, actor, patient, Event.PATIENT_UNRESTRICTED)


def end_team(session: Session, patient: Patient) -> None:
    patient.is_restricted = False
    end_members(session, patient.id)


def _members(session: Session, patient: Patient) -> tuple[OnTeam, ...]:
    rows = session.execute(
        select(
            TeamMember.user_id,
            User.name,
            TeamMember.since,
            is_there(patient.hcp_id, TeamMember.user_id).label("is_there"),
        )
        .join(User, User.id == TeamMember.user_id)
        .where(TeamMember.patient_id == patient.id, TeamMember.ended_at.is_(None))
        .order_by(TeamMember.since, User.name)
    )
    deputies = session.execute(
        select(Deputy.user_id, User.name).join(User, User.id == Deputy.deputy_id).where(stands_in())
    )
    names = {row.user_id: row.name for row in deputies}
    return tuple(
        OnTeam(
            id=row.user_id,
            name=row.name,
            since=row.since,
            is_there=bool(row.is_there),
            deputy=names.get(row.user_id, ""),
        )
        for row in rows
    )


def _is_member(session: Session, patient: Patient, user_id: UUID) -> bool:
    row = select(TeamMember.id).where(
        TeamMember.patient_id == patient.id,
        TeamMember.user_id == user_id,
        TeamMember.ended_at.is_(None),
    )
    return session.scalar(row.limit(1)) is not None


def _find(
    session: Session, actor: Actor, patient_id: UUID, permission: str
) -> tuple[Patient, Subject]:
    patient = session.get(Patient, patient_id)
    if patient is None:
        raise NotFoundError
    subject = patient_subject(session, actor, patient)
    ensure(actor, permission, subject, visible=may(actor, "patient.read", subject))
    return patient, subject


def _find_restricted(session: Session, actor: Actor, patient_id: UUID) -> Patient:
    patient, _ = _find(session, actor, patient_id, "patient.restrict")
    if not patient.is_restricted:
        raise ConflictError("This patient is not restricted: everybody of the centre sees it.")
    return patient


def put_on_team(session: Session, actor: Actor, patient: Patient, user_ids: set[UUID]) -> None:
    session.add_all(
        TeamMember(patient_id=patient.id, user_id=one, added_by=actor.user_id) for one in user_ids
    )
    session.flush()


def end_members(session: Session, patient_id: UUID, *whom: ColumnElement[bool]) -> None:
    session.execute(
        update(TeamMember)
        .where(TeamMember.patient_id == patient_id, TeamMember.ended_at.is_(None), *whom)
        .values(ended_at=clock.now())
    )
    session.flush()


def note_team(
    session: Session,
    actor: Actor,
    patient: Patient,
    event: Event,
    *,
    subject_id: UUID | None = None,
    members: int | None = None,
) -> None:
    audit.record(
        session,
        actor,
        event,
        patient_id=patient.id,
        hcp_id=patient.hcp_id,
        subject_id=subject_id,
        members=members,
    )
