"""Who sees a patient at the own centre: everybody there, or the care team of a restricted one."""

from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, exists, or_, select
from sqlalchemy.orm import Session

from cpms_core.access import Standing, Subject
from cpms_core.actor import CENTRE_ROLES, Actor, Role
from cpms_core.clock import clock
from cpms_core.directory.models import Hcp
from cpms_core.patients.models import BrokenGlass, Patient, TeamMember

_OPENS = {"record": Standing.BROKE_GLASS, "identity": Standing.ASKED_WHO}


def patient_subject(session: Session, actor: Actor, patient: Patient) -> Subject:
    """What access asks of a patient; of a restricted one, also who is on the team now."""
    team = None
    if patient.is_restricted:
        members = select(TeamMember.user_id).where(
            TeamMember.patient_id == patient.id, is_living(TeamMember)
        )
        team = frozenset(session.scalars(members))
    broken = select(BrokenGlass.opens).where(
        BrokenGlass.patient_id == patient.id,
        BrokenGlass.user_id == actor.user_id,
        BrokenGlass.until > clock.now(),
    )
    opened = frozenset(_OPENS[opens] for opens in session.scalars(broken))
    return Subject(hcp_id=patient.hcp_id, team=team, in_emergency=opened)


def place_subject(session: Session, actor: Actor, hcp_id: UUID) -> Subject:
    """What access asks of a patient who is still to be enrolled here."""
    is_guest = session.get_one(Hcp, hcp_id).is_guest
    return Subject(hcp_id=hcp_id, team=frozenset({actor.user_id}) if is_guest else None)


def is_open_to(actor: Actor) -> ColumnElement[bool]:
    """For a query that joins patients: whether this person sees them as somebody of the centre."""
    on_team = exists().where(
        TeamMember.patient_id == Patient.id,
        TeamMember.user_id == actor.user_id,
        is_living(TeamMember),
    )
    return or_(
        and_(
            Patient.hcp_id.in_(actor.centres(*CENTRE_ROLES)),
            or_(Patient.is_restricted.is_(False), on_team),
        ),
        and_(Patient.hcp_id.in_(actor.centres(Role.GUEST)), Patient.is_restricted, on_team),
    )


def is_living(table: Any) -> ColumnElement[bool]:
    """For a table with `until` and `ended_at`, both of which may be open."""
    return and_(table.ended_at.is_(None), or_(table.until.is_(None), table.until > clock.now()))


def own_centres(session: Session, actor: Actor) -> list[Hcp]:
    """Whose patients the actor sees: the own centres, the guest access of the own country."""
    wanted = or_(
        Hcp.id.in_(actor.centres(*CENTRE_ROLES)),
        and_(Hcp.id.in_(actor.centres(Role.GUEST)), Hcp.is_guest),
    )
    return list(session.scalars(select(Hcp).where(wanted).order_by(Hcp.name)))
