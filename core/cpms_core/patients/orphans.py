"""Restricted patients whose care team has nobody left: the centre manager names a new team.

A system administrator may too, and is told where there is no manager, at a guest access for
instance.
"""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, exists, or_, select
from sqlalchemy.orm import Session, aliased

from cpms_core.access import Subject, ensure
from cpms_core.actor import Actor, Role
from cpms_core.audit import Event
from cpms_core.errors import InvalidError, NotFoundError
from cpms_core.identity.models import RoleGrant, User
from cpms_core.patients.care_team import end_members, note_team, put_on_team
from cpms_core.patients.colleagues import ensure_colleagues, is_there
from cpms_core.patients.models import Patient, TeamMember

IN_CHARGE = frozenset({Role.CENTRE_MANAGER, Role.SYSTEM_ADMIN})


def orphans(session: Session, actor: Actor) -> list[Patient]:
    """Those that wait for this actor to name a new team."""
    if not actor.roles & IN_CHARGE:
        return []
    is_mine = is_in_charge(actor, Patient.hcp_id)
    wanted = select(Patient).where(is_mine, _is_orphan()).order_by(Patient.pseudonym)
    return list(session.scalars(wanted))


def is_in_charge(actor: Actor, hcp_id: Any) -> ColumnElement[bool]:
    """For a query with a centre's id: whether this actor is told of what is orphaned there."""
    managed: ColumnElement[bool] = hcp_id.in_(actor.centres(Role.CENTRE_MANAGER))
    if Role.SYSTEM_ADMIN not in actor.roles:
        return managed
    person, grant = aliased(User), aliased(RoleGrant)
    has_manager = exists().where(
        grant.hcp_id == hcp_id,
        grant.role == Role.CENTRE_MANAGER,
        grant.revoked_at.is_(None),
        grant.user_id == person.id,
        person.disabled_at.is_(None),
    )
    return or_(managed, ~has_manager)


def find_orphan(session: Session, actor: Actor, patient_id: UUID) -> Patient:
    """For whoever is to name a new team; to others, and other patients, there is nothing."""
    patient = session.scalar(select(Patient).where(Patient.id == patient_id, _is_orphan()))
    if patient is None:
        raise NotFoundError
    ensure(actor, "patient.new_team", Subject(hcp_id=patient.hcp_id), visible=False)
    return patient


def name_new_team(
    session: Session, actor: Actor, patient_id: UUID, user_ids: Iterable[UUID]
) -> None:
    patient = find_orphan(session, actor, patient_id)
    team = set(user_ids)
    if not team:
        raise InvalidError("Nobody was chosen.", {"team": "Choose one person at least."})
    ensure_colleagues(session, patient.hcp_id, team)
    end_members(session, patient.id)
    put_on_team(session, actor, patient, team)
    note_team(session, actor, patient, Event.TEAM_RENEWED, members=len(team))


def _is_orphan() -> ColumnElement[bool]:
    somebody = exists().where(
        TeamMember.patient_id == Patient.id,
        TeamMember.ended_at.is_(None),
        is_there(Patient.hcp_id, TeamMember.user_id).correlate(Patient, TeamMember),
    )
    return Patient.is_restricted & ~somebody
