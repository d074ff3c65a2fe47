"""Invite people, let them enrol a security key, sign them in.

A mailed or printed link only *starts* an enrolment. It is useless without the short code that the
inviter passes on by another way, and it never signs anyone in.
"""

from datetime import timedelta
from uuid import UUID

from msgspec import Struct
from sqlalchemy import ColumnElement, delete, exists, select, update
from sqlalchemy.orm import Session

from cpms_core import audit
from cpms_core.access import Subject, ensure
from cpms_core.actor import Actor, Grant, Role
from cpms_core.audit import Event
from cpms_core.clock import clock
from cpms_core.errors import InvalidError, NotFoundError
from cpms_core.identity.access_requests import OPEN
from cpms_core.identity.managing import (
    add_grant,
    ensure_grantable,
    ensure_not_last_admin,
    ensure_over,
    grants_with,
    managed_user,
)
from cpms_core.identity.models import (
    AccessRequest,
    AccountLink,
    FederatedIdentity,
    RoleGrant,
    SecurityKey,
    User,
)
from cpms_core.identity.sessions import end_all_sessions
from cpms_core.identity.spelling import normal_email, normal_name
from cpms_core.identity.tokens import code_digest, code_matches, new_code, new_token, token_digest
from cpms_core.keys import SiteKey

LINK_LASTS = timedelta(hours=72)
_MAX_WRONG_CODES = 5


class NewPerson(Struct, frozen=True, kw_only=True):
    email: str
    name: str
    role: Role
    hcp_id: UUID | None = None
    """Where the person works."""
    ern_id: str | None = None
    specialty: str = ""


class Ticket(Struct, frozen=True):
    """Shown to the inviter once: the link by one way, the code by another.

    Both are empty for a person who has a key already and needs no link.
    """

    user_id: UUID
    token: str
    code: str


class Invitee(Struct, frozen=True):
    """Who is meant by an address; a new account if neither is true."""

    user: User
    is_known: bool = False
    """Whether somebody has vouched for the person before."""
    has_only_joined: bool = False
    """Whether the account was made by whoever typed the address."""


def invite_person(session: Session, actor: Actor, key: SiteKey, new: NewPerson) -> Ticket:
    """Make the account if there is none, grant the role, and start the enrolment of a key.

    Somebody who has ever enrolled a key gets the role and no link: whoever holds a link can become
    its person. Who has joined by themselves and never held a role has to use a new link instead:
    anybody could have joined under this address.
    """
    ensure(actor, "people.manage", Subject(hcp_id=new.hcp_id))
    ensure_grantable(actor, Grant(new.role, new.hcp_id, new.ern_id))
    invitee = find_invitee(session, new.name, new.email, new.hcp_id, new.specialty)
    user = invitee.user
    if invitee.is_known:
        _ensure_no_guest(actor, user)
        ensure_over(actor, user)
        if not user.roles:  # until now a guest of a panel, who worked at no centre here
            user.hcp_id = new.hcp_id
    for grant in grants_with(Grant(new.role, new.hcp_id, new.ern_id)):
        add_grant(session, actor.user_id, user, grant)
    audit.record(
        session,
        actor,
        Event.PERSON_INVITED,
        subject_id=user.id,
        hcp_id=new.hcp_id,
        ern_id=new.ern_id,
        role=new.role,
    )
    return ticket_for(session, key, invitee, by=actor.user_id)


def find_invitee(
    session: Session, name: str, email: str, hcp_id: UUID | None = None, specialty: str = ""
) -> Invitee:
    """Whose address this is; the account is made if there is none, its name kept if it is known."""
    name, email = normal_name(name), normal_email(email)
    user = session.scalar(select(User).where(User.email == email))
    if user is None:
        user = User(email=email, name=name, specialty=specialty[:120], hcp_id=hcp_id)
        session.add(user)
        session.flush()
        return Invitee(user)
    if user.disabled_at:
        raise InvalidError("This person's account is disabled.", {"email": "It is disabled."})
    if user.roles or session.scalar(select(was_invited()).where(User.id == user.id)):
        return Invitee(user, is_known=True)
    # Nobody has vouched that whoever typed this address is its owner: the keys go with the ticket.
    user.name, user.hcp_id = name, hcp_id
    end_requests(session, user.id)
    return Invitee(user, has_only_joined=True)


def was_invited() -> ColumnElement[bool]:
    """For a query over people: whether somebody has ever made a link for them."""
    return exists().where(AccountLink.user_id == User.id, AccountLink.created_by.is_not(None))


def ticket_for(session: Session, key: SiteKey, invitee: Invitee, *, by: UUID) -> Ticket:
    """An empty one for somebody known who has ever enrolled a key."""
    if invitee.has_only_joined:
        return replace_keys(session, key, invitee.user, by=by)
    if invitee.user.keys:
        return Ticket(invitee.user.id, "", "")
    return new_ticket(session, key, invitee.user, created_by=by)


def _ensure_no_guest(actor: Actor, user: User) -> None:
    """A guest of a panel keeps the account: whoever had a link to it could read that case."""
    if not user.roles and Role.SYSTEM_ADMIN not in actor.roles:
        raise InvalidError(
            "This person is here as a guest already.",
            {"email": "This person has an account as a guest. Let them request access with it."},
        )


