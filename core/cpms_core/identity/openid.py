"""Sign-in by OpenID Connect: a provider names an account here, and the account's key proves it.

A browser that is sent to a provider leaves a row; whatever comes back takes it out, right or wrong.
Accounts are found by what their owners linked while signed in with the key, never by an address.
Nothing here talks to a provider: that is `openid_provider`, outside every transaction.
"""

import secrets
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Literal, cast
from uuid import UUID

from msgspec import Struct
from sqlalchemy import CursorResult, delete, func, select
from sqlalchemy.orm import Session

from cpms_core import audit
from cpms_core.actor import Actor
from cpms_core.audit import Event
from cpms_core.clock import clock
from cpms_core.errors import ForbiddenError, InvalidError, NotFoundError
from cpms_core.identity import ceremonies
from cpms_core.identity.ceremonies import CHALLENGE_LASTS, Begun
from cpms_core.identity.ceremony import KeyPolicy
from cpms_core.identity.models import FederatedIdentity, OpenIdRoundTrip, User
from cpms_core.identity.openid_token import Named, OpenIdError
from cpms_core.identity.step_up import was_touched_for
from cpms_core.identity.tokens import new_token, token_digest
from cpms_core.keys import SiteKey
from cpms_core.settings import OpenIdProvider

LINK = "link an account at a sign-in provider"
LASTS = timedelta(minutes=10)
Purpose = Literal["sign_in", "link"]
_LATE = "This took too long, was used already, or began in another browser. Please start again."


class Sent(Struct, frozen=True, kw_only=True):
    """What goes with a browser that is sent to a provider."""

    state: str
    nonce: str
    code_verifier: str


class RoundTrip(Struct, frozen=True, kw_only=True):
    """A browser that came back, as it was sent."""

    provider: str
    purpose: Purpose
    browser: str
    session_id: UUID | None
    nonce: str
    code_verifier: str


def begin_round_trip(
    session: Session, provider: OpenIdProvider, browser: str, actor: Actor | None = None
) -> Sent:
    """Remember a browser by the cookie it gets; with an actor, to link an account of theirs."""
    sent = Sent(state=new_token(), nonce=new_token(), code_verifier=secrets.token_urlsafe(48))
    _keep(
        session,
        sent.state,
        browser,
        LASTS,
        provider=provider.key,
        purpose="link" if actor else "sign_in",
        session_id=actor.session_id if actor else None,
        nonce=sent.nonce,
        code_verifier=sent.code_verifier,
    )
    return sent


def take_round_trip(session: Session, state: str, browser: str) -> RoundTrip:
    """The round trip, once: InvalidError if it is gone, too old, or another browser's."""
    row = _find(session, state)
    if row is None or row.user_id is not None:
        raise InvalidError(_LATE)
    session.expunge(row)
    taken = session.execute(delete(OpenIdRoundTrip).where(OpenIdRoundTrip.id == row.id))
    is_first = cast("CursorResult[Any]", taken).rowcount == 1
    if not is_first or not _is_of(row, browser):
        error = InvalidError(_LATE)
        error.keeps_changes = True
        raise error
    return RoundTrip(
        provider=row.provider,
        purpose=cast("Purpose", row.purpose),
        browser=browser,
        session_id=row.session_id,
        nonce=row.nonce,
        code_verifier=row.code_verifier,
    )


def name_account(session: Session, provider: OpenIdProvider, trip: RoundTrip, named: Named) -> str:
    """A token that begins the key's ceremony of the account that linked this identity.

    OpenIdError if nobody here has, or the account is disabled; then nothing is stored.
    """
    identity = _identity(session, provider, named)
    user = session.get_one(User, identity.user_id) if identity else None
    if identity is None or user is None:
        raise OpenIdError("unknown")
    if user.disabled_at is not None:
        raise OpenIdError("disabled")
    identity.last_used_at = clock.now()
    token = new_token()
    _keep(
        session,
        token,
        trip.browser,
        CHALLENGE_LASTS,
        provider=provider.key,
        purpose=trip.purpose,
        nonce="",
        code_verifier="",
        user_id=user.id,
    )
    audit.record(session, None, Event.OPENID_NAMED, subject_id=user.id, provider=provider.key)
    return token


