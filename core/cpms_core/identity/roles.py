"""Give a person another role, or take one away. Sessions see it at their next request."""

from uuid import UUID

from sqlalchemy import update
from sqlalchemy.orm import Session

from cpms_core import audit
from cpms_core.actor import Actor, Grant, Role
from cpms_core.audit import Event
from cpms_core.clock import clock
from cpms_core.errors import ForbiddenError, InvalidError, NotFoundError
from cpms_core.identity.managing import (
    add_grant,
    ensure_grantable,
    ensure_not_last_admin,
    ensure_other,
    grants_held,
    grants_with,
    is_theirs,
    known_user,
)
from cpms_core.identity.models import RoleGrant, User


def grant_role(session: Session, actor: Actor, user_id: UUID, wanted: Grant) -> None:
    """With the base profile at that centre, where one belongs to the role and it is theirs."""
    user = _other(session, actor, user_id)
    if user.disabled_at is not None:
        raise InvalidError("This person's account is disabled. Let the person back in first.")
    ensure_grantable(actor, wanted)
    held = grants_held(user)
    new = [one for one in grants_with(wanted) if one not in held and is_theirs(actor, one)]
    if not new:
        raise InvalidError("The person holds this role already.")
    for grant in new:
        add_grant(session, actor.user_id, user, grant)
        _note(session, actor, user.id, grant, Event.ROLE_GRANTED)


def find_takeable(session: Session, actor: Actor, grant_id: UUID) -> tuple[User, Grant]:
    """A role that the actor may take away, and whose it is."""
    row = session.get(RoleGrant, grant_id)
    if row is None:
        raise NotFoundError
    user = _other(session, actor, row.user_id)
    grant = Grant(Role(row.role), row.hcp_id, row.ern_id)
    if not is_theirs(actor, grant):
        raise ForbiddenError("This role is not of your centre or ERN, so others take it away.")
    if row.revoked_at is not None:
        raise InvalidError("This role was taken away already.")
    return user, grant


def revoke_role(session: Session, actor: Actor, grant_id: UUID) -> UUID:
    """Take one away; whose it was is returned. It counts from the person's next request on.

    What the person leaves behind is handed over first: see `panels.seats.handover`.
    """
    user, grant = find_takeable(session, actor, grant_id)
    if grant.role is Role.SYSTEM_ADMIN:
        ensure_not_last_admin(session, user)
    session.execute(
        update(RoleGrant)
        .where(
            # The same role may have been given twice.
            RoleGrant.user_id == user.id,
            RoleGrant.role == grant.role,
            RoleGrant.hcp_id.is_not_distinct_from(grant.hcp_id),
            RoleGrant.ern_id.is_not_distinct_from(grant.ern_id),
            RoleGrant.revoked_at.is_(None),
        )
        .values(revoked_at=clock.now())
    )
    _note(session, actor, user.id, grant, Event.ROLE_REVOKED)
    return user.id


def _other(session: Session, actor: Actor, user_id: UUID) -> User:
    user = known_user(session, actor, user_id)
    ensure_other(actor, user)
    return user


def _note(session: Session, actor: Actor, user_id: UUID, grant: Grant, event: Event) -> None:
    audit.record(
        session,
        actor,
        event,
        subject_id=user_id,
        hcp_id=grant.hcp_id,
        ern_id=grant.ern_id,
        role=grant.role,
    )