def renew_link(session: Session, actor: Actor, key: SiteKey, user_id: UUID) -> Ticket:
    """Another link for somebody who has not enrolled a key yet; one person may do it.

    Whoever has enrolled one gets a new way in by two people only: see `recovery`.
    """
    user = managed_user(session, actor, user_id)
    if user.disabled_at:
        raise InvalidError("This person's account is disabled. Let the person back in first.")
    if user.keys:
        raise InvalidError(
            "This person has enrolled a key before, so one person alone makes no link. Start to "
            "replace the keys; somebody else confirms it."
        )
    audit.record(session, actor, Event.LINK_RENEWED, subject_id=user.id, hcp_id=user.hcp_id)
    return new_ticket(session, key, user, created_by=actor.user_id)


def replace_keys(session: Session, key: SiteKey, user: User, *, by: UUID | None) -> Ticket:
    """End all keys, sessions and linked accounts, and make a link for another key.

    The caller asks who may.
    """
    session.execute(
        update(SecurityKey)
        .where(SecurityKey.user_id == user.id, SecurityKey.revoked_at.is_(None))
        .values(revoked_at=clock.now())
    )
    session.execute(delete(FederatedIdentity).where(FederatedIdentity.user_id == user.id))
    end_all_sessions(session, user.id)
    return new_ticket(session, key, user, created_by=by)


def end_requests(session: Session, user_id: UUID) -> None:
    """What was asked for under an account whose owner was not known waits for nobody."""
    session.execute(
        update(AccessRequest)
        .where(AccessRequest.user_id == user_id, AccessRequest.state.in_(OPEN))
        .values(state="withdrawn", decided_at=clock.now())
    )


def has_key(user: User) -> bool:
    """Whether the person can sign in with one."""
    return any(key.revoked_at is None and key.flagged_at is None for key in user.keys)


def new_ticket(
    session: Session, key: SiteKey, user: User, *, created_by: UUID | None, with_code: bool = True
) -> Ticket:
    """A fresh link for this person; earlier unused ones end."""
    now = clock.now()
    _end_links(session, user.id)
    token, code = new_token(), new_code() if with_code else ""
    digest = token_digest(token)
    session.add(
        AccountLink(
            user_id=user.id,
            token_hash=digest,
            code_hash=code_digest(_code_key(key), digest, code) if with_code else None,
            created_by=created_by,
            expires_at=now + LINK_LASTS,
        )
    )
    session.flush()
    return Ticket(user.id, token, code)


def first_admin(session: Session, email: str, name: str) -> User:
    """The first system administrator, made by whoever runs the server."""
    user = User(email=normal_email(email), name=normal_name(name))
    session.add(user)
    session.flush()
    session.add(RoleGrant(user_id=user.id, role=Role.SYSTEM_ADMIN))
    return user


def find_link(session: Session, token: str) -> AccountLink:
    """A link that may still be used; looking at it consumes nothing."""
    link = session.scalar(
        select(AccountLink)
        .join(User, User.id == AccountLink.user_id)
        .where(
            AccountLink.token_hash == token_digest(token),
            AccountLink.used_at.is_(None),
            AccountLink.expires_at > clock.now(),
            User.disabled_at.is_(None),
        )
    )
    if link is None or link.wrong_codes >= _MAX_WRONG_CODES:
        raise NotFoundError(
            "This link has been used, has expired or was never valid. "
            "Ask the person who invited you for a new one."
        )
    return link


def check_code(session: Session, key: SiteKey, link: AccountLink, code: str) -> bool:
    """Whether the code goes with the link; a wrong one is counted, the fifth ends the link."""
    if link.code_hash is None:
        return True
    if code_matches(_code_key(key), link.token_hash, code, link.code_hash):
        return True
    session.execute(
        update(AccountLink)
        .where(AccountLink.id == link.id)
        .values(wrong_codes=AccountLink.wrong_codes + 1)
    )
    return False


def disable_person(session: Session, actor: Actor, user_id: UUID) -> None:
    """End every session and link at once; what the person wrote stays.

    What the person leaves behind is handed over first: see `panels.seats.handover`.
    """
    user = managed_user(session, actor, user_id)
    ensure_not_last_admin(session, user)
    user.disabled_at = clock.now()
    end_all_sessions(session, user.id)
    _end_links(session, user.id)
    audit.record(session, actor, Event.PERSON_DISABLED, subject_id=user.id, hcp_id=user.hcp_id)


def enable_person(session: Session, actor: Actor, user_id: UUID) -> None:
    """Let a disabled person sign in again, with the roles and keys of before."""
    user = managed_user(session, actor, user_id)
    user.disabled_at = None
    audit.record(session, actor, Event.PERSON_ENABLED, subject_id=user.id, hcp_id=user.hcp_id)


def _end_links(session: Session, user_id: UUID) -> None:
    session.execute(
        update(AccountLink)
        .where(AccountLink.user_id == user_id, AccountLink.used_at.is_(None))
        .values(used_at=clock.now())
    )


def _code_key(key: SiteKey) -> bytes:
    return key.derive("account link code")
