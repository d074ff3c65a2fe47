"""Requests for access as pages show them: the own ones, and those somebody else has to handle."""

from collections.abc import Iterable
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from msgspec import Struct
from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import Session, aliased

from cpms_core import audit, me
from cpms_core.access import may
from cpms_core.actor import Actor, Role
from cpms_core.audit import Event
from cpms_core.identity.access_requests import OPEN, find_request, subject_of
from cpms_core.identity.models import AccessRequest, RoleGrant, User
from cpms_core.rows import AnyQuery

PAGE = 50


class RequestView(Struct, frozen=True, kw_only=True):
    id: UUID
    person: str
    email: str
    joined_at: datetime
    ern_id: str
    hcp_id: UUID
    roles: tuple[Role, ...]
    comment: str
    state: str
    message: str
    submitted_at: datetime
    endorser: str
    endorsed_at: datetime | None
    decider: str
    decided_at: datetime | None
    waits_since: datetime
    is_late: bool
    row_version: int
    is_own: bool = False
    may_endorse: bool = False
    may_decide: bool = False


class Queue(Struct, frozen=True, kw_only=True):
    rows: tuple[RequestView, ...]
    count: int
    page: int
    last: int


def list_my_requests(session: Session, actor: Actor) -> tuple[RequestView, ...]:
    """Newest first, whatever became of them."""
    audit.record(session, actor, Event.ACCESS_READ)
    newest = _views().where(AccessRequest.user_id == actor.user_id)
    rows = session.execute(newest.order_by(AccessRequest.submitted_at.desc()).limit(PAGE))
    return tuple(_view(row) for row in rows)


def read_request(session: Session, actor: Actor, request_id: UUID) -> RequestView:
    """With what the actor may do about it; NotFoundError if it is not the actor's to see."""
    request = find_request(session, actor, request_id)
    subject = subject_of(request)
    audit.record(
        session,
        actor,
        Event.ACCESS_READ,
        subject_id=request.id,
        hcp_id=request.hcp_id,
        ern_id=request.ern_id,
    )
    session.flush()
    is_own = request.user_id == actor.user_id
    waits = request.state == "submitted" and not is_own
    return _view(
        session.execute(_views().where(AccessRequest.id == request_id)).one(),
        is_own=is_own,
        may_endorse=waits and request.endorsed_at is None and may(actor, "access.endorse", subject),
        may_decide=waits and may(actor, "access.decide", subject),
    )


