"""Who sees a patient at the own centre: everybody there, or the care team of a restricted one.

Whoever stands in for an absent member is on the team meanwhile, and ends with the absence.
"""

from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    CompoundSelect,
    and_,
    exists,
    or_,
    select,
    union,
)
from sqlalchemy.orm import Session

from cpms_core import audit, me
from cpms_core.access import Standing, Subject, ensure, may
from cpms_core.actor import CENTRE_ROLES, Actor, Role
from cpms_core.clock import clock
from cpms_core.directory.models import Hcp
from cpms_core.errors import ConflictError, NotFoundError
from cpms_core.identity.absence import stands_in
from cpms_core.identity.models import Deputy
from cpms_core.patients.models import BrokenGlass, Patient, TeamMember

UserId = UUID | BindParameter[UUID]
_Places = frozenset[UUID] | BindParameter[Any]
_OPENS = {"record": Standing.BROKE_GLASS, "identity": Standing.ASKED_WHO}


def patient_subject(session: Session, actor: Actor, patient: Patient) -> Subject:
    """What access asks of a patient; of a restricted one, also who is on the team now.

    One who was erased is nobody's any more.
    """
    if patient.erased_at:
        return Subject()
    team = frozenset(session.scalars(on_team(patient.id))) if patient.is_restricted else None
    opened = _opened(session, actor, patient)
    if Standing.BROKE_GLASS in opened:
        audit.mark_emergency(session)
    return Subject(hcp_id=patient.hcp_id, team=team, in_emergency=opened)


def find_patient(session: Session, actor: Actor, patient_id: UUID, permission: str) -> Patient:
    """The patient if the actor may do this; NotFoundError if it must stay unknown."""
    patient = session.get(Patient, patient_id)
    if patient is None:
        raise NotFoundError
    subject = patient_subject(session, actor, patient)
    ensure(actor, permission, subject, visible=may(actor, "patient.read", subject))
    return patient


def ensure_goes_on(patient: Patient) -> None:
    """Nothing new begins at an enrolment that was merged into another one."""
    if patient.merged_into:
        raise ConflictError(
            "This enrolment was merged into another one of the same person. Go on there."
        )


def on_team(patient_id: UUID) -> CompoundSelect[UUID]:
    """The members, and who stands in for one of them now."""
    members = select(TeamMember.user_id).where(
        TeamMember.patient_id == patient_id, TeamMember.ended_at.is_(None)
    )
    deputies = select(Deputy.deputy_id).where(Deputy.user_id.in_(members), stands_in())
    return union(members, deputies)


def _opened(session: Session, actor: Actor, patient: Patient) -> frozenset[Standing]:
    """By breaking the glass; it counts only for somebody who still works at this centre."""
    if patient.hcp_id not in actor.centres(*CENTRE_ROLES):
        return frozenset()
    broken = select(BrokenGlass.opens).where(
        BrokenGlass.patient_id == patient.id,
        BrokenGlass.user_id == actor.user_id,
        BrokenGlass.until > clock.now(),
    )
    return frozenset(_OPENS[opens] for opens in session.scalars(broken))


def place_subject(session: Session, actor: Actor, hcp_id: UUID) -> Subject:
    """What access asks of a patient who is still to be enrolled here."""
    is_guest = session.get_one(Hcp, hcp_id).is_guest
    return Subject(hcp_id=hcp_id, team=frozenset({actor.user_id}) if is_guest else None)


def is_open_to_me() -> ColumnElement[bool]:
    """`is_open_to` whoever asks, for a statement that is kept."""
    return _is_open_to(me.ID, me.CENTRES, me.GUEST_ACCESS)


def is_open_to(actor: Actor) -> ColumnElement[bool]:
    """For a query that joins patients: whether this person sees them as somebody of the centre."""
    return _is_open_to(
        actor.user_id,
        frozenset(actor.centres(*CENTRE_ROLES)),
        frozenset(actor.centres(Role.GUEST)),
    )


@lru_cache(maxsize=1024)
def _is_open_to(user_id: UserId, centres: _Places, as_guest: _Places) -> ColumnElement[bool]:
    """Building it costs more than most statements take that hold it."""
    return and_(
        Patient.merged_into.is_(None),
        Patient.erased_at.is_(None),
        or_(
            and_(
                Patient.hcp_id.in_(centres),
                or_(Patient.is_restricted.is_(False), is_on_team(user_id)),
            ),
            and_(
                Patient.hcp_id.in_(as_guest),
                Patient.is_restricted,
                is_on_team(user_id),
            ),
        ),
    )


def is_on_team(user_id: UserId) -> ColumnElement[bool]:
    """For a query that joins patients: as a member, or for one who is away."""
    absent = select(Deputy.user_id).where(Deputy.deputy_id == user_id, stands_in())
    return exists().where(
        TeamMember.patient_id == Patient.id,
        or_(TeamMember.user_id == user_id, TeamMember.user_id.in_(absent)),
        TeamMember.ended_at.is_(None),
    )


def own_centres(session: Session, actor: Actor) -> list[Hcp]:
    """Whose patients the actor sees: the own centres, the guest access of the own country."""
    wanted = or_(
        Hcp.id.in_(actor.centres(*CENTRE_ROLES)),
        and_(Hcp.id.in_(actor.centres(Role.GUEST)), Hcp.is_guest),
    )
    return list(session.scalars(select(Hcp).where(wanted).order_by(Hcp.name)))
