"""The ceremonies against the store: enrol a key, join with one, sign in, confirm an act with it.

Challenges are rows that any answer takes out, right or wrong: errors raised while an answer is
looked at keep what was changed until then. Nothing of an answer is stored before its signature
was verified.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

from msgspec import Struct
from sqlalchemy import CursorResult, Result, bindparam, delete, func, select, update
from sqlalchemy.orm import Session

from cpms_core import audit
from cpms_core.actor import Actor
from cpms_core.audit import Event
from cpms_core.clock import clock
from cpms_core.db import new_id
from cpms_core.errors import CpmsError, InvalidError
from cpms_core.identity import ceremony
from cpms_core.identity.ceremony import (
    Assertion,
    CounterFellError,
    EnrolledKey,
    KeyPolicy,
    StoredKey,
)
from cpms_core.identity.key_models import current_policy
from cpms_core.identity.models import AccountLink, Challenge, RoleGrant, SecurityKey, User
from cpms_core.identity.sessions import end_sessions_of_key, start_session
from cpms_core.identity.spelling import normal_email
from cpms_core.identity.tokens import decoy_credential_id, new_token
from cpms_core.keys import SiteKey

CHALLENGE_LASTS = timedelta(minutes=5)
_REFUSED = "This key could not be used here. Check the address and try again with your own key."
_LATE = "This took too long or was already used. Please start again."
_FLAGGED = (
    "This security key is locked: its counter once went back, as if there were a copy of it. You "
    "were not signed in. If you have another key, sign in with that one. If not, ask two people "
    "who know you, your centre manager and the coordinator for instance, to replace your keys."
)


class Begun(Struct, frozen=True):
    """What the browser needs to go on, and which challenge it answers."""

    challenge_id: UUID
    options: dict[str, Any]


class Confirmed(Struct, frozen=True):
    """A key's owner has confirmed something, and with which key."""

    key: SecurityKey
    assertion: Assertion
    challenge: Challenge


def begin_enrolment(session: Session, policy: KeyPolicy, link: AccountLink) -> Begun:
    user = session.get_one(User, link.user_id)
    challenge = _new_challenge(session, "enrol", user_id=user.id, subject_id=link.id)
    taken = [key.credential_id for key in user.keys if key.revoked_at is None]
    options = ceremony.enrolment_options(
        policy,
        user_id=user.id.bytes,
        user_name=user.email,
        display_name=user.name,
        challenge=challenge.value,
        exclude=taken,
    )
    return Begun(challenge.id, options)


def finish_enrolment(
    session: Session, policy: KeyPolicy, link: AccountLink, challenge_id: UUID, answer: bytes
) -> SecurityKey:
    """Store the key and use up the link. The person still has to sign in."""
    with _keeping():
        challenge = _take_challenge(session, challenge_id, "enrol")
        if challenge.subject_id != link.id:
            raise InvalidError(_REFUSED)
        enrolled = _new_key(session, policy, challenge, answer)
        _use_up(session, link)
    return store_key(session, session.get_one(User, link.user_id), enrolled)


def begin_adding(session: Session, policy: KeyPolicy, actor: Actor) -> Begun:
    """Another key for somebody who is signed in."""
    user = session.get_one(User, actor.user_id)
    challenge = _new_challenge(session, "add", user_id=user.id, session_id=actor.session_id)
    options = ceremony.enrolment_options(
        policy,
        user_id=user.id.bytes,
        user_name=user.email,
        display_name=user.name,
        challenge=challenge.value,
        exclude=[key.credential_id for key in user.keys if key.revoked_at is None],
    )
    return Begun(challenge.id, options)


def finish_adding(
    session: Session, policy: KeyPolicy, actor: Actor, challenge_id: UUID, answer: bytes
) -> SecurityKey:
    with _keeping():
        challenge = _take_challenge(session, challenge_id, "add")
        if (challenge.user_id, challenge.session_id) != (actor.user_id, actor.session_id):
            raise InvalidError(_REFUSED)
        enrolled = _new_key(session, policy, challenge, answer)
    return store_key(session, session.get_one(User, actor.user_id), enrolled)


def begin_joining(session: Session, policy: KeyPolicy, email: str, name: str) -> Begun:
    """For somebody without an account: the same whether the address has one or not."""
    user_id = new_id()
    challenge = _new_challenge(session, "join", user_id=user_id)
    options = ceremony.enrolment_options(
        policy,
        user_id=user_id.bytes,
        user_name=email,
        display_name=name,
        challenge=challenge.value,
    )
    return Begun(challenge.id, options)


