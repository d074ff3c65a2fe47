"""What happens on a panel while somebody looks at it: what an open page is told of."""

from datetime import datetime
from typing import Final
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import select
from sqlalchemy.orm import Session

from cpms_core.actor import Actor
from cpms_core.answers import Live
from cpms_core.audit import LATE_BY, AuditEvent, Event
from cpms_core.db import first_id_of
from cpms_core.errors import CpmsError
from cpms_core.identity.sessions import grants_of
from cpms_core.panels.discussion.threads import Said
from cpms_core.panels.discussion.timeline import TOLD, Entry, Timeline
from cpms_core.panels.scope import find_panel

TELLS: Final = frozenset(
    str(event)
    for event in (
        *TOLD,
        *(Event.CONTRIBUTED, Event.CONTRIBUTION_CHANGED),
        *(Event.QUESTION_ASKED, Event.QUESTION_WAITED_FOR),
        *(Event.QUESTION_ANSWERED, Event.QUESTION_TAKEN_BACK),
    )
)


def watch_panel(session: Session, actor: Actor, panel_id: UUID, since: datetime) -> Live:
    """Signs of what is newer than the page that the reader has, which was made at `since`."""
    scope = find_panel(session, actor, panel_id, "case.read")
    ern_id = scope.panel.ern_id
    rows = session.execute(
        select(AuditEvent.id, AuditEvent.actor_id, AuditEvent.ern_id).where(
            AuditEvent.case_id == scope.case.id,
            AuditEvent.id >= first_id_of(since - LATE_BY),
            AuditEvent.tag.in_(TELLS),
        )
    ).all()
    # What others began before may have been committed after; the own page has the own acts.
    unseen = [
        row
        for row in rows
        if row.ern_id in {None, ern_id}
        and (row.id >= first_id_of(since) or row.actor_id != actor.user_id)
    ]
    return Live(
        case_id=scope.case.id,
        patient_id=scope.case.patient_id,
        tells=TELLS,
        erns=frozenset({ern_id}),
        still_may=lambda later: _still_reads(later, actor, panel_id),
        seen=frozenset(row.id for row in rows),
        is_behind=bool(unseen),
    )


def _still_reads(session: Session, actor: Actor, panel_id: UUID) -> bool:
    """With the roles of now."""
    now = replace(actor, grants=grants_of(session, actor.user_id))
    try:
        find_panel(session, now, panel_id, "case.read")
    except CpmsError:
        return False
    return True


class News(Struct, frozen=True, kw_only=True):
    """An entry that is new, or has changed, since a page was made."""

    entry: Entry
    what: str
    """contribution, reply, question, step."""
    who: str
    changed_at: datetime


def newer(timeline: Timeline, since: datetime) -> tuple[News, ...]:
    """Some of it the page may have: what was begun before it may have been committed after it."""
    found = (_news(entry) for entry in timeline.entries)
    return tuple(one for one in found if one.changed_at >= since - LATE_BY)


def _news(entry: Entry) -> News:
    """By the newest of it: the entry itself, a change of it, or a reply."""
    if entry.said is None:
        what = "question" if entry.id.startswith(("q-", "a-")) else "step"
        return News(entry=entry, what=what, who=entry.who, changed_at=entry.at)
    newest = max((entry.said, *entry.said.replies), key=_changed_at)
    return News(
        entry=entry,
        what="contribution" if newest is entry.said else "reply",
        who=newest.who,
        changed_at=_changed_at(newest),
    )


def _changed_at(said: Said) -> datetime:
    return said.edited_at or said.at
