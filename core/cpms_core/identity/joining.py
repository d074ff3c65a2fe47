"""Join without an invitation: an account with a key of one's own, and nothing else.

Nothing is trusted by it, for nobody has looked at the person yet: roles come from requests for
access. For an address that has an account already everything looks the same, and nothing is kept.
"""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import delete, exists, select
from sqlalchemy.orm import Session

from cpms_core import audit
from cpms_core.audit import Event
from cpms_core.clock import clock
from cpms_core.db import new_id
from cpms_core.identity import ceremonies
from cpms_core.identity.access_requests import OPEN
from cpms_core.identity.ceremonies import Begun
from cpms_core.identity.ceremony import KeyPolicy
from cpms_core.identity.models import (
    AccessRequest,
    AccountLink,
    AreaInterest,
    FederatedIdentity,
    Recovery,
    RecoveryCode,
    RoleGrant,
    SecurityKey,
    SignInSession,
    StepUp,
    User,
)
from cpms_core.identity.people import was_invited
from cpms_core.identity.spelling import normal_email, normal_name

UNUSED_AFTER = timedelta(days=30)
_OF_A_PERSON = (
    *(SignInSession, SecurityKey, AccountLink, AccessRequest),
    *(AreaInterest, FederatedIdentity, Recovery, RecoveryCode),
)


def begin_joining(session: Session, policy: KeyPolicy, name: str, email: str) -> Begun:
    return ceremonies.begin_joining(session, policy, normal_email(email), normal_name(name))


def finish_joining(
    session: Session, policy: KeyPolicy, name: str, email: str, challenge_id: UUID, answer: bytes
) -> None:
    """Make the account, unless the address has one. The caller cannot tell which it was."""
    email, name = normal_email(email), normal_name(name)
    user_id, enrolled = ceremonies.finish_joining(session, policy, challenge_id, answer)
    known = session.scalar(select(User.id).where(User.email == email))
    # Also for a known address everything is written, and taken back: or its answer came sooner.
    attempt = session.begin_nested()
    user = User(id=user_id, name=name, email=f"{new_id()}" if known else email)
    session.add(user)
    session.flush()
    ceremonies.store_key(session, user, enrolled)
    if known:
        attempt.rollback()
        audit.record(session, None, Event.KEY_REFUSED, subject_id=known)
    else:
        attempt.commit()
        audit.record(session, None, Event.PERSON_JOINED, subject_id=user_id)


def find_unused(session: Session) -> Sequence[User]:
    """Who joined long ago, never had a role, and waits for none: accounts to be removed.

    Whoever was invited stays: guests of a panel hold no role.
    """
    waits = exists().where(AccessRequest.user_id == User.id, AccessRequest.state.in_(OPEN))
    had_a_role = exists().where(RoleGrant.user_id == User.id)
    return session.scalars(
        select(User)
        .where(User.created_at < clock.now() - UNUSED_AFTER, ~had_a_role, ~waits, ~was_invited())
        .order_by(User.created_at)
    ).all()


def remove_unused(session: Session) -> int:
    """Take them out with all that is theirs; the audit keeps its ids. How many there were."""
    unused = [user.id for user in find_unused(session)]
    # Another worker may be doing the same: what it has taken is skipped.
    taken = select(User.id).where(User.id.in_(unused)).with_for_update(skip_locked=True)
    ids = session.scalars(taken).all()
    sessions = select(SignInSession.id).where(SignInSession.user_id.in_(ids))
    session.execute(delete(StepUp).where(StepUp.session_id.in_(sessions)))
    for table in _OF_A_PERSON:
        session.execute(delete(table).where(table.user_id.in_(ids)))
    session.execute(delete(User).where(User.id.in_(ids)))
    for user_id in ids:
        audit.record(session, None, Event.PERSON_REMOVED, subject_id=user_id)
    return len(ids)