def finish_joining(
    session: Session, policy: KeyPolicy, challenge_id: UUID, answer: bytes
) -> tuple[UUID, EnrolledKey]:
    """The id for the account to make, which the key holds already, and the key. Stores nothing."""
    with _keeping():
        challenge = _take_challenge(session, challenge_id, "join")
        enrolled = _new_key(session, policy, challenge, answer)
    if challenge.user_id is None:
        raise InvalidError(_REFUSED)
    return challenge.user_id, enrolled


def store_key(session: Session, user: User, enrolled: EnrolledKey) -> SecurityKey:
    """Keep a key whose answer was verified."""
    key = SecurityKey(
        user_id=user.id,
        credential_id=enrolled.credential_id,
        public_key=enrolled.public_key,
        sign_count=enrolled.sign_count,
        aaguid=enrolled.aaguid,
        format=enrolled.fmt,
        attestation=enrolled.attestation,
        backup_eligible=enrolled.backup_eligible,
        label=f"Security key {len(user.keys) + 1}",
    )
    session.add(key)
    session.flush()
    audit.record(session, None, Event.KEY_ENROLLED, subject_id=user.id, aaguid=enrolled.aaguid)
    return key


def begin_sign_in(session: Session, policy: KeyPolicy, site_key: SiteKey, email: str) -> Begun:
    """Options that look the same for a known, an unknown and a disabled address.

    They also take the same time: the same steps are done for each.
    """
    email = normal_email(email)
    found = session.execute(_KEYS_OF, {"email": email}).all()
    allowed = [row.credential_id for row in found]
    decoys = _decoys(session, site_key.derive("decoy keys"), email)
    user_id = found[0].user_id if found else None
    challenge = _new_challenge(session, "sign-in", user_id=user_id)
    options = ceremony.sign_in_options(policy, challenge.value, allow=allowed or decoys)
    return Begun(challenge.id, options)


_KEYS_OF = (
    select(SecurityKey.user_id, SecurityKey.credential_id)
    .join(User, User.id == SecurityKey.user_id)
    .where(
        User.email == bindparam("email"),
        User.disabled_at.is_(None),
        SecurityKey.revoked_at.is_(None),
    )
    .order_by(SecurityKey.created_at)
)


def _decoys(session: Session, key: bytes, email: str) -> list[bytes]:
    """As many, and each as long, as the keys of somebody whom the address picks by chance."""
    here = decoy_credential_id(key, email)
    lengths = session.scalars(_LENGTHS_OF_SOMEBODY, {"here": here}).all() or [len(here)]
    return [decoy_credential_id(key, email, *one) for one in enumerate(lengths)]


# Of somebody with a role: who only joined could change the own keys and see which decoys follow.
_NEXT_KEY = (
    select(SecurityKey.user_id)
    .join(RoleGrant, RoleGrant.user_id == SecurityKey.user_id)
    .where(SecurityKey.revoked_at.is_(None), RoleGrant.revoked_at.is_(None))
    .order_by(SecurityKey.credential_id)
    .limit(1)
)
_FROM_HERE = _NEXT_KEY.where(SecurityKey.credential_id >= bindparam("here"))
_LENGTHS_OF_SOMEBODY = (
    select(func.length(SecurityKey.credential_id))
    .where(
        SecurityKey.user_id
        == func.coalesce(_FROM_HERE.scalar_subquery(), _NEXT_KEY.scalar_subquery()),
        SecurityKey.revoked_at.is_(None),
    )
    .order_by(SecurityKey.created_at)
)


def finish_sign_in(
    session: Session, policy: KeyPolicy, challenge_id: UUID, answer: bytes, client: str
) -> str:
    """The new session's token."""
    with _keeping():
        confirmed = _confirm(session, policy, challenge_id, "sign-in", answer)
        user = session.get_one(User, confirmed.key.user_id)
        if user.disabled_at is not None:
            raise InvalidError(_REFUSED)
    token = new_token()
    session_id = start_session(session, user, confirmed.key, token, client)
    actor = Actor(
        user_id=user.id, name=user.name, email=user.email, grants=frozenset(), session_id=session_id
    )
    audit.record(session, actor, Event.SIGNED_IN, subject_id=confirmed.key.id)
    return token


def begin_confirmation(
    session: Session,
    policy: KeyPolicy,
    actor: Actor,
    subject_id: UUID | None,
    value: bytes,
    nonce: bytes,
) -> Begun:
    """Ask the actor's own keys to sign `value`, which binds the act, in this session."""
    keys = session.scalars(
        select(SecurityKey.credential_id).where(
            SecurityKey.user_id == actor.user_id,
            SecurityKey.revoked_at.is_(None),
            SecurityKey.flagged_at.is_(None),
        )
    ).all()
    challenge = _new_challenge(
        session,
        "confirm",
        user_id=actor.user_id,
        session_id=actor.session_id,
        subject_id=subject_id,
        value=value,
        nonce=nonce,
    )
    return Begun(challenge.id, ceremony.sign_in_options(policy, value, allow=list(keys)))


