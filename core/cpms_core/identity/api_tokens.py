"""Tokens for machines: a person makes one with a touch of the key, for some acts and some time.

A token is its person cut down to its scopes. What the person may is read at every request, so a
lost role or an ended account counts at once. It holds 256 random bits; only its SHA-256 is kept.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.orm import Session

from cpms_core import audit
from cpms_core.access import Subject, ensure
from cpms_core.actor import Actor
from cpms_core.audit import Event
from cpms_core.clock import clock
from cpms_core.db import write
from cpms_core.errors import InvalidError, NotFoundError
from cpms_core.identity.managing import managed_user
from cpms_core.identity.models import ApiToken, User
from cpms_core.identity.sessions import SignedIn, grants_of
from cpms_core.identity.tokens import new_token, token_digest

MAKE: Final = "make a token for a machine"
SCOPES: Final[Mapping[str, str]] = {
    "case.list": "list cases",
    "case.export": "take cases out of the site",
    "case.files": "fetch the files of cases",
    "report.export": "take reports out of the site",
}
"""Core's own, in words; plugins declare others, `<plugin>.something`."""
MOST_DAYS: Final = 365
USUAL_DAYS: Final = 90
_MARK = "cpms_"
"""So that programs which look for leaked secrets know one."""
_MOST = 20
_MAX_NAME = 60
_SHOWN_AFTER_ITS_END = timedelta(days=30)
_SEEN_EVERY = timedelta(seconds=60)


def make_token(
    session: Session, actor: Actor, name: str, scopes: Collection[str], days: int
) -> str:
    """The token's text, told this once. The caller offers only scopes that a route declares."""
    ensure(actor, "site.work", Subject())
    name = " ".join(name.split())
    problems = {}
    if not 0 < len(name) <= _MAX_NAME or not name.isprintable():
        problems["name"] = f"Give it a name of at most {_MAX_NAME} characters."
    if not scopes:
        problems["scopes"] = "Choose what the machine may do."
    if not 0 < days <= MOST_DAYS:
        problems["days"] = f"Enter a number of days from 1 to {MOST_DAYS}."
    if problems:
        raise InvalidError("The token was not made.", problems)
    if _count_living(session, actor) >= _MOST:
        raise InvalidError(f"You have {_MOST} tokens already. Revoke one that is not used.")
    text = _MARK + new_token()
    row = ApiToken(
        user_id=actor.user_id,
        name=name,
        token_hash=token_digest(text),
        scopes=list(scopes),
        expires_at=clock.now() + timedelta(days=days),
    )
    session.add(row)
    session.flush()
    audit.record(
        session, actor, Event.TOKEN_MADE, subject_id=actor.user_id, token=str(row.id), days=days
    )
    return text


def list_tokens(session: Session, user_id: UUID) -> Sequence[ApiToken]:
    """The newest first; one that has ended is shown for some weeks more."""
    return session.scalars(
        select(ApiToken)
        .where(
            ApiToken.user_id == user_id,
            ApiToken.revoked_at.is_(None),
            ApiToken.expires_at > clock.now() - _SHOWN_AFTER_ITS_END,
        )
        .order_by(ApiToken.made_at.desc(), ApiToken.id.desc())
    ).all()


def revoke_token(session: Session, actor: Actor, token_id: UUID) -> UUID:
    """Whose it was: the actor's own, or of somebody whom the actor manages."""
    row = session.get(ApiToken, token_id)
    if row is None or row.revoked_at is not None:
        raise NotFoundError
    if row.user_id != actor.user_id:
        managed_user(session, actor, row.user_id)
    row.revoked_at = clock.now()
    audit.record(
        session,
        actor,
        Event.TOKEN_REVOKED,
        subject_id=row.user_id,
        hcp_id=session.get_one(User, row.user_id).hcp_id,
        token=str(row.id),
    )
    return row.user_id


def machine(session: Session, text: str, *, is_activity: bool = True) -> SignedIn | None:
    """Who sends this token, or None; `is_activity` notes that it was used."""
    row = session.connection().execute(_LIVING, {"digest": token_digest(text)}).one_or_none()
    if row is None or not _is_in_time(row):
        return None
    now = clock.now()
    if is_activity and (row.last_used_at is None or now - row.last_used_at > _SEEN_EVERY):
        write(session, _USED, {"token_id": row.id, "now": now})
    actor = Actor(
        user_id=row.user_id,
        name=row.user_name,
        email=row.email,
        grants=grants_of(session, row.user_id),
        token_id=row.id,
    )
    scopes = frozenset(row.scopes)
    return SignedIn(actor=actor, token="", ends_at=row.expires_at, scopes=scopes)


def living_tokens(session: Session, digests: Collection[bytes]) -> set[bytes]:
    """Of these digests of tokens, those that sign a machine in now."""
    found = session.connection().execute(_LIVING_OF, {"digests": list(digests)})
    return {row.token_hash for row in found if _is_in_time(row)}


def _is_in_time(row: Any) -> bool:
    return bool(row.made_at - _SEEN_EVERY <= clock.now() < row.expires_at)


def _count_living(session: Session, actor: Actor) -> int:
    living = select(func.count()).where(
        ApiToken.user_id == actor.user_id,
        ApiToken.revoked_at.is_(None),
        ApiToken.expires_at > clock.now(),
    )
    return session.scalar(living) or 0


_ALL_LIVING = (
    select(
        *(ApiToken.id, ApiToken.token_hash, ApiToken.scopes),
        *(ApiToken.made_at, ApiToken.expires_at),
        *(ApiToken.last_used_at, ApiToken.user_id),
        *(User.name.label("user_name"), User.email),
    )
    .join(User, User.id == ApiToken.user_id)
    .where(ApiToken.revoked_at.is_(None), User.disabled_at.is_(None))
)
_LIVING = _ALL_LIVING.where(ApiToken.token_hash == bindparam("digest"))
_LIVING_OF = _ALL_LIVING.where(ApiToken.token_hash.in_(bindparam("digests", expanding=True)))
_USED = (
    update(ApiToken)
    .where(ApiToken.id == bindparam("token_id"))
    .values(last_used_at=bindparam("now"))
)
