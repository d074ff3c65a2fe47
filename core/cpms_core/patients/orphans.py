"""Restricted patients whose care team has nobody left: the centre manager names a new team.

A system administrator may too, and is told where there is no manager, at a guest access for
instance.
"""

from collections.abc import Iterable
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, exists, or_, select
from sqlalchemy.orm import Session, aliased

from cpms_core import me
from cpms_core.access import Subject, ensure
from cpms_core.actor import Actor, Role
from cpms_core.audit import Event
from cpms_core.directory.models import Hcp
from cpms_core.errors import InvalidError, NotFoundError
from cpms_core.identity.models import RoleGrant, User
from cpms_core.patients.care_team import end_members, note_team, put_on_team
from cpms_core.patients.colleagues import ensure_colleagues, is_there
from cpms_core.patients.models import Patient, TeamMember
from cpms_core.rows import AnyQuery


@cache
def orphans() -> AnyQuery:
    """For Home: those that wait for me to name a new team."""
    return (
        select(Patient.id, Patient.pseudonym)
        .where(is_in_charge(Patient.hcp_id), _is_orphan())
        .order_by(Patient.pseudonym)
    )


def is_in_charge(hcp_id: Any) -> ColumnElement[bool]:
    """For a query with a centre's id: whether I am told of what is orphaned there."""
    person, grant = aliased(User), aliased(RoleGrant)
    has_manager = exists().where(
        grant.hcp_id == Hcp.id,
        grant.role == Role.CENTRE_MANAGER,
        grant.revoked_at.is_(None),
        grant.user_id == person.id,
        person.disabled_at.is_(None),
    )
    mine = select(Hcp.id).where(or_(Hcp.id.in_(me.MANAGED), and_(me.IS_ADMIN, ~has_manager)))
    is_mine: ColumnElement[bool] = hcp_id.in_(mine)
    return is_mine


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