def finish_confirmation(
    session: Session,
    policy: KeyPolicy,
    actor: Actor,
    subject_id: UUID | None,
    challenge_id: UUID,
    answer: bytes,
) -> Confirmed:
    with _keeping():
        confirmed = _confirm(session, policy, challenge_id, "confirm", answer)
        challenge = confirmed.challenge
        if (challenge.session_id, challenge.subject_id) != (actor.session_id, subject_id):
            raise InvalidError(_REFUSED)
    return confirmed


def _new_key(
    session: Session, policy: KeyPolicy, challenge: Challenge, answer: bytes
) -> EnrolledKey:
    policy = current_policy(session, policy)
    enrolled = ceremony.verify_enrolment(policy, challenge.value, answer)
    known = select(SecurityKey.id).where(SecurityKey.credential_id == enrolled.credential_id)
    if session.scalar(known):
        raise InvalidError("This key is already enrolled on this site. Use another one.")
    return enrolled


def _confirm(
    session: Session, policy: KeyPolicy, challenge_id: UUID, purpose: str, answer: bytes
) -> Confirmed:
    challenge = _take_challenge(session, challenge_id, purpose)
    key = session.scalar(
        select(SecurityKey).where(
            SecurityKey.credential_id == ceremony.credential_id_of(answer),
            SecurityKey.revoked_at.is_(None),
        )
    )
    if key is None or challenge.user_id is None or key.user_id != challenge.user_id:
        raise InvalidError(_REFUSED)
    stored = StoredKey(
        credential_id=key.credential_id,
        public_key=key.public_key,
        sign_count=key.sign_count,
        aaguid=key.aaguid,
        backup_eligible=key.backup_eligible,
        user_id=key.user_id.bytes,
    )
    policy = current_policy(session, policy)
    try:
        assertion = ceremony.verify_assertion(policy, challenge.value, answer, stored)
    except CounterFellError:
        # Its signature was good, so this is no stranger's forgery: it may be a copied key.
        _flag(session, key)
        raise
    if key.flagged_at is not None:
        raise InvalidError(_FLAGGED)
    _move_counter(session, key, assertion.new_sign_count)
    return Confirmed(key, assertion, challenge)


def _flag(session: Session, key: SecurityKey) -> None:
    """Lock the key and end its sessions, for one of them may be the copy's."""
    audit.record(session, None, Event.KEY_FLAGGED, subject_id=key.id)
    if key.flagged_at is None:
        key.flagged_at = clock.now()
    end_sessions_of_key(session, key.id)


def _move_counter(session: Session, key: SecurityKey, new_count: int) -> None:
    """Of two answers with one counter, given at the same time, only one wins."""
    done = session.execute(
        update(SecurityKey)
        .where(SecurityKey.id == key.id, SecurityKey.sign_count == key.sign_count)
        .values(sign_count=new_count, last_used_at=clock.now())
    )
    if not _is_one(done):
        raise InvalidError(_REFUSED)


def _new_challenge(session: Session, purpose: str, **values: Any) -> Challenge:
    now = clock.now()
    session.execute(delete(Challenge).where(Challenge.expires_at < now))
    values.setdefault("value", secrets.token_bytes(32))
    challenge = Challenge(purpose=purpose, expires_at=now + CHALLENGE_LASTS, **values)
    session.add(challenge)
    session.flush()
    return challenge


@contextmanager
def _keeping() -> Iterator[None]:
    """Errors inside keep what was changed so far: a refused answer uses its challenge up too."""
    try:
        yield
    except CpmsError as error:
        error.keeps_changes = True
        raise


def _take_challenge(session: Session, challenge_id: UUID, purpose: str) -> Challenge:
    """The challenge, once: of two answers given at the same time only one finds it."""
    challenge = session.get(Challenge, challenge_id)
    if challenge is None:
        raise InvalidError(_LATE)
    session.expunge(challenge)
    taken = session.execute(delete(Challenge).where(Challenge.id == challenge_id))
    if not _is_one(taken) or challenge.purpose != purpose or challenge.expires_at <= clock.now():
        raise InvalidError(_LATE)
    return challenge


def _use_up(session: Session, link: AccountLink) -> None:
    """One link enrols one key, also if two answers arrive at the same time."""
    used = session.execute(
        update(AccountLink)
        .where(AccountLink.id == link.id, AccountLink.used_at.is_(None))
        .values(used_at=clock.now())
    )
    if not _is_one(used):
        raise InvalidError(_LATE)


def _is_one(result: Result[Any]) -> bool:
    return cast("CursorResult[Any]", result).rowcount == 1
