"""A fresh touch of the own key before an act that matters, bound to that act and used up by it.

A route says it with `step_up="remove a security key"`; the words are both what the person reads and
what the touch is for. What the key signs is a hash of the act, whom it is done to and a nonce, so a
touch for one act proves nothing for another.
"""

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

from sqlalchemy import CursorResult, select, update
from sqlalchemy.orm import Session

from cpms_core import audit
from cpms_core.actor import Actor
from cpms_core.audit import Event
from cpms_core.clock import clock
from cpms_core.errors import ConflictError, InvalidError
from cpms_core.identity.ceremonies import Begun, begin_confirmation, finish_confirmation
from cpms_core.identity.ceremony import KeyPolicy
from cpms_core.identity.models import StepUp

LASTS = timedelta(minutes=5)
_TAG = b"CPMS step-up v1\0"


def begin_step_up(
    session: Session, policy: KeyPolicy, actor: Actor, act: str, subject_id: UUID | None
) -> Begun:
    nonce = secrets.token_bytes(32)
    value = _value(act, subject_id, nonce)
    return begin_confirmation(session, policy, actor, subject_id, value, nonce)


def finish_step_up(
    session: Session,
    policy: KeyPolicy,
    actor: Actor,
    act: str,
    subject_id: UUID | None,
    challenge_id: UUID,
    answer: bytes,
) -> None:
    """Remember the touch; InvalidError if another act was confirmed than this one."""
    confirmed = finish_confirmation(session, policy, actor, subject_id, challenge_id, answer)
    challenge = confirmed.challenge
    if challenge.value != _value(act, subject_id, challenge.nonce):
        error = InvalidError("Your key confirmed something else. Please start again.")
        error.keeps_changes = True
        raise error
    session.add(StepUp(session_id=actor.session_id, act=act, subject_id=subject_id))
    audit.record(session, actor, Event.STEPPED_UP, subject_id=confirmed.key.id, act=act)


def find_touch(session: Session, actor: Actor, act: str, subject_id: UUID | None) -> UUID | None:
    """The newest touch of this session that is for this act and still fresh."""
    return session.scalar(
        select(StepUp.id)
        .where(
            StepUp.session_id == actor.session_id,
            StepUp.act == act,
            StepUp.subject_id == subject_id if subject_id else StepUp.subject_id.is_(None),
            StepUp.used_at.is_(None),
            StepUp.touched_at > clock.now() - LASTS,
            StepUp.touched_at <= clock.now(),
        )
        .order_by(StepUp.touched_at.desc())
        .limit(1)
    )


def was_touched_for(
    session: Session, actor: Actor, act: str, *, since: datetime | None = None
) -> bool:
    """Whether a touch of this session was used for this act a moment ago: for what follows it."""
    earliest = clock.now() - LASTS
    used = select(StepUp.id).where(
        StepUp.session_id == actor.session_id,
        StepUp.act == act,
        StepUp.used_at > (max(since, earliest) if since else earliest),
        StepUp.used_at <= clock.now(),
    )
    return session.scalar(used.limit(1)) is not None


def use_up(session: Session, touch_id: UUID) -> None:
    """One touch serves one act: of two that come at once, the second is a ConflictError."""
    done = session.execute(
        update(StepUp)
        .where(StepUp.id == touch_id, StepUp.used_at.is_(None))
        .values(used_at=clock.now())
    )
    if cast("CursorResult[Any]", done).rowcount != 1:
        raise ConflictError("This was done already, a moment ago. Reload the page to see it.")


def _value(act: str, subject_id: UUID | None, nonce: bytes) -> bytes:
    subject = subject_id.bytes if subject_id else b""
    return hashlib.sha256(_TAG + act.encode() + b"\0" + subject + nonce).digest()
