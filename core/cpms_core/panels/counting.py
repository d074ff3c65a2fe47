"""Whether a panel will count for the networks' indicators, said while it can still be repaired."""

from msgspec import Struct
from sqlalchemy import distinct, func, select
from sqlalchemy.orm import Session

from cpms_core.access import may
from cpms_core.actor import Actor
from cpms_core.panels.models import Contribution
from cpms_core.panels.scope import PanelScope
from cpms_core.panels.stages import Stage

FEWEST = 2
"""Distinct members other than the submitter who contributed."""
_LAST = frozenset({Stage.OUTCOME, Stage.SIGN_OFF, Stage.ANSWERED})
"""Before them it goes without saying that more opinions are to come."""


class Repair(Struct, frozen=True, kw_only=True):
    """What is missing, and whether the reader can do something about it."""

    words: str
    how: str
    may_invite: bool


def what_it_needs(session: Session, actor: Actor, scope: PanelScope) -> Repair | None:
    """None if it counts already, or can no longer be repaired."""
    if scope.panel.stage not in _LAST or not may(actor, "panel.invite", scope.subject):
        return None
    missing = FEWEST - count_voices(session, scope)
    if missing <= 0:
        return None
    said = "One more contributor is" if missing == 1 else f"{missing} contributors are"
    is_asked = scope.panel.stage == Stage.SIGN_OFF
    return Repair(
        words=f"{said} needed for this panel to count for the network's indicators.",
        how="Take the text back first: while the members are asked about it, nobody contributes."
        if is_asked
        else "Whoever asked does not count, nor do observers who only read.",
        may_invite=not is_asked,
    )


def count_voices(session: Session, scope: PanelScope) -> int:
    """As the networks' indicators count them."""
    counted = select(func.count(distinct(Contribution.author_id))).where(
        Contribution.panel_id == scope.panel.id,
        Contribution.author_id != scope.request.submitted_by,
    )
    return session.scalar(counted) or 0
