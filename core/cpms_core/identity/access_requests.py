"""Ask for roles at a centre in an ERN: what the person does. Others decide, in access_decisions.

A request is submitted until it is approved, refused or withdrawn; in between it may be `asked`,
which is back with the person for an answer.
"""

from collections.abc import Iterable
from typing import Final
from uuid import UUID

from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.orm import Session

from cpms_core import audit
from cpms_core.access import Subject, may
from cpms_core.actor import ERN_ROLES, Actor, Grant, Role
from cpms_core.audit import Event
from cpms_core.clock import clock
from cpms_core.errors import ConflictError, InvalidError, NotFoundError
from cpms_core.identity.managing import grants_with
from cpms_core.identity.models import AccessRequest, User
from cpms_core.identity.sessions import grants_of
from cpms_core.words import moment

OPEN: Final = ("submitted", "asked")
PROFILES: Final = (Role.PROFESSIONAL, Role.COORDINATOR, Role.DISPATCHER, Role.RESEARCHER)
"""What can be asked for at a centre; at a country's guest access it is the guest alone."""
_ALSO_PROFESSIONAL = ERN_ROLES - {Role.RESEARCHER}
_MOST_OPEN = 20
_MAX_TEXT = 2000


class NewRequest(Struct, frozen=True, kw_only=True):
    ern_id: str
    hcp_id: UUID
    is_guest_access: bool
    """Whether hcp_id is a country's guest access: the caller knows the directory."""
    roles: frozenset[Role]
    comment: str = ""


def roles_of(chosen: Iterable[Role], *, is_guest_access: bool) -> tuple[Role, ...]:
    """What is asked for, with what belongs to it; InvalidError if it does not fit the place."""
    roles = set(chosen)
    if is_guest_access and roles == {Role.GUEST}:
        return (Role.GUEST,)
    if is_guest_access or not roles or not roles <= set(PROFILES):
        raise InvalidError("Choose a profile.", {"profile": "Choose at least one of the list."})
    if roles & _ALSO_PROFESSIONAL:
        roles.add(Role.PROFESSIONAL)
    return tuple(role for role in PROFILES if role in roles)


def submit_request(session: Session, actor: Actor, new: NewRequest) -> AccessRequest:
    """Hand it in. The same role at the same place is not asked for twice at a time."""
    roles = roles_of(new.roles, is_guest_access=new.is_guest_access)
    # Of two that come at once, the second waits here and sees the first.
    session.get_one(User, actor.user_id, with_for_update=True)
    mine = session.scalars(
        select(AccessRequest).where(
            AccessRequest.user_id == actor.user_id, AccessRequest.state.in_(OPEN)
        )
    ).all()
    if len(mine) >= _MOST_OPEN:
        raise InvalidError("So many of your requests are open that you cannot add another one.")
    asked = {
        role
        for one in mine
        if (one.ern_id, one.hcp_id) == (new.ern_id, new.hcp_id)
        for role in one.roles
    }
    if asked & set(roles):
        raise InvalidError(
            "You have asked for this here already, and the request is still open. "
            "Withdraw it first if you want to ask for something else."
        )
    request = AccessRequest(
        user_id=actor.user_id,
        ern_id=new.ern_id,
        hcp_id=new.hcp_id,
        roles=[str(role) for role in roles],
        comment=plain_text(new.comment, "comment"),
    )
    if not missing_grants(session, request):
        raise InvalidError("You hold all of this already, so there is nothing to ask for.")
    session.add(request)
    session.flush()
    note(session, actor, request, Event.ACCESS_REQUESTED)
    return request


def answer_request(
    session: Session, actor: Actor, request_id: UUID, seen: int, answer: str
) -> None:
    """Back to the deciders; question and answer stay with the comment."""
    request = _own(session, actor, request_id, seen, ("asked",))
    answer = plain_text(answer, "comment", needed="Answer what was asked.")
    request.comment += f"\n\nAsked: {request.message}\nAnswer: {answer}"
    request.state, request.message, request.decided_by = "submitted", "", None
    moved(request)
    note(session, actor, request, Event.ACCESS_ANSWERED)