def begin_key_sign_in(
    session: Session, policy: KeyPolicy, site_key: SiteKey, token: str, browser: str
) -> Begun:
    """As if the person whom the provider named had typed the own address: only their keys do."""
    row = _find(session, token)
    if row is None or row.user_id is None or not _is_of(row, browser):
        raise InvalidError(_LATE)
    user = session.get_one(User, row.user_id)
    return ceremonies.begin_sign_in(session, policy, site_key, user.email)


def ensure_may_link(session: Session, actor: Actor) -> None:
    """Only after a touch of the key, and one for each."""
    newest = select(func.max(FederatedIdentity.linked_at)).where(
        FederatedIdentity.user_id == actor.user_id
    )
    if not was_touched_for(session, actor, LINK, since=session.scalar(newest)):
        raise ForbiddenError(
            "Linking an account needs a touch of your key, so nothing was linked. "
            "Begin again on your profile."
        )


def link_identity(
    session: Session, actor: Actor | None, provider: OpenIdProvider, trip: RoundTrip, named: Named
) -> None:
    """To the session that began it and to no other; an identity is one person's."""
    if actor is None or actor.session_id != trip.session_id:
        raise OpenIdError("session_ended")
    identity = _identity(session, provider, named)
    if identity is not None and identity.user_id != actor.user_id:
        raise OpenIdError("taken")
    if identity is None:
        identity = FederatedIdentity(
            user_id=actor.user_id, issuer=provider.issuer, subject=named.subject
        )
        session.add(identity)
        session.flush()
    audit.record(session, actor, Event.OPENID_LINKED, subject_id=identity.id, provider=provider.key)


def note_refusal(
    session: Session, actor: Actor | None, provider: OpenIdProvider, error: OpenIdError
) -> None:
    audit.record(session, actor, Event.OPENID_REFUSED, provider=provider.key, reason=error.reason)


def unlink_identity(session: Session, actor: Actor, identity_id: UUID) -> None:
    identity = session.get(FederatedIdentity, identity_id)
    if identity is None or identity.user_id != actor.user_id:
        raise NotFoundError
    session.delete(identity)
    audit.record(session, actor, Event.OPENID_UNLINKED, subject_id=identity_id)


def identities_of(session: Session, actor: Actor) -> Sequence[FederatedIdentity]:
    return session.scalars(
        select(FederatedIdentity)
        .where(FederatedIdentity.user_id == actor.user_id)
        .order_by(FederatedIdentity.linked_at)
    ).all()


def _keep(session: Session, token: str, browser: str, lasts: timedelta, **values: Any) -> None:
    now = clock.now()
    session.execute(delete(OpenIdRoundTrip).where(OpenIdRoundTrip.expires_at < now))
    session.add(
        OpenIdRoundTrip(
            state_hash=token_digest(token),
            browser_hash=token_digest(browser),
            expires_at=now + lasts,
            **values,
        )
    )
    session.flush()


def _find(session: Session, token: str) -> OpenIdRoundTrip | None:
    return session.scalar(
        select(OpenIdRoundTrip).where(OpenIdRoundTrip.state_hash == token_digest(token))
    )


def _is_of(row: OpenIdRoundTrip, browser: str) -> bool:
    return row.browser_hash == token_digest(browser) and row.expires_at > clock.now()


def _identity(session: Session, provider: OpenIdProvider, named: Named) -> FederatedIdentity | None:
    return session.scalar(
        select(FederatedIdentity).where(
            FederatedIdentity.issuer == provider.issuer,
            FederatedIdentity.subject == named.subject,
        )
    )
