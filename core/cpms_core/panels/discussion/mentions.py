"""Members who are spoken to by name: `@` and the name as the panel's list has it."""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from cpms_core.identity.models import User
from cpms_core.panels.discussion.models import Mention
from cpms_core.panels.models import Contribution, PanelMember
from cpms_core.panels.scope import is_seated

Piece = tuple[str, bool]
"""A stretch of text, and whether it names a member."""


def read_names(session: Session, panel_id: UUID) -> Mapping[str, UUID]:
    """Whom a contribution to this panel can speak to. Of two with one name, none."""
    rows = session.execute(
        select(User.name, User.id)
        .join(PanelMember, PanelMember.user_id == User.id)
        .where(PanelMember.panel_id == panel_id, is_seated())
        .order_by(User.name)
    ).all()
    names = [row.name for row in rows]
    return {row.name: row.id for row in rows if names.count(row.name) == 1}


def keep_mentions(session: Session, given: Contribution) -> None:
    """Those whom the text names; who stays named keeps the time of the first mention."""
    names = read_names(session, given.panel_id)
    named = {names[name] for name in named_in(given.text, names)} - {given.author_id}
    of_it = Mention.contribution_id == given.id
    before = set(session.scalars(select(Mention.user_id).where(of_it)))
    session.execute(delete(Mention).where(of_it, Mention.user_id.not_in(named)))
    for user_id in named - before:
        session.add(Mention(contribution_id=given.id, user_id=user_id))
    session.flush()


def named_in(text: str, names: Iterable[str]) -> set[str]:
    return {piece[1:] for piece, is_name in pieces_of(text, names) if is_name}


def pieces_of(text: str, names: Iterable[str]) -> tuple[Piece, ...]:
    """The text cut before and after each `@Name` of the list."""
    if "@" not in text:
        return ((text, False),) if text else ()
    parts = _pattern(tuple(names)).split(text)
    return tuple((part, place % 2 == 1) for place, part in enumerate(parts) if part)


@lru_cache(maxsize=256)
def _pattern(names: tuple[str, ...]) -> re.Pattern[str]:
    """The longest name first: `@Dr Ann Leroy` is not `@Dr Ann`."""
    longest_first = sorted(names, key=len, reverse=True)
    some = "|".join(map(re.escape, longest_first)) or r"(?!)"
    return re.compile(rf"(@(?:{some})(?!\w))")
