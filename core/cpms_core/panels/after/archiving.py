"""Closing and archiving are two acts: a closed panel is archived once nothing is asked any more."""

from typing import Any
from uuid import UUID

from sqlalchemy import Select, exists, select
from sqlalchemy.orm import Session

from cpms_core.access import Subject
from cpms_core.actor import Actor
from cpms_core.errors import ConflictError
from cpms_core.panels.after.follow_up_plan import expire_follow_ups
from cpms_core.panels.after.models import FollowUp, Reopening
from cpms_core.panels.models import Panel
from cpms_core.panels.moves import take
from cpms_core.panels.scope import PanelScope, find_panel
from cpms_core.panels.stages import Stage


def archive_panel(session: Session, actor: Actor, panel_id: UUID, seen: int) -> None:
    """By a coordinator; refused while the submitter is still asked."""
    scope = find_panel(session, actor, panel_id, "panel.archive")
    take(session, actor, scope, "archive", seen=seen)


def tidy_up(session: Session) -> int:
    """What time does by itself: questions end, and panels that are done with are archived.

    Returns how many panels were archived.
    """
    expire_follow_ups(session)
    done = 0
    for panel in session.scalars(_done_with()).all():
        scope = PanelScope(panel, panel.request, panel.request.case, Subject())
        try:
            take(session, None, scope, "archive")
        except ConflictError:  # another worker was faster
            continue
        done += 1
    return done


def _done_with() -> Select[Any]:
    """Closed panels whose every question is over, and that nobody asked to reopen."""
    asked = FollowUp.panel_id == Panel.id
    return select(Panel).where(
        Panel.stage == Stage.CLOSED,
        exists().where(asked),
        ~exists().where(asked, FollowUp.state == "planned"),
        ~exists().where(Reopening.panel_id == Panel.id, Reopening.state == "asked"),
    )
