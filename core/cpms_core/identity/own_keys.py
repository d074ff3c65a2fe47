"""A person's own security keys: add another one, name one, remove one."""

from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cpms_core import audit
from cpms_core.actor import Actor
from cpms_core.audit import Event
from cpms_core.clock import clock
from cpms_core.errors import ForbiddenError, InvalidError, NotFoundError
from cpms_core.identity import ceremonies
from cpms_core.identity.ceremonies import Begun
from cpms_core.identity.ceremony import KeyPolicy
from cpms_core.identity.models import SecurityKey, User
from cpms_core.identity.sessions import end_sessions_of_key
from cpms_core.identity.step_up import was_touched_for

ADD = "add a security key"
REMOVE = "remove a security key"
_MOST_KEYS = 10
_MAX_LABEL = 60


def ensure_may_add(session: Session, actor: Actor) -> None:
    """Only after a touch of a key that is enrolled already, one for each: a session adds none."""
    newest = select(func.max(SecurityKey.created_at)).where(SecurityKey.user_id == actor.user_id)
    if not was_touched_for(session, actor, ADD, since=session.scalar(newest)):
        raise ForbiddenError(
            "Every new key needs a touch of one that you have, so no key was added. "
            "Begin again with “Add a key”."
        )
    if len(_living(session, actor)) >= _MOST_KEYS:
        raise InvalidError(f"You have {_MOST_KEYS} keys already. Remove one that you do not use.")


def begin_adding(session: Session, policy: KeyPolicy, actor: Actor) -> Begun:
    ensure_may_add(session, actor)
    return ceremonies.begin_adding(session, policy, actor)


def finish_adding(
    session: Session, policy: KeyPolicy, actor: Actor, challenge_id: UUID, answer: bytes
) -> SecurityKey:
    _one_at_a_time(session, actor)
    ensure_may_add(session, actor)
    return ceremonies.finish_adding(session, policy, actor, challenge_id, answer)


def rename_key(session: Session, actor: Actor, key_id: UUID, label: str) -> None:
    key = _own(session, actor, key_id)
    label = " ".join(label.split())
    if not 0 < len(label) <= _MAX_LABEL or not label.isprintable():
        raise InvalidError(f"Give the key a name of at most {_MAX_LABEL} characters.")
    key.label = label
    audit.record(session, actor, Event.KEY_RENAMED, subject_id=key.id)


def remove_key(session: Session, actor: Actor, key_id: UUID) -> None:
    """It stops at once, and so do its sessions. The last one that works stays."""
    _one_at_a_time(session, actor)
    key = _own(session, actor, key_id)
    if not any(one.id != key.id and one.flagged_at is None for one in _living(session, actor)):
        raise ForbiddenError(
            "This is your last key that works: without it you could not sign in. "
            "Add another one first."
        )
    key.revoked_at = clock.now()
    end_sessions_of_key(session, key.id)
    audit.record(session, actor, Event.KEY_REMOVED, subject_id=key.id)


def _one_at_a_time(session: Session, actor: Actor) -> None:
    """Two removals at once must not take the last two keys, nor one touch add two."""
    session.get_one(User, actor.user_id, with_for_update=True)


def _own(session: Session, actor: Actor, key_id: UUID) -> SecurityKey:
    key = session.get(SecurityKey, key_id)
    if key is None or key.user_id != actor.user_id or key.revoked_at is not None:
        raise NotFoundError
    return key


def _living(session: Session, actor: Actor) -> list[SecurityKey]:
    return list(
        session.scalars(
            select(SecurityKey).where(
                SecurityKey.user_id == actor.user_id, SecurityKey.revoked_at.is_(None)
            )
        )
    )
