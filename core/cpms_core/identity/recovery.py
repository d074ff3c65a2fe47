"""A person has no key that works: two people bring them back, never one.

One of those who may help *starts* it with a reason; a second one, having checked who the person is,
*confirms*. Only then all keys and sessions end, and link and code are made, for the one who
confirmed. A recovery code that the person printed takes the place of the first helper. Everybody
concerned sees who did it, and the person can stop it as long as a key still works.
"""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from cpms_core import audit
from cpms_core.access import may
from cpms_core.actor import Actor, Role
from cpms_core.audit import Event
from cpms_core.clock import clock
from cpms_core.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from cpms_core.identity.managing import (
    ensure_not_last_admin,
    ensure_other,
    grants_held,
    known_user,
    subject_of,
)
from cpms_core.identity.models import Recovery, RecoveryCode, User
from cpms_core.identity.people import Ticket, replace_keys
from cpms_core.identity.sessions import actor_for
from cpms_core.keys import SiteKey

LASTS: Final = timedelta(hours=72)
_MAX_REASON = 500


def may_help(actor: Actor, user: User) -> bool:
    """Managers of the person's centre, coordinators of the person's ERNs, system administrators.

    A system administrator is helped by others alone: whoever ends up with the link could be them.
    """
    if user.id == actor.user_id:
        return False
    is_admin = any(grant.role is Role.SYSTEM_ADMIN for grant in grants_held(user))
    if is_admin and Role.SYSTEM_ADMIN not in actor.roles:
        return False
    return may(actor, "people.recover", subject_of(user))


def start_recovery(session: Session, actor: Actor, user_id: UUID, reason: str) -> Recovery:
    user = _helped(session, actor, user_id)
    reason = reason.strip()
    if not 0 < len(reason) <= _MAX_REASON:
        told = f"Say in at most {_MAX_REASON} characters what happened to the key."
        raise InvalidError("A reason is needed.", {"reason": told})
    if find_open(session, user.id):
        raise ConflictError("Somebody has started this already. Look at it as it stands now.")
    recovery = Recovery(user_id=user.id, started_by=actor.user_id, reason=reason)
    session.add(recovery)
    session.flush()
    _note(session, actor, user, Event.RECOVERY_STARTED)
    return recovery


def start_with_code(session: Session, user: User) -> None:
    """The person's own recovery code was right: it stands for the one who starts."""
    session.execute(
        update(Recovery)
        .where(Recovery.user_id == user.id, Recovery.ended_at.is_(None))
        .values(ended_at=clock.now())
    )
    session.add(Recovery(user_id=user.id, reason="The person entered a recovery code."))
    _note(session, None, user, Event.RECOVERY_STARTED)


def confirm_recovery(
    session: Session, actor: Actor, key: SiteKey, recovery_id: UUID, *, is_checked: bool
) -> Ticket:
    """End all keys and sessions, and make link and code, which only the confirmer sees."""
    recovery, user = _open_one(session, actor, recovery_id)
    if recovery.started_by == actor.user_id:
        raise ForbiddenError(
            "You started this yourself. Somebody else who knows the person has to confirm it."
        )
    if not is_checked:
        told = "Confirm only after you have made sure who it is."
        raise InvalidError("The person's identity is not checked.", {"checked": told})
    _ensure_starter_still_may(session, recovery, user)
    ensure_not_last_admin(session, user)
    recovery.confirmed_by, recovery.ended_at = actor.user_id, clock.now()
    # Whoever found the lost key may have found the printed codes beside it.
    session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user.id))
    _note(session, actor, user, Event.RECOVERY_CONFIRMED)
    return replace_keys(session, key, user, by=actor.user_id)


def give_up(session: Session, actor: Actor, recovery_id: UUID) -> UUID:
    """Nothing is changed for the person, whose id this returns."""
    recovery, user = _open_one(session, actor, recovery_id)
    recovery.ended_at = clock.now()
    _note(session, actor, user, Event.RECOVERY_GIVEN_UP)
    return user.id


def stop_own(session: Session, actor: Actor) -> None:
    """The person has a key that works after all, and perhaps never asked for this."""
    user = session.get_one(User, actor.user_id, with_for_update=True)
    recovery = find_open(session, user.id)
    if recovery is None:
        raise ConflictError("There is nothing to stop any more. Look at your profile.")
    recovery.ended_at = clock.now()
    _note(session, actor, user, Event.RECOVERY_GIVEN_UP)


def find_open(session: Session, user_id: UUID) -> Recovery | None:
    """The one that waits for its second person; after 72 hours it does no longer."""
    return session.scalar(
        select(Recovery)
        .where(
            Recovery.user_id == user_id,
            Recovery.ended_at.is_(None),
            Recovery.started_at > clock.now() - LASTS,
        )
        .order_by(Recovery.started_at.desc())
        .limit(1)
    )


def ends_at(recovery: Recovery) -> datetime:
    return recovery.started_at + LASTS


def _helped(session: Session, actor: Actor, user_id: UUID) -> User:
    """The person, locked so that of two acts at once the second sees the first."""
    user = known_user(session, actor, user_id)
    session.get_one(User, user_id, with_for_update=True)
    ensure_other(actor, user)
    if not may_help(actor, user):
        raise ForbiddenError(
            "This person's keys are replaced by system administrators, or by those who manage the "
            "person's own centre or ERN."
        )
    if user.disabled_at is not None:
        raise InvalidError("This person's account is disabled. Let the person back in first.")
    return user


def _open_one(session: Session, actor: Actor, recovery_id: UUID) -> tuple[Recovery, User]:
    recovery = session.get(Recovery, recovery_id)
    if recovery is None:
        raise NotFoundError
    user = _helped(session, actor, recovery.user_id)
    current = find_open(session, user.id)
    if current is None or current.id != recovery_id:
        raise ConflictError(
            "Nothing was done: this was ended meanwhile, or it is older than 72 hours. "
            "Look at the person's page as it stands now."
        )
    session.refresh(current)
    return current, user


def _ensure_starter_still_may(session: Session, recovery: Recovery, user: User) -> None:
    if recovery.started_by is None:
        return
    starter = session.get_one(User, recovery.started_by)
    if starter.disabled_at is not None or not may_help(actor_for(session, starter), user):
        raise ForbiddenError(
            "Whoever started this may not do so any more. Give it up, and start it anew."
        )


def _note(session: Session, actor: Actor | None, user: User, event: Event) -> None:
    audit.record(session, actor, event, subject_id=user.id, hcp_id=user.hcp_id)
