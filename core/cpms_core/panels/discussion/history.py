"""One contribution by itself: to reply to it, to change it, and how it read before."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.orm import Session

from cpms_core.actor import Actor
from cpms_core.datasets import records
from cpms_core.panels.discussion.mentions import read_names
from cpms_core.panels.discussion.models import ContributionVersion
from cpms_core.panels.discussion.opinion import DATASET, opinion_of
from cpms_core.panels.discussion.scope import find_contribution
from cpms_core.panels.discussion.threads import Reader, Said, read_said
from cpms_core.panels.page.queries import note_reading
from cpms_core.panels.scope import PanelScope, find_panel


class Found(Struct, frozen=True, kw_only=True):
    scope: PanelScope
    said: Said
    names: Mapping[str, UUID]
    """Whom a reply can speak to."""
    row_version: int


class Version(Struct, frozen=True, kw_only=True):
    number: int
    written_at: datetime
    changes: tuple[records.Change, ...]
    """What it changed; for the first one all that it said."""


class History(Struct, frozen=True, kw_only=True):
    said: Said
    versions: tuple[Version, ...]
    """Newest first."""


def read_contribution(
    session: Session, actor: Actor, panel_id: UUID, contribution_id: UUID
) -> Found:
    """A contribution, or the one that it replies to; the reading is an audit event."""
    scope = find_panel(session, actor, panel_id, "case.read")
    given = find_contribution(session, scope, contribution_id)
    note_reading(session, actor, scope.request, panel_id)
    names = read_names(session, panel_id)
    top = given.reply_to or given.id
    said = read_said(session, [top], names, Reader(actor.user_id, None))[top]
    return Found(scope=scope, said=said, names=names, row_version=given.row_version)


def read_history(session: Session, actor: Actor, panel_id: UUID, contribution_id: UUID) -> History:
    found = read_contribution(session, actor, panel_id, contribution_id)
    given = find_contribution(session, found.scope, contribution_id)
    rows = session.scalars(
        select(ContributionVersion)
        .where(ContributionVersion.contribution_id == given.id)
        .order_by(ContributionVersion.written_at, ContributionVersion.id)
    ).all()
    said = [(row.written_at, records.encode(opinion_of(row))) for row in rows]
    said.append((given.edited_at or given.given_at, records.encode(opinion_of(given))))
    versions = [
        Version(
            number=place + 1,
            written_at=at,
            changes=tuple(records.diff(DATASET, said[place - 1][1] if place else None, data)),
        )
        for place, (at, data) in enumerate(said)
    ]
    everybody = [found.said, *found.said.replies]
    this = next(one for one in everybody if one.id == given.id)
    return History(said=this, versions=tuple(versions[::-1]))
