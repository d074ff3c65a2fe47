"""Expert groups of an ERN: people who are asked together, by one click."""

from collections.abc import Collection, Sequence
from typing import Any, cast
from uuid import UUID

from msgspec import Struct
from sqlalchemy import ColumnElement, CursorResult, delete, exists, func, or_, select, update
from sqlalchemy.orm import Session

from cpms_core import audit
from cpms_core.access import Subject, ensure
from cpms_core.actor import Actor, Role
from cpms_core.audit import Event
from cpms_core.clock import clock
from cpms_core.directory.models import (
    Country,
    ExpertGroup,
    ExpertGroupMember,
    Hcp,
    Membership,
)
from cpms_core.directory.networks import find_network
from cpms_core.directory.wording import name_problem, one_line, refuse_if
from cpms_core.errors import ConflictError, NotFoundError
from cpms_core.identity.models import RoleGrant, User

_LONGEST_NAME = 80
_MOST_MEMBERS = 100
_MOST = 1000


class GroupRow(Struct, frozen=True, kw_only=True):
    id: UUID
    name: str
    members: int


class Candidate(Struct, frozen=True, kw_only=True):
    """Somebody who is in a group or could be."""

    id: UUID
    name: str
    job_title: str
    specialty: str
    place: str
    is_member: bool
    is_active: bool
    """Whether the account is in use and still a health professional's."""


def list_groups(session: Session, ern_id: str) -> list[GroupRow]:
    """Those that have not ended, for whoever may invite to a panel of this ERN."""
    rows = session.execute(
        select(ExpertGroup.id, ExpertGroup.name, func.count(ExpertGroupMember.user_id))
        .outerjoin(ExpertGroupMember, ExpertGroupMember.group_id == ExpertGroup.id)
        .where(ExpertGroup.ern_id == ern_id, ExpertGroup.ended_at.is_(None))
        .group_by(ExpertGroup.id, ExpertGroup.name)
        .order_by(ExpertGroup.name)
    )
    return [GroupRow(id=key, name=name, members=count) for key, name, count in rows]


def read_groups(session: Session, actor: Actor, ern_id: str) -> list[GroupRow]:
    """For whoever keeps them."""
    find_network(session, actor, ern_id)
    audit.record(session, actor, Event.GROUPS_READ, ern_id=ern_id)
    return list_groups(session, ern_id)


def read_group(
    session: Session, actor: Actor, group_id: UUID
) -> tuple[ExpertGroup, tuple[Candidate, ...]]:
    """The group with everybody who is in it or could be."""
    group = _kept(session, actor, group_id)
    audit.record(session, actor, Event.GROUPS_READ, ern_id=group.ern_id, subject_id=group.id)
    return group, _candidates(session, group)


def make_group(session: Session, actor: Actor, ern_id: str, name: str) -> ExpertGroup:
    find_network(session, actor, ern_id)
    group = ExpertGroup(ern_id=ern_id, name=_new_name(session, ern_id, name, None))
    session.add(group)
    session.flush()
    _note(session, actor, Event.GROUP_MADE, group)
    return group


def change_group(
    session: Session,
    actor: Actor,
    group_id: UUID,
    seen: int,
    name: str,
    members: Collection[UUID],
) -> None:
    """Its name and its members, all at once; who is new must be a health professional in use."""
    group = _kept(session, actor, group_id)
    name = _new_name(session, group.ern_id, name, group.id)
    if len(members) > _MOST_MEMBERS:
        refuse_if({"members": f"Choose at most {_MOST_MEMBERS} people."})
    new = set(members) - set(group_members(session, group.id))
    may_join = set(session.scalars(select(User.id).where(User.id.in_(new), _is_expert())))
    if new - may_join:
        refuse_if({"members": "Choose health professionals whose accounts are in use."})
    _move(session, group, seen, name=name)
    session.execute(delete(ExpertGroupMember).where(ExpertGroupMember.group_id == group.id))
    session.add_all(ExpertGroupMember(group_id=group.id, user_id=one) for one in sorted(members))
    session.flush()
    _note(session, actor, Event.GROUP_CHANGED, group, members=len(members))