def withdraw_request(session: Session, actor: Actor, request_id: UUID, seen: int) -> None:
    request = _own(session, actor, request_id, seen, OPEN)
    close_request(request, actor, "withdrawn")
    note(session, actor, request, Event.ACCESS_WITHDRAWN)


def subject_of(request: AccessRequest) -> Subject:
    return Subject(hcp_id=request.hcp_id, erns=frozenset({request.ern_id}))


def may_handle(actor: Actor, request: AccessRequest) -> bool:
    """Whether the actor endorses or decides such requests, and so may read this one."""
    subject = subject_of(request)
    return may(actor, "access.endorse", subject) or may(actor, "access.decide", subject)


def find_request(
    session: Session, actor: Actor, request_id: UUID, *, to_change: bool = False
) -> AccessRequest:
    """The actor's own request, or one the actor handles. Who changes it queues for it."""
    request = session.get(AccessRequest, request_id, with_for_update=to_change)
    if request is None or not (request.user_id == actor.user_id or may_handle(actor, request)):
        raise NotFoundError
    return request


def _own(
    session: Session, actor: Actor, request_id: UUID, seen: int, states: tuple[str, ...]
) -> AccessRequest:
    request = find_request(session, actor, request_id, to_change=True)
    if request.user_id != actor.user_id:
        raise NotFoundError
    ensure_fresh(session, request, seen, states)
    return request


def ensure_fresh(
    session: Session, request: AccessRequest, seen: int, states: tuple[str, ...]
) -> None:
    if request.row_version == seen and request.state in states:
        return
    raise ConflictError(
        f"Nothing was done, for meanwhile {_what_happened(session, request)}. "
        "Look at the request as it stands now."
    )


def _what_happened(session: Session, request: AccessRequest) -> str:
    """`the request was approved by Dr Ana Nováková (22 Nov 2026, 14:05 UTC)`."""
    was = {"asked": "sent back with a question", "submitted": "changed"}
    done = was.get(request.state, request.state)
    by, at = request.decided_by, request.decided_at
    if request.state == "submitted" and request.endorsed_at is not None:
        done, by, at = "endorsed", request.endorsed_by, request.endorsed_at
    name = session.scalar(select(User.name).where(User.id == by)) if by else None
    return (
        f"the request was {done}"
        + (f" by {name}" if name else "")
        + (f" ({moment(at)})" if at else "")
    )


def missing_grants(session: Session, request: AccessRequest) -> list[Grant]:
    """What the person does not hold of it yet."""
    held = grants_of(session, request.user_id)
    wanted = [
        grant
        for role in map(Role, request.roles)
        for grant in grants_with(Grant(role, request.hcp_id, request.ern_id))
    ]
    return [grant for grant in dict.fromkeys(wanted) if grant not in held]


def close_request(
    request: AccessRequest, actor: Actor | None, state: str, message: str = ""
) -> None:
    request.state, request.message = state, message
    request.decided_by = actor.user_id if actor else None
    request.decided_at = clock.now()
    moved(request)


def moved(request: AccessRequest) -> None:
    """It is somebody else's turn now, or over."""
    request.row_version += 1
    request.waits_since, request.reminded_at = clock.now(), None


def plain_text(text: str, field: str, needed: str = "") -> str:
    text = text.strip()
    if needed and not text:
        raise InvalidError("Some words are needed.", {field: needed})
    if len(text) > _MAX_TEXT:
        raise InvalidError("This is too long.", {field: f"Use at most {_MAX_TEXT} characters."})
    return text


def note(
    session: Session,
    actor: Actor,
    request: AccessRequest,
    event: Event,
    *,
    code: bool | None = None,
) -> None:
    audit.record(
        session,
        actor,
        event,
        subject_id=request.id,
        hcp_id=request.hcp_id,
        ern_id=request.ern_id,
        code=code,
    )