def list_queue(session: Session, actor: Actor, page: int = 1) -> Queue:
    """What waits for the actor first, the oldest on top; then what waits for its person."""
    audit.record(session, actor, Event.ACCESS_LISTED, page=page)
    where = and_(_open_for_me(), AccessRequest.state.in_(OPEN))
    values = me.values(actor)
    count = session.scalar(_count().where(where), values) or 0
    last = max(1, -(-count // PAGE))
    page = min(max(page, 1), last)
    rows = session.execute(
        _views()
        .where(where)
        .order_by(AccessRequest.state.desc(), AccessRequest.submitted_at)
        .limit(PAGE)
        .offset((page - 1) * PAGE),
        values,
    )
    return Queue(rows=tuple(_view(row) for row in rows), count=count, page=page, last=last)


def count_waiting(session: Session, actor: Actor) -> int:
    """What the actor should do something about right now."""
    return int(session.execute(waiting_requests(), me.values(actor)).one().requests)


@cache
def waiting_requests() -> AnyQuery:
    """How many I should do something about now; since when; how many have waited too long.

    A system administrator hears of those that somebody else should have decided, and of those that
    nobody else can.
    """
    mine = or_(
        _is_mine(),
        AccessRequest.reminded_at.is_not(None),
        AccessRequest.ern_id.not_in(_coordinated()),
    )
    return (
        select(
            func.count().label("requests"),
            func.min(AccessRequest.waits_since, type_=_TIME).label("since"),
            func.count(AccessRequest.reminded_at).label("late"),
        )
        .select_from(AccessRequest)
        .join(User, User.id == AccessRequest.user_id)
        .where(_open_for_me(), AccessRequest.state == "submitted", mine)
    )


@cache
def asked_back() -> AnyQuery:
    """My own requests that wait for an answer."""
    since = func.coalesce(AccessRequest.waits_since, AccessRequest.submitted_at, type_=_TIME)
    return select(
        *(AccessRequest.id, AccessRequest.message, AccessRequest.reminded_at),
        since.label("since"),
    ).where(AccessRequest.user_id == me.ID, AccessRequest.state == "asked")


def find_asked_for(session: Session, actor: Actor) -> frozenset[tuple[str, UUID]]:
    """The pairs of ERN and centre for which the actor has an open request."""
    rows = session.execute(
        select(AccessRequest.ern_id, AccessRequest.hcp_id).where(
            AccessRequest.user_id == actor.user_id, AccessRequest.state.in_(OPEN)
        )
    )
    return frozenset((row[0], row[1]) for row in rows)


def erns_without_coordinator(session: Session, ern_ids: Iterable[str]) -> frozenset[str]:
    """Those whose requests only a system administrator can decide."""
    wanted = frozenset(ern_ids)
    return wanted - set(session.scalars(_coordinated().where(RoleGrant.ern_id.in_(wanted))))


def _coordinated() -> Select[str | None]:
    """The ERNs that have a coordinator who can sign in."""
    return (
        select(RoleGrant.ern_id)
        .join(_coordinator, _coordinator.id == RoleGrant.user_id)
        .where(
            RoleGrant.role == Role.COORDINATOR,
            RoleGrant.revoked_at.is_(None),
            RoleGrant.ern_id.is_not(None),
            _coordinator.disabled_at.is_(None),
        )
    )


def _open_for_me() -> ColumnElement[bool]:
    """Of others, by people who can sign in; a system administrator's are all of them."""
    return and_(
        AccessRequest.user_id != me.ID,
        User.disabled_at.is_(None),
        or_(_is_mine(), me.IS_ADMIN),
    )


def _is_mine() -> ColumnElement[bool]:
    """A centre manager's are those to endorse, a coordinator's those of the ERN."""
    to_endorse = and_(AccessRequest.hcp_id.in_(me.MANAGED), AccessRequest.endorsed_at.is_(None))
    return or_(to_endorse, AccessRequest.ern_id.in_(me.COORDINATED))


def _count() -> Select[int]:
    return (
        select(func.count()).select_from(AccessRequest).join(User, User.id == AccessRequest.user_id)
    )


_endorser, _decider, _coordinator = aliased(User), aliased(User), aliased(User)
_TIME = AccessRequest.submitted_at.type


def _views() -> Select[AccessRequest, str, str, datetime, str, str]:
    return (
        select(
            AccessRequest,
            *(User.name, User.email, User.created_at),
            *(_endorser.name.label("endorser"), _decider.name.label("decider")),
        )
        .join(User, User.id == AccessRequest.user_id)
        .outerjoin(_endorser, _endorser.id == AccessRequest.endorsed_by)
        .outerjoin(_decider, _decider.id == AccessRequest.decided_by)
    )


def _view(row: Any, **may_do: bool) -> RequestView:
    request: AccessRequest = row[0]
    return RequestView(
        id=request.id,
        person=row.name,
        email=row.email,
        joined_at=row.created_at,
        ern_id=request.ern_id,
        hcp_id=request.hcp_id,
        roles=tuple(map(Role, request.roles)),
        comment=request.comment,
        state=request.state,
        message=request.message,
        submitted_at=request.submitted_at,
        endorser=row.endorser or "",
        endorsed_at=request.endorsed_at,
        decider=row.decider or "",
        decided_at=request.decided_at,
        waits_since=request.waits_since or request.submitted_at,
        is_late=request.reminded_at is not None and request.state in OPEN,
        row_version=request.row_version,
        **may_do,
    )
