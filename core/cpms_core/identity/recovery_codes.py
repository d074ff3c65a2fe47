"""Codes a person prints and keeps: one of them starts a recovery, and does nothing else.

Each has 130 random bits, so a plain SHA-256 of it tells a thief nothing.
"""

import secrets
from typing import Any, Final, cast

from sqlalchemy import CursorResult, delete, func, select, update
from sqlalchemy.orm import Session

from cpms_core import audit
from cpms_core.actor import Actor
from cpms_core.audit import Event
from cpms_core.clock import clock
from cpms_core.errors import InvalidError
from cpms_core.identity.models import RecoveryCode, User
from cpms_core.identity.recovery import start_with_code
from cpms_core.identity.spelling import normal_email
from cpms_core.identity.tokens import CODE_ALPHABET, token_digest

HOW_MANY: Final = 8
_LETTERS = 28  # 25^28 is more than 2^128
_GROUP = 4


def make_codes(session: Session, actor: Actor) -> tuple[str, ...]:
    """New ones, told this once; those of before end."""
    session.get_one(User, actor.user_id, with_for_update=True)
    session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == actor.user_id))
    codes = tuple(_new_code() for _ in range(HOW_MANY))
    session.add_all(
        RecoveryCode(user_id=actor.user_id, code_hash=token_digest(_plain(code))) for code in codes
    )
    audit.record(session, actor, Event.RECOVERY_CODES_MADE, subject_id=actor.user_id)
    return codes


def count_codes(session: Session, actor: Actor) -> int:
    """How many are left to use."""
    unused = select(func.count()).where(
        RecoveryCode.user_id == actor.user_id, RecoveryCode.used_at.is_(None)
    )
    return session.scalar(unused) or 0


def use_code(session: Session, email: str, code: str) -> None:
    """Start a recovery if both are right. The caller cannot tell, and tells nobody."""
    try:
        address = normal_email(email)
    except InvalidError:
        address = ""
    owner = session.scalar(
        select(User)
        .join(RecoveryCode, RecoveryCode.user_id == User.id)
        .where(
            User.email == address,
            User.disabled_at.is_(None),
            RecoveryCode.code_hash == token_digest(_plain(code)),
            RecoveryCode.used_at.is_(None),
        )
    )
    # Right or wrong, one statement writes; of two that use one code at once, one finds it unused.
    used = session.execute(
        update(RecoveryCode)
        .where(
            RecoveryCode.code_hash == token_digest(_plain(code)),
            RecoveryCode.user_id == (owner.id if owner else None),
            RecoveryCode.used_at.is_(None),
        )
        .values(used_at=clock.now())
    )
    if owner is not None and cast("CursorResult[Any]", used).rowcount == 1:
        start_with_code(session, owner)


def _new_code() -> str:
    letters = [secrets.choice(CODE_ALPHABET) for _ in range(_LETTERS)]
    groups = ("".join(letters[at : at + _GROUP]) for at in range(0, _LETTERS, _GROUP))
    return "-".join(groups)


def _plain(code: str) -> str:
    """As typed, with whatever separators and in whatever case."""
    return "".join(one for one in code.upper() if one.isalnum())
