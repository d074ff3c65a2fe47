"""Take a panel to its next stage: the clock, the audit event, and no step taken twice."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from cpms_core import audit
from cpms_core.actor import Actor
from cpms_core.audit import Event
from cpms_core.clock import clock
from cpms_core.errors import ConflictError, InvalidError
from cpms_core.panels.models import PanelMember
from cpms_core.panels.scope import PanelScope, change, find_panel, is_in_time
from cpms_core.panels.stages import ENDED, LEAD_MOVES, Stage, pause_so_far, title


def move_stage(session: Session, actor: Actor, panel_id: UUID, to: str, seen: int) -> None:
    """The lead's own step between selection, data completion and assessment."""
    scope = find_panel(session, actor, panel_id, "panel.steer")
    here = Stage(scope.panel.stage)
    if to not in LEAD_MOVES.get(here, frozenset()):
        raise ConflictError(
            f"This panel is in the stage “{title(here)}”; from there this step is not possible."
        )
    if here is Stage.PANEL_SELECTION and not has_acceptance(session, panel_id):
        raise InvalidError("Wait until one of the invited experts has accepted.")
    go(session, actor, scope, Stage(to), seen)


def go(
    session: Session, actor: Actor, scope: PanelScope, to: Stage, seen: int | None = None
) -> None:
    """Change the stage; `seen` is the panel's version the decision was made on."""
    panel, request = scope.panel, scope.request
    before = panel.stage
    pause = pause_so_far(before, panel.stage_at)
    if pause:
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


def has_acceptance(session: Session, panel_id: UUID) -> bool:
    """Whether anybody but the lead has accepted."""
    return bool(
        session.scalar(
            select(PanelMember.id)
            .where(
                PanelMember.panel_id == panel_id,
                PanelMember.state == "accepted",
                PanelMember.role != "lead",
                is_in_time(),
            )
            .limit(1)
        )
    )


def ensure_open(scope: PanelScope) -> None:
    """Refuse what changes a panel that has ended."""
    stage = Stage(scope.panel.stage)
    if stage in ENDED:
        raise ConflictError(
            f"This panel is {title(stage).lower()}, so it no longer changes. "
            "What you wrote was not kept; copy it if you need it elsewhere."
        )
