"""Who works at a centre, and so can look after its patients."""

from uuid import UUID

from msgspec import Struct
from sqlalchemy import ColumnElement, exists, select
from sqlalchemy.orm import Session, aliased

from cpms_core.actor import AT_A_CENTRE, ROLE_TITLES, Role
from cpms_core.errors import InvalidError
from cpms_core.identity.models import RoleGrant, User


class Colleague(Struct, frozen=True, kw_only=True):
    """Somebody with a role at the patient's centre."""

    id: UUID
    name: str
    role: str


def colleagues(session: Session, hcp_id: UUID) -> list[Colleague]:
    """Who can look after a patient there: everybody whose account is in use and holds a role."""
    rows = session.execute(
        select(User.id, User.name, RoleGrant.role)
        .join(RoleGrant, RoleGrant.user_id == User.id)
        .where(
            RoleGrant.hcp_id == hcp_id,
            RoleGrant.role.in_(AT_A_CENTRE),
            RoleGrant.revoked_at.is_(None),
            User.disabled_at.is_(None),
        )
        .order_by(User.name, User.id, RoleGrant.role)
    )
    found = {
        user_id: Colleague(id=user_id, name=name, role=ROLE_TITLES[Role(role)])
        for user_id, name, role in rows
    }
    return list(found.values())


def ensure_colleagues(session: Session, hcp_id: UUID, user_ids: set[UUID]) -> None:
    known = {one.id for one in colleagues(session, hcp_id)}
    if not user_ids <= known:
        raise InvalidError(
            "Only people who work at the patient's centre can be on the team.",
            {"team": "Choose people of this centre."},
        )


def is_there(hcp_id: object, user_id: object) -> ColumnElement[bool]:
    """Whether this account is in use and holds a role at the centre."""
    person, grant = aliased(User), aliased(RoleGrant)
    return exists().where(
        person.id == user_id,
        person.disabled_at.is_(None),
        grant.user_id == person.id,
        grant.hcp_id == hcp_id,
        grant.role.in_(AT_A_CENTRE),
        grant.revoked_at.is_(None),
    )
