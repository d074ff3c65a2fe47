"""Signed-in browsers. A session row is made only by a sign-in, and no request re-creates one."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

from msgspec import Struct
from sqlalchemy import CursorResult, bindparam, select, update
from sqlalchemy.orm import Session

from cpms_core import audit
from cpms_core.actor import Actor, Grant, Role
from cpms_core.clock import clock
from cpms_core.db import write
from cpms_core.errors import NotFoundError
from cpms_core.identity.models import ApiToken, RoleGrant, SecurityKey, SignInSession, User
from cpms_core.identity.tokens import token_digest
from cpms_core.settings import Settings

_SEEN_EVERY = timedelta(seconds=60)
_MAX_CLIENT = 120


class SignedIn(Struct, frozen=True, kw_only=True):
    actor: Actor
    token: str
    """As the cookie holds it; the CSRF token is derived from it. Empty for a machine."""
    ends_at: datetime
    """When the session ends if nobody uses it from now on."""
    scopes: frozenset[str] | None = None
    """What a machine's token is for; None for a browser, which may do all that its person may."""

    @property
    def seconds_left(self) -> int:
        return max(0, int((self.ends_at - clock.now()).total_seconds()))


def start_session(session: Session, user: User, key: SecurityKey, token: str, client: str) -> UUID:
    """A new session for this token; the caller sets the cookie."""
    row = SignInSession(
        token_hash=token_digest(token), user_id=user.id, key_id=key.id, client=client[:_MAX_CLIENT]
    )
    session.add(row)
    session.flush()
    return row.id


def end_session(session: Session, session_id: UUID) -> None:
    session.execute(
        update(SignInSession)
        .where(SignInSession.id == session_id, SignInSession.revoked_at.is_(None))
        .values(revoked_at=clock.now())
    )


def end_own_session(session: Session, actor: Actor, session_id: UUID) -> None:
    """End one of the actor's own sessions, on another machine for instance."""
    row = session.get(SignInSession, session_id)
    if row is None or row.user_id != actor.user_id:
        raise NotFoundError
    end_session(session, session_id)
    audit.record(session, actor, audit.Event.SIGNED_OUT, subject_id=session_id)


def end_own_sessions(session: Session, actor: Actor, *, keep_this: bool) -> None:
    """End the actor's sessions on every machine, this one among them or not."""
    own = update(SignInSession).where(
        SignInSession.user_id == actor.user_id, SignInSession.revoked_at.is_(None)
    )
    if keep_this:
        own = own.where(SignInSession.id != actor.session_id)
    session.execute(own.values(revoked_at=clock.now()))
    audit.record(session, actor, audit.Event.SIGNED_OUT, everywhere=True)


def end_sessions_of_key(session: Session, key_id: UUID) -> None:
    session.execute(
        update(SignInSession)
        .where(SignInSession.key_id == key_id, SignInSession.revoked_at.is_(None))
        .values(revoked_at=clock.now())
    )


def end_sessions_of_models(session: Session, aaguids: Collection[str]) -> int:
    """Of everybody whose key is of one of these models; how many they were."""
    keys = select(SecurityKey.id).where(SecurityKey.aaguid.in_(aaguids))
    ended = session.execute(
        update(SignInSession)
        .where(SignInSession.key_id.in_(keys), SignInSession.revoked_at.is_(None))
        .values(revoked_at=clock.now())
    )
    return cast("CursorResult[Any]", ended).rowcount


def end_all_sessions(session: Session, user_id: UUID) -> None:
    """On every machine, and the tokens that machines sign in with."""
    for table in (SignInSession, ApiToken):
        session.execute(
            update(table)
            .where(table.user_id == user_id, table.revoked_at.is_(None))
            .values(revoked_at=clock.now())
        )


def signed_in(
    session: Session, token: str, settings: Settings, *, is_activity: bool = True
) -> SignedIn | None:
    """Who this token belongs to, or None. `is_activity` moves the idle clock on."""
    now = clock.now()
    found = session.connection().execute(_LIVING, {"digest": token_digest(token)})
    row = found.one_or_none()
    if row is None or not _is_in_time(row, settings):
        return None
    until = lives_until(row.created_at, row.last_seen_at, settings)
    if is_activity and now - row.last_seen_at > _SEEN_EVERY:
        write(session, _SEEN, {"session_id": row.id, "now": now})
        until = lives_until(row.created_at, now, settings)
    actor = Actor(
        user_id=row.user_id,
        name=row.name,
        email=row.email,
        grants=grants_of(session, row.user_id),
        session_id=row.id,
    )
    return SignedIn(actor=actor, token=token, ends_at=until)


def living_sessions(session: Session, digests: Collection[bytes], settings: Settings) -> set[bytes]:
    """Of these digests of tokens, those that sign somebody in now; none is kept alive by it."""
    found = session.connection().execute(_LIVING_OF, {"digests": list(digests)})
    return {row.token_hash for row in found if _is_in_time(row, settings)}


def _is_in_time(row: Any, settings: Settings) -> bool:
    # A clock that was set back must not bring a session of the future to life.
    until = lives_until(row.created_at, row.last_seen_at, settings)
    return bool(row.created_at - _SEEN_EVERY <= clock.now() < until)


def lives_until(created_at: datetime, last_seen_at: datetime, settings: Settings) -> datetime:
    """When a session ends if nobody uses it from now on."""
    return min(
        created_at + timedelta(hours=settings.session_hours),
        last_seen_at + timedelta(minutes=settings.idle_minutes),
    )


def grants_of(session: Session, user_id: UUID) -> frozenset[Grant]:
    session.flush()  # a grant of this very transaction counts
    rows = session.connection().execute(_GRANTS, {"user_id": user_id})
    return frozenset(Grant(Role(role), hcp_id, ern_id) for role, hcp_id, ern_id in rows)


# Built once: these run in every request.
_ALL_LIVING = (
    select(
        SignInSession.id,
        SignInSession.token_hash,
        SignInSession.created_at,
        SignInSession.last_seen_at,
        User.id.label("user_id"),
        User.name,
        User.email,
    )
    .join(User, User.id == SignInSession.user_id)
    .join(SecurityKey, SecurityKey.id == SignInSession.key_id)
    .where(
        SignInSession.revoked_at.is_(None),
        SecurityKey.revoked_at.is_(None),
        SecurityKey.flagged_at.is_(None),
        User.disabled_at.is_(None),
    )
)
_LIVING = _ALL_LIVING.where(SignInSession.token_hash == bindparam("digest"))
_LIVING_OF = _ALL_LIVING.where(SignInSession.token_hash.in_(bindparam("digests", expanding=True)))
_SEEN = (
    update(SignInSession)
    .where(SignInSession.id == bindparam("session_id"))
    .values(last_seen_at=bindparam("now"))
)
_GRANTS = select(RoleGrant.role, RoleGrant.hcp_id, RoleGrant.ern_id).where(
    RoleGrant.user_id == bindparam("user_id"), RoleGrant.revoked_at.is_(None)
)


def actor_for(session: Session, user: User) -> Actor:
    """The same person without a browser: jobs and the command line."""
    grants = grants_of(session, user.id)
    return Actor(user_id=user.id, name=user.name, email=user.email, grants=grants)
