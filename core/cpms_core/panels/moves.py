"""Take a step of a consultation: the state, its clock, the audit event, and no step taken twice."""

from uuid import UUID

from sqlalchemy.orm import Session

from cpms_core import audit, words
from cpms_core.actor import Actor
from cpms_core.audit import Event
from cpms_core.clock import clock
from cpms_core.errors import ConflictError
from cpms_core.panels.clock.clocks import pause_so_far
from cpms_core.panels.clock.renewal import move_clock, renew_panel, renew_request
from cpms_core.panels.scope import PanelScope, RequestScope, change, find_panel
from cpms_core.panels.stages import ENDED, Stage, title
from cpms_core.panels.steps import Step, by_hand, state_of, step


def move_stage(session: Session, actor: Actor, panel_id: UUID, to: str, seen: int) -> None:
    """The lead's own step between selection, data completion and assessment."""
    scope = find_panel(session, actor, panel_id, "panel.steer")
    here = Stage(scope.panel.stage)
    found = by_hand(here, to)
    if found is None:
        raise ConflictError(
            f"This panel is in the stage “{title(here)}”; from there this step is not possible."
        )
    take(session, actor, scope, found.key, seen=seen)


def take(
    session: Session,
    actor: Actor | None,
    scope: RequestScope | PanelScope,
    key: str,
    *,
    seen: int | None = None,
    said: str = "",
) -> None:
    """Run one step of the table; the caller has asked who may. Without an actor time takes it.

    `seen` is the row's version that the decision was made on, `said` the reason given for it.
    """
    found = step(key)
    ensure_possible(session, scope, found, said)
    if isinstance(scope, PanelScope):
        _change_stage(session, actor, scope, Stage(found.to), seen)
    else:
        _decide(session, actor, scope, found, seen, said)
    for effect in found.effects:
        effect(session, actor, scope)


def ensure_possible(
    session: Session, scope: RequestScope | PanelScope, found: Step, said: str
) -> None:
    """Refuse a step that does not start here, or whose guards are not satisfied."""
    here = state_of(scope)
    if here not in found.come_from:
        what = "panel" if isinstance(scope, PanelScope) else "request"
        raise ConflictError(
            f"This {what} is {words.words(here).lower()} in the meantime; nothing was changed."
        )
    for guard in found.guards:
        guard(session, scope, said)


def ensure_open(scope: PanelScope) -> None:
    """Refuse what changes a panel that has ended."""
    stage = Stage(scope.panel.stage)
    if stage in ENDED:
        raise ConflictError(
            f"This panel is {title(stage).lower()}, so it no longer changes. "
            "What you wrote was not kept; copy it if you need it elsewhere."
        )


def _decide(
    session: Session,
    actor: Actor | None,
    scope: RequestScope,
    found: Step,
    seen: int | None,
    said: str,
) -> None:
    request = scope.request
    change(
        session,
        request,
        request.row_version if seen is None else seen,
        state="accepted" if isinstance(found.to, Stage) else str(found.to),
        reason=said,
        decided_by=actor.user_id if actor else None,
        decided_at=clock.now(),
    )
    renew_request(session, request)
    if found.event in {Event.LEAD_NAMED, Event.PANEL_SHARED}:
        return  # told of the panel, once there is one
    audit.record(
        session,
        actor,
        found.event,
        case_id=scope.case.id,
        hcp_id=scope.case.hcp_id,
        ern_id=request.ern_id,
        subject_id=request.id,
    )


def _change_stage(
    session: Session, actor: Actor | None, scope: PanelScope, to: Stage, seen: int | None
) -> None:
    panel, request = scope.panel, scope.request
    before = panel.stage
    pause = pause_so_far(before, panel.stage_at)
    if pause and panel.closed_at is None:  # figures count to the first closing
        change(
            session,
            request,
            request.row_version,
            paused_seconds=request.paused_seconds + pause,
        )
    change(
        session,
        panel,
        panel.row_version if seen is None else seen,
        stage=str(to),
        stage_at=clock.now(),
    )
    move_clock(panel, before, pause)
    renew_panel(session, panel)
    audit.record(
        session,
        actor,
        Event.STAGE_CHANGED,
        case_id=panel.case_id,
        hcp_id=scope.case.hcp_id,
        ern_id=panel.ern_id,
        subject_id=panel.id,
        came_from=before,
        to=str(to),
    )
