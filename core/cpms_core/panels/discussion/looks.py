"""How far somebody has read a panel's discussion, so that what came since can be marked."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from cpms_core.actor import Actor
from cpms_core.audit import Event
from cpms_core.clock import clock
from cpms_core.panels.discussion.models import PanelLook
from cpms_core.panels.noting import note_of_panel
from cpms_core.panels.scope import find_panel


def last_look(session: Session, panel_id: UUID, user_id: UUID) -> datetime | None:
    """None for who has not looked yet."""
    return session.scalar(
        select(PanelLook.seen_at).where(
            PanelLook.panel_id == panel_id, PanelLook.user_id == user_id
        )
    )


def note_look(session: Session, actor: Actor, panel_id: UUID, shown_at: datetime) -> None:
    """All that a page showed is read. What came after the page was made stays new."""
    scope = find_panel(session, actor, panel_id, "case.read")
    until = min(shown_at, clock.now())
    look = session.get(PanelLook, (panel_id, actor.user_id))
    if look is None:
        session.add(PanelLook(panel_id=panel_id, user_id=actor.user_id, seen_at=until))
    elif look.seen_at < until:
        look.seen_at = until
    note_of_panel(session, actor, scope, Event.PANEL_SEEN)
