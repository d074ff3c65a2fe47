"""Who is here, and what a person's own account holds. Only reads."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from msgspec import Struct
from sqlalchemy import ColumnElement, Select, exists, func, or_, select
from sqlalchemy.orm import Session, selectinload

from cpms_core import audit
from cpms_core.actor import Actor, Grant, Role
from cpms_core.audit import Event
from cpms_core.clock import clock
from cpms_core.identity.managing import is_over
from cpms_core.identity.models import (
    AccountLink,
    Recovery,
    RoleGrant,
    SecurityKey,
    SignInSession,
    User,
)
from cpms_core.identity.people import has_key
from cpms_core.identity.recoveries import RecoveryView, recoveries_of
from cpms_core.identity.recovery import LASTS
from cpms_core.identity.sessions import lives_until
from cpms_core.settings import Settings

PAGE = 100


class Entry(StrEnum):
    """How a person gets in, or why not."""

    KEY = "key"
    FLAGGED = "flagged"
    LINK_OPEN = "link_open"
    LINK_EXPIRED = "link_expired"
    NONE = "none"
    DISABLED = "disabled"


class PersonRow(Struct, frozen=True, kw_only=True):
    id: UUID
    name: str
    email: str
    hcp_id: UUID | None
    grants: tuple[Grant, ...]
    entry: Entry
    link_until: datetime | None
    """Until when the newest link may be used, or might have been."""
    last_sign_in_at: datetime | None
    has_locked_key: bool
    """One that may have been copied; another one may still let the person in."""
    has_had_key: bool
    """Then one person alone makes no link any more."""
    is_recovering: bool
    """Whether replacing the keys waits for a second person."""
    is_managed: bool
    """Whether the reader may end the account or make a link to it."""


class PeoplePage(Struct, frozen=True, kw_only=True):
    rows: tuple[PersonRow, ...]
    count: int
    page: int
    last: int


class MySession(Struct, frozen=True, kw_only=True):
    id: UUID
    client: str
    key_label: str
    started_at: datetime
    last_seen_at: datetime
    is_this: bool


class Account(Struct, frozen=True, kw_only=True):
    user: User
    keys: tuple[SecurityKey, ...]
    sessions: tuple[MySession, ...]
    recoveries: tuple[RecoveryView, ...]
    """Of the last weeks, the newest first: who had the own keys replaced."""


def list_people(session: Session, actor: Actor, search: str = "", page: int = 1) -> PeoplePage:
    """Everybody for a system administrator; the own centres' and the own ERNs' for the others."""
    audit.record(session, actor, Event.PEOPLE_LISTED, page=page)
    found = select(User).where(_visible(actor), _matches(search))
    count = session.scalar(select(func.count()).select_from(found.subquery())) or 0
    last = max(1, -(-count // PAGE))
    page = min(max(page, 1), last)
    users = session.scalars(
        found.options(selectinload(User.keys), selectinload(User.roles))
        .order_by(func.lower(User.name), User.id)
        .limit(PAGE)
        .offset((page - 1) * PAGE)
    ).all()
    return PeoplePage(rows=_rows(session, actor, users), count=count, page=page, last=last)


def person_row(session: Session, actor: Actor, user: User) -> PersonRow:
    (row,) = _rows(session, actor, [user])
    return row


def read_account(session: Session, actor: Actor, settings: Settings) -> Account:
    """The actor's own account, with the sessions that are still alive."""
    audit.record(session, actor, Event.PROFILE_READ)
    keys = session.scalars(
        select(SecurityKey)
        .where(SecurityKey.user_id == actor.user_id, SecurityKey.revoked_at.is_(None))
        .order_by(SecurityKey.created_at)
    ).all()
    return Account(
        user=session.get_one(User, actor.user_id),
        keys=tuple(keys),
        sessions=tuple(_my_sessions(session, actor, settings)),
        recoveries=recoveries_of(session, actor.user_id),
    )