def end_group(session: Session, actor: Actor, group_id: UUID, seen: int) -> str:
    """It is no longer offered; who was invited through it stays where they are. Its ERN."""
    group = _kept(session, actor, group_id)
    _move(session, group, seen, ended_at=clock.now())
    _note(session, actor, Event.GROUP_ENDED, group)
    return group.ern_id


def group_members(session: Session, group_id: UUID) -> Sequence[UUID]:
    return session.scalars(
        select(ExpertGroupMember.user_id)
        .join(User, User.id == ExpertGroupMember.user_id)
        .where(ExpertGroupMember.group_id == group_id)
        .order_by(User.name)
    ).all()


def _candidates(session: Session, group: ExpertGroup) -> tuple[Candidate, ...]:
    """Members first, then the health professionals of the ERN's centres."""
    is_member = exists().where(
        ExpertGroupMember.group_id == group.id, ExpertGroupMember.user_id == User.id
    )
    of_ern = select(Membership.hcp_id).where(Membership.ern_id == group.ern_id)
    rows = session.execute(
        select(
            *(User.id, User.name, User.job_title, User.specialty),
            *(Hcp.city, Hcp.name.label("centre"), Country.name.label("country")),
            *(is_member.label("is_member"), _is_expert().label("is_active")),
        )
        .outerjoin(Hcp, Hcp.id == User.hcp_id)
        .outerjoin(Country, Country.id == Hcp.country_id)
        .where(or_(is_member, _is_expert() & User.hcp_id.in_(of_ern)))
        .order_by(is_member.desc(), User.name)
        .limit(_MOST)
    )
    return tuple(
        Candidate(
            id=row.id,
            name=row.name,
            job_title=row.job_title,
            specialty=row.specialty,
            place=", ".join(filter(None, (row.city or row.centre, row.country))),
            is_member=bool(row.is_member),
            is_active=bool(row.is_active),
        )
        for row in rows
    )


def _kept(session: Session, actor: Actor, group_id: UUID) -> ExpertGroup:
    group = session.get(ExpertGroup, group_id)
    if group is None:
        raise NotFoundError
    subject = Subject(erns=frozenset({group.ern_id}))
    ensure(actor, "network.configure", subject, visible=False)
    if group.ended_at is not None:
        raise NotFoundError("This expert group has been ended.")
    return group


def _new_name(session: Session, ern_id: str, name: str, own_id: UUID | None) -> str:
    same = select(ExpertGroup.id).where(
        ExpertGroup.ern_id == ern_id,
        ExpertGroup.ended_at.is_(None),
        func.lower(ExpertGroup.name) == one_line(name).lower(),
        ExpertGroup.id != own_id if own_id else ExpertGroup.id.is_not(None),
    )
    problem = name_problem(name, _LONGEST_NAME)
    if problem is None and session.scalar(same.limit(1)) is not None:
        problem = "Another group of this ERN is called so."
    refuse_if({"name": problem})
    return one_line(name)


def _move(session: Session, group: ExpertGroup, seen: int, **values: Any) -> None:
    done = session.execute(
        update(ExpertGroup)
        .where(
            ExpertGroup.id == group.id,
            ExpertGroup.row_version == seen,
            ExpertGroup.ended_at.is_(None),
        )
        .values(row_version=seen + 1, **values)
        .execution_options(synchronize_session=False)
    )
    if cast("CursorResult[Any]", done).rowcount != 1:
        raise ConflictError(
            "Somebody else changed this group after you opened the page, so nothing of this step "
            "was done. Look at it as it is now, then change it again."
        )
    session.refresh(group)


def _is_expert() -> ColumnElement[bool]:
    holds = exists().where(
        RoleGrant.user_id == User.id,
        RoleGrant.role == Role.PROFESSIONAL,
        RoleGrant.revoked_at.is_(None),
    )
    return User.disabled_at.is_(None) & holds


def _note(
    session: Session, actor: Actor, event: Event, group: ExpertGroup, members: int | None = None
) -> None:
    audit.record(session, actor, event, ern_id=group.ern_id, subject_id=group.id, members=members)
