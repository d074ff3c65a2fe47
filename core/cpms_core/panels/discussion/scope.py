"""Find a panel that is discussed, or a contribution of it, for an actor."""

from uuid import UUID

from sqlalchemy.orm import Session

from cpms_core.actor import Actor
from cpms_core.errors import ConflictError, ForbiddenError, NotFoundError
from cpms_core.panels.models import Contribution
from cpms_core.panels.moves import ensure_open
from cpms_core.panels.scope import PanelScope, find_panel
from cpms_core.panels.stages import DISCUSSED


def find_discussed(session: Session, actor: Actor, panel_id: UUID) -> PanelScope:
    """A panel on which this person may say something now."""
    scope = find_panel(session, actor, panel_id, "panel.contribute")
    ensure_discussed(scope)
    return scope


def ensure_discussed(scope: PanelScope) -> None:
    ensure_open(scope)
    if scope.panel.stage not in DISCUSSED:
        raise ConflictError(
            "The outcome's text is with the members now: say there whether you agree. "
            "The lead can take the text back if something must be added."
        )


def find_contribution(session: Session, scope: PanelScope, contribution_id: UUID) -> Contribution:
    given = session.get(Contribution, contribution_id)
    if given is None or given.panel_id != scope.panel.id:
        raise NotFoundError
    return given


def find_own(
    session: Session, actor: Actor, panel_id: UUID, contribution_id: UUID
) -> tuple[PanelScope, Contribution]:
    """A contribution that its author may change now."""
    scope = find_discussed(session, actor, panel_id)
    given = find_contribution(session, scope, contribution_id)
    if given.author_id != actor.user_id:
        raise ForbiddenError("Only its author can change a contribution. Reply to it instead.")
    return scope, given
