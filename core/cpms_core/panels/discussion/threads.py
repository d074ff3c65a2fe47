"""Contributions as a discussion shows them: each with its replies, its terms, and what is new."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from msgspec import Struct
from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from cpms_core.directory.models import Hcp
from cpms_core.identity.models import User
from cpms_core.panels.discussion.mentions import Piece, pieces_of
from cpms_core.panels.discussion.opinion import CERTAINTIES, Opinion, opinion_of
from cpms_core.panels.models import Contribution
from cpms_core.panels.page.members import initials_of


class Reader(NamedTuple):
    """Who looks, and until when they have seen everything; None if they never looked."""

    user_id: UUID
    seen_at: datetime | None

    def finds_new(self, at: datetime, author_id: UUID | None) -> bool:
        return self.seen_at is not None and at > self.seen_at and author_id != self.user_id


class Thread(NamedTuple):
    """A contribution with its replies, by what is needed to place it."""

    id: UUID
    at: datetime
    new: int
    """How many of them the reader has not seen."""


class Threads(NamedTuple):
    some: list[Thread]
    """The newest, and those with something new; oldest first."""
    total: int
    new: int


class Said(Struct, frozen=True, kw_only=True):
    """One contribution or reply."""

    id: UUID
    kind: str
    at: datetime
    edited_at: datetime | None
    who: str
    initials: str
    behind: str
    """Specialty and place of who contributed."""
    pieces: tuple[Piece, ...]
    """Its text."""
    opinion: Opinion
    sureness: str
    is_mine: bool
    is_new: bool
    replies: tuple["Said", ...] = ()


def read_threads(
    session: Session, panel_id: UUID, reader: Reader, show: int, at: UUID | None
) -> Threads:
    """The `show` newest, everything that is new, and the one `at`: hundreds cost no more."""
    new = _count_new(session, panel_id, reader)
    placed = select(Contribution.id, Contribution.given_at).where(
        Contribution.panel_id == panel_id, Contribution.reply_to.is_(None)
    )
    newest = placed.order_by(Contribution.given_at.desc(), Contribution.id.desc()).limit(show)
    rows = list(session.execute(newest))
    known = {row.id for row in rows}
    others = {*new, *([at] if at else ())} - known
    count = len(rows)
    if count == show:
        count = session.scalar(select(func.count()).select_from(placed.subquery())) or 0
    if others:
        rows.extend(session.execute(placed.where(Contribution.id.in_(others))))
    found = [Thread(row.id, row.given_at, new.get(row.id, 0)) for row in rows]
    return Threads(sorted(found, key=lambda one: (one.at, one.id)), count, sum(new.values()))


def _count_new(session: Session, panel_id: UUID, reader: Reader) -> Mapping[UUID, int]:
    """By thread: what others have said or changed since the reader looked."""
    if reader.seen_at is None:
        return {}
    thread = func.coalesce(Contribution.reply_to, Contribution.id)
    rows = session.execute(
        select(thread, func.count())
        .where(
            Contribution.panel_id == panel_id,
            Contribution.author_id != reader.user_id,
            or_(
                Contribution.given_at > reader.seen_at,
                Contribution.edited_at > reader.seen_at,
            ),
        )
        .group_by(thread)
    )
    return {row[0]: row[1] for row in rows}


def read_said(
    session: Session, ids: Iterable[UUID], names: Iterable[str], reader: Reader
) -> Mapping[UUID, Said]:
    """These contributions by id, each with its replies."""
    wanted = list(ids)
    rows = session.execute(
        select(
            *(Contribution.id, Contribution.author_id, Contribution.text, Contribution.body),
            *(Contribution.certainty, Contribution.kind, Contribution.reply_to),
            *(Contribution.given_at, Contribution.edited_at),
            *(User.name, User.specialty, Hcp.city),
        )
        .join(User, User.id == Contribution.author_id)
        .outerjoin(Hcp, Hcp.id == User.hcp_id)
        .where(or_(Contribution.id.in_(wanted), Contribution.reply_to.in_(wanted)))
        .order_by(Contribution.given_at, Contribution.id)
    ).all()
    known = tuple(names)
    replies: dict[UUID, list[Said]] = {}
    for row in rows:
        if row.reply_to is not None:
            replies.setdefault(row.reply_to, []).append(_said(row, known, reader))
    return {
        row.id: _said(row, known, reader, tuple(replies.get(row.id, ())))
        for row in rows
        if row.reply_to is None
    }


def _said(row: Any, names: tuple[str, ...], reader: Reader, replies: tuple[Said, ...] = ()) -> Said:
    return Said(
        id=row.id,
        kind=row.kind,
        at=row.given_at,
        edited_at=row.edited_at,
        who=row.name,
        initials=initials_of(row.name),
        behind=", ".join(filter(None, (row.specialty, row.city))),
        pieces=pieces_of(row.text, names),
        opinion=opinion_of(row),
        sureness=CERTAINTIES.get(row.certainty, ""),
        is_mine=row.author_id == reader.user_id,
        is_new=reader.finds_new(row.edited_at or row.given_at, row.author_id),
        replies=replies,
    )