def _my_sessions(session: Session, actor: Actor, settings: Settings) -> list[MySession]:
    rows = session.execute(
        select(SignInSession, SecurityKey.label)
        .join(SecurityKey, SecurityKey.id == SignInSession.key_id)
        .where(SignInSession.user_id == actor.user_id, SignInSession.revoked_at.is_(None))
        .order_by(SignInSession.last_seen_at.desc())
    )
    now = clock.now()
    return [
        MySession(
            id=row.id,
            client=row.client,
            key_label=label,
            started_at=row.created_at,
            last_seen_at=row.last_seen_at,
            is_this=row.id == actor.session_id,
        )
        for row, label in rows
        if now < lives_until(row.created_at, row.last_seen_at, settings)
    ]


def _visible(actor: Actor) -> ColumnElement[bool]:
    if Role.SYSTEM_ADMIN in actor.roles:
        return User.id.is_not(None)
    in_own_erns = exists().where(
        RoleGrant.user_id == User.id,
        RoleGrant.revoked_at.is_(None),
        RoleGrant.ern_id.in_(actor.erns(Role.COORDINATOR)),
    )
    return or_(User.hcp_id.in_(actor.centres(Role.CENTRE_MANAGER)), in_own_erns)


def _matches(search: str) -> ColumnElement[bool]:
    if not search:
        return User.id.is_not(None)
    return or_(
        User.name.contains(search, autoescape=True),
        # SQLite lowers ASCII only, so the line above is no doublet of this one.
        func.lower(User.name).contains(search.lower(), autoescape=True),
        User.email.contains(search.casefold(), autoescape=True),
    )


def _rows(session: Session, actor: Actor, users: Sequence[User]) -> tuple[PersonRow, ...]:
    ids = [user.id for user in users]
    links = _newest(session, _newest_links(ids))
    seen = _newest(session, _newest_sign_ins(ids))
    recovering = set(session.scalars(_recovering(ids)))
    return tuple(
        PersonRow(
            id=user.id,
            name=user.name,
            email=user.email,
            hcp_id=user.hcp_id,
            grants=_grants(user),
            entry=_entry(user, links.get(user.id)),
            link_until=links.get(user.id),
            last_sign_in_at=seen.get(user.id),
            has_locked_key=_has_locked_key(user),
            has_had_key=bool(user.keys),
            is_recovering=user.id in recovering,
            is_managed=is_over(actor, user),
        )
        for user in users
    )


def _grants(user: User) -> tuple[Grant, ...]:
    """In the order of the roles, the widest first."""
    held = (grant for grant in user.roles if grant.revoked_at is None)
    grants = [Grant(Role(grant.role), grant.hcp_id, grant.ern_id) for grant in held]
    return tuple(sorted(grants, key=lambda grant: list(Role).index(grant.role)))


def _entry(user: User, link_until: datetime | None) -> Entry:
    if user.disabled_at is not None:
        return Entry.DISABLED
    if has_key(user):
        return Entry.KEY
    if link_until is not None:
        return Entry.LINK_OPEN if link_until > clock.now() else Entry.LINK_EXPIRED
    return Entry.FLAGGED if _has_locked_key(user) else Entry.NONE


def _has_locked_key(user: User) -> bool:
    return any(key.flagged_at and key.revoked_at is None for key in user.keys)


def _newest_links(ids: Sequence[UUID]) -> Select[UUID, datetime]:
    return (
        select(AccountLink.user_id, func.max(AccountLink.expires_at, type_=_TIME))
        .where(AccountLink.user_id.in_(ids), AccountLink.used_at.is_(None))
        .group_by(AccountLink.user_id)
    )


def _newest_sign_ins(ids: Sequence[UUID]) -> Select[UUID, datetime]:
    return (
        select(SignInSession.user_id, func.max(SignInSession.created_at, type_=_TIME))
        .where(SignInSession.user_id.in_(ids))
        .group_by(SignInSession.user_id)
    )


def _recovering(ids: Sequence[UUID]) -> Select[UUID]:
    return select(Recovery.user_id).where(
        Recovery.user_id.in_(ids),
        Recovery.ended_at.is_(None),
        Recovery.started_at > clock.now() - LASTS,
    )


def _newest(session: Session, statement: Select[UUID, datetime]) -> Mapping[UUID, datetime]:
    return {row[0]: row[1] for row in session.execute(statement)}


_TIME = SignInSession.created_at.type
