"""Who may manage whom: hand out a role, end an account, help somebody to a new key."""

from uuid import UUID

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from cpms_core.access import Subject, may
from cpms_core.actor import AT_A_CENTRE, ERN_ROLES, Actor, Grant, Role
from cpms_core.errors import ForbiddenError, InvalidError, NotFoundError
from cpms_core.identity.models import RoleGrant, SecurityKey, User


def grants_held(user: User) -> frozenset[Grant]:
    return frozenset(
        Grant(Role(one.role), one.hcp_id, one.ern_id)
        for one in user.roles
        if one.revoked_at is None
    )


def subject_of(user: User) -> Subject:
    """A person belongs to the centre of work, and to each ERN with a role in it."""
    erns = frozenset(grant.ern_id for grant in grants_held(user) if grant.ern_id)
    return Subject(hcp_id=user.hcp_id, erns=erns)


def known_user(session: Session, actor: Actor, user_id: UUID) -> User:
    """The person, if the actor may know of them."""
    user = session.get(User, user_id)
    if user is None or not may(actor, "people.read", subject_of(user)):
        raise NotFoundError
    return user


def managed_user(session: Session, actor: Actor, user_id: UUID) -> User:
    """The person, if the actor may know and manage them."""
    user = session.get(User, user_id)
    if user is None or not may(actor, "people.manage", Subject(hcp_id=user.hcp_id)):
        raise NotFoundError
    ensure_over(actor, user)
    return user


def is_over(actor: Actor, user: User) -> bool:
    """Whether the actor could have handed out all that the user holds, and is somebody else.

    Who may end an account or make a link to it may take it over, so nothing less will do.
    """
    if user.id == actor.user_id:
        return False
    if Role.SYSTEM_ADMIN in actor.roles:
        return True
    own = actor.centres(Role.CENTRE_MANAGER)
    return user.hcp_id in own and all(
        grant.role == Role.PROFESSIONAL and grant.hcp_id in own for grant in grants_held(user)
    )


def ensure_over(actor: Actor, user: User) -> None:
    ensure_other(actor, user)
    if not is_over(actor, user):
        raise ForbiddenError(
            "This person holds a role beyond your centre's, so a system administrator does this."
        )


def ensure_other(actor: Actor, user: User) -> None:
    if user.id == actor.user_id:
        raise ForbiddenError("Nobody does this to themselves. Ask another administrator.")


def ensure_grantable(actor: Actor, grant: Grant) -> None:
    """Nobody hands out what does not fit, or what is not theirs."""
    if grant.role in AT_A_CENTRE and grant.hcp_id is None:
        raise InvalidError("A centre is needed.", {"hcp": "Choose where the person works."})
    if grant.role in ERN_ROLES and grant.ern_id is None:
        raise InvalidError("An ERN is needed.", {"ern": "Choose the ERN this role is for."})
    if not is_theirs(actor, grant):
        raise ForbiddenError(
            "You give the base profile at your own centre, and roles in your own ERN, only."
        )


def is_theirs(actor: Actor, grant: Grant) -> bool:
    """Whether the actor gives and takes this role: of the own centre, or in the own ERN."""
    if Role.SYSTEM_ADMIN in actor.roles:
        return True
    if grant.role is Role.PROFESSIONAL:
        return grant.hcp_id in actor.centres(Role.CENTRE_MANAGER)
    return grant.role in ERN_ROLES and grant.ern_id in actor.erns(Role.COORDINATOR)


def grants_with(grant: Grant) -> tuple[Grant, ...]:
    """Coordinators and dispatchers also hold the base profile at the centre they work at."""
    role, hcp_id, ern_id = grant.role, grant.hcp_id, grant.ern_id
    own = Grant(
        role, hcp_id if role in AT_A_CENTRE else None, ern_id if role in ERN_ROLES else None
    )
    if role in ERN_ROLES - {Role.RESEARCHER} and hcp_id:
        return (own, Grant(Role.PROFESSIONAL, hcp_id))
    return (own,)


def add_grant(session: Session, by: UUID, user: User, grant: Grant) -> None:
    if grant not in grants_held(user):
        row = RoleGrant(role=grant.role, hcp_id=grant.hcp_id, ern_id=grant.ern_id, granted_by=by)
        user.roles.append(row)
        session.flush()


def ensure_not_last_admin(session: Session, user: User) -> None:
    """Refuse what would leave no system administrator who can sign in.

    The others' accounts are locked until this transaction ends: two who end each other at the same
    moment must not both succeed.
    """
    if not any(grant.role is Role.SYSTEM_ADMIN for grant in grants_held(user)):
        return
    is_admin = exists().where(
        RoleGrant.user_id == User.id,
        RoleGrant.role == Role.SYSTEM_ADMIN,
        RoleGrant.revoked_at.is_(None),
    )
    has_key = exists().where(
        SecurityKey.user_id == User.id,
        SecurityKey.revoked_at.is_(None),
        SecurityKey.flagged_at.is_(None),
    )
    session.execute(select(User.id).where(is_admin).order_by(User.id).with_for_update())
    # A statement of its own: it sees what was committed while the one above waited.
    others = select(User.id).where(
        is_admin, has_key, User.disabled_at.is_(None), User.id != user.id
    )
    if session.scalar(others.limit(1)) is None:
        raise ForbiddenError(
            "This is the last system administrator who can sign in, so the account stays as it is."
        )
