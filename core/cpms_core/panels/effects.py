"""What else happens with a step of a consultation, in the same transaction."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from cpms_core.actor import Actor
from cpms_core.cases.scope import end_share
from cpms_core.clock import clock
from cpms_core.panels.after.follow_up_plan import plan
from cpms_core.panels.models import ConsultationRequest, Panel
from cpms_core.panels.scope import PanelScope, RequestScope
from cpms_core.panels.stages import ENDED


def close_to_the_ern(session: Session, _actor: Actor | None, scope: RequestScope) -> None:
    """The ERN no longer sees the case."""
    end_share(session, scope.case.id, ern_id=scope.request.ern_id)


def keep_the_first_closing(session: Session, _actor: Actor | None, scope: PanelScope) -> None:
    """Figures count to the first closing, whatever comes later."""
    if scope.panel.closed_at is None:
        scope.panel.closed_at = clock.now()
        session.flush()


def close_the_case(session: Session, _actor: Actor | None, scope: PanelScope) -> None:
    """What the case holds no longer changes, unless another panel or request still needs it."""
    if not _has_other_work(session, scope):
        scope.case.closed_at = clock.now()


def open_the_case_again(_session: Session, _actor: Actor | None, scope: PanelScope) -> None:
    """The submitter can add to the case again."""
    scope.case.closed_at = None


def plan_follow_ups(session: Session, _actor: Actor | None, scope: PanelScope) -> None:
    """The submitter is asked in 21 days, 3 months and a year what became of the advice."""
    plan(session, scope.panel)


def note_the_archiving(_session: Session, _actor: Actor | None, scope: PanelScope) -> None:
    """When it was archived is kept; no figure looks at it."""
    scope.panel.archived_at = clock.now()


def _has_other_work(session: Session, scope: PanelScope) -> bool:
    panels = select(Panel.id).where(
        Panel.case_id == scope.case.id, Panel.stage.not_in([str(stage) for stage in ENDED])
    )
    requests = select(ConsultationRequest.id).where(
        ConsultationRequest.case_id == scope.case.id,
        ConsultationRequest.state.in_(("submitted", "returned")),
    )
    return bool(session.scalar(panels.limit(1)) or session.scalar(requests.limit(1)))
