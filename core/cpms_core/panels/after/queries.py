"""What the page of an outcome shows of what comes after it, and who may do what there."""

from datetime import date
from uuid import UUID

from msgspec import Struct
from sqlalchemy.orm import Session

from cpms_core.access import may
from cpms_core.actor import Actor
from cpms_core.panels.after.follow_up import FollowUpPart, read_follow_up
from cpms_core.panels.after.follow_up_plan import last_planned
from cpms_core.panels.after.reopening import Asking, read_reopenings
from cpms_core.panels.counting import Repair, what_it_needs
from cpms_core.panels.outcome.versions import newest_outcome, newest_signed
from cpms_core.panels.scope import find_panel
from cpms_core.panels.stages import Stage

_ASKED = ("panel.ask_to_reopen", "panel.reopen", "panel.archive", "panel.steer")


class AfterPart(Struct, frozen=True, kw_only=True):
    stage: str
    row_version: int
    """The panel's."""
    closing_note: str
    """How a panel of the quick workflow ended."""
    may: frozenset[str]
    follow_up: FollowUpPart | None
    """None for whom the outcome is not open to."""
    reopenings: tuple[Asking, ...]
    """Newest first."""
    asked: Asking | None
    """The one that waits for a decision."""
    archived_on: date | None
    waits_until: date | None
    """The last day on which the submitter is asked something; until then it is not archived."""
    is_amended_now: bool
    """Whether a next version is drafted or with the members."""
    amended_because: str
    repair: Repair | None


def read_after(session: Session, actor: Actor, panel_id: UUID) -> AfterPart:
    """Without an event of its own: it is a part of pages that have theirs."""
    scope = find_panel(session, actor, panel_id, "case.summary")
    panel = scope.panel
    reads = may(actor, "outcome.read", scope.subject)
    reopenings = tuple(read_reopenings(session, panel_id)) if reads else ()
    newest = newest_outcome(session, panel_id)
    is_amended_now = (
        newest is not None
        and newest.state in {"draft", "sign_off"}
        and newest_signed(session, panel_id) is not None
    )
    return AfterPart(
        stage=panel.stage,
        row_version=panel.row_version,
        closing_note=panel.closing_note,
        may=frozenset(one for one in _ASKED if may(actor, one, scope.subject)),
        follow_up=read_follow_up(session, actor, panel_id) if reads else None,
        reopenings=reopenings,
        asked=next((one for one in reopenings if one.state == "asked"), None),
        archived_on=panel.archived_at.date() if panel.archived_at else None,
        waits_until=last_planned(session, panel_id) if panel.stage == Stage.CLOSED else None,
        is_amended_now=is_amended_now,
        amended_because=newest.reason if newest and is_amended_now else "",
        repair=what_it_needs(session, actor, scope),
    )
