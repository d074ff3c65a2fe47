"""Away for a time: a deputy of the same centre and role sees what waits, until a day or at once.

A deputy gets no right on a panel by it and signs nothing: what a deputy does there comes from the
deputy's own roles.
"""

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Any
from uuid import UUID

from msgspec import Struct
from sqlalchemy import ColumnElement, Select, and_, exists, or_, select, update
from sqlalchemy.orm import Session

from cpms_core import audit, me
from cpms_core.actor import AT_A_CENTRE, Actor
from cpms_core.audit import Event
from cpms_core.clock import clock
from cpms_core.db import now
from cpms_core.errors import InvalidError
from cpms_core.identity.models import Deputy, RoleGrant, User

LONGEST = timedelta(days=366)


class Absence(Struct, frozen=True, kw_only=True):
    since: datetime
    until: datetime
    deputy: str
    """Who stands in, by name."""


class NewAbsence(Struct, frozen=True, kw_only=True):
    first: date
    last: date
    """Both days are away, as they begin and end in UTC."""
    deputy_id: UUID


def stands_in() -> ColumnElement[bool]:
    """For a query over deputies: whether somebody stands in now."""
    return and_(Deputy.ended_at.is_(None), Deputy.since <= now(), Deputy.until > now())


def find_absence(session: Session, actor: Actor) -> Absence | None:
    """The own absence that is or will be; at most one."""
    row = session.execute(
        select(Deputy.since, Deputy.until, User.name)
        .join(User, User.id == Deputy.deputy_id)
        .where(Deputy.user_id == actor.user_id, _is_open())
    ).first()
    return Absence(since=row[0], until=row[1], deputy=row[2]) if row else None


def possible_deputies(session: Session, actor: Actor) -> dict[UUID, str]:
    """Who holds all the actor's roles at the actor's centres; names by id."""
    own = [grant for grant in actor.grants if grant.role in AT_A_CENTRE]
    if not own:
        return {}
    held = (
        exists().where(
            RoleGrant.user_id == User.id,
            RoleGrant.role == grant.role,
            RoleGrant.hcp_id == grant.hcp_id,
            RoleGrant.revoked_at.is_(None),
        )
        for grant in own
    )
    wanted = select(User.id, User.name).where(
        *held, User.id != actor.user_id, User.disabled_at.is_(None)
    )
    return {row[0]: row[1] for row in session.execute(wanted.order_by(User.name))}


def name_deputy(session: Session, actor: Actor, new: NewAbsence) -> None:
    """From the first day to the end of the last; an absence of before ends."""
    wrong = _problems(new)
    if new.deputy_id not in possible_deputies(session, actor):
        wrong["deputy"] = "Choose somebody with your role at your centre."
    if wrong:
        raise InvalidError("Nothing was changed yet.", wrong)
    _end(session, actor.user_id)
    since = datetime.combine(new.first, time(), UTC)
    until = datetime.combine(new.last + timedelta(days=1), time(), UTC)
    session.add(
        Deputy(
            user_id=actor.user_id,
            deputy_id=new.deputy_id,
            since=since,
            until=until,
            named_by=actor.user_id,
        )
    )
    audit.record(session, actor, Event.DEPUTY_NAMED, subject_id=new.deputy_id)


def end_absence(session: Session, actor: Actor) -> None:
    """The deputy sees nothing of it from the next request on."""
    _end(session, actor.user_id)
    audit.record(session, actor, Event.DEPUTY_ENDED, subject_id=actor.user_id)


def end_deputyships(session: Session, user_id: UUID) -> None:
    """Of somebody who leaves: nobody stands in for them, and they for nobody."""
    _end(session, user_id)
    session.execute(
        update(Deputy)
        .where(Deputy.deputy_id == user_id, Deputy.ended_at.is_(None))
        .values(ended_at=clock.now())
    )


@cache
def absent_ones() -> Select[UUID, str]:
    """For Home: for whom I stand in now."""
    return (
        select(User.id, User.name)
        .join(Deputy, Deputy.user_id == User.id)
        .where(Deputy.deputy_id == me.ID, stands_in())
    )


def is_mine_now(user_id: Any) -> ColumnElement[bool]:
    """For a query with a person's id: whether it is I, or somebody for whom I stand in now."""
    absent = select(Deputy.user_id).where(Deputy.deputy_id == me.ID, stands_in())
    return or_(user_id == me.ID, user_id.in_(absent))


def _is_open() -> ColumnElement[bool]:
    return and_(Deputy.ended_at.is_(None), Deputy.until > clock.now())


def _end(session: Session, user_id: UUID) -> None:
    session.execute(
        update(Deputy).where(Deputy.user_id == user_id, _is_open()).values(ended_at=clock.now())
    )


def _problems(new: NewAbsence) -> dict[str, str]:
    wrong = {}
    if new.last < max(new.first, clock.today()):
        wrong["last"] = "Choose a day that has not passed, after the first."
    elif new.last - new.first > LONGEST:
        wrong["last"] = "An absence lasts a year at most."
    return wrong
