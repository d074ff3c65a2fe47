"""Keep in the store when each running clock is due, so that lists sort and count by it.

Whatever moves a clock asks here: a step of a consultation, the first answer, other promises of the
network.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, case, func, null, select, update
from sqlalchemy.orm import Session

from cpms_core.clock import clock
from cpms_core.directory.models import Ern
from cpms_core.panels.clock.clocks import promised
from cpms_core.panels.clock.promises import What, counted_from, promises_for
from cpms_core.panels.models import ConsultationRequest, Panel, PanelErn
from cpms_core.panels.stages import ENDED, Stage

_ENDED = [str(stage) for stage in ENDED]
_STILL = [*_ENDED, str(Stage.DATA_COMPLETION)]
"""Stages whose clock does not run."""
_AT_ONCE = 500


def renew_request(session: Session, request: ConsultationRequest) -> None:
    """After it was sent, decided or sent again."""
    session.flush()
    _renew_requests(session, ConsultationRequest.id == request.id)
    session.refresh(request)


def renew_panel(session: Session, panel: Panel) -> None:
    """After its stage changed, it was answered for the first time, or another ERN shares it."""
    session.flush()
    _renew_panels(session, Panel.id == panel.id)
    session.refresh(panel)


def move_clock(panel: Panel, before: str, pause: int) -> None:
    """At a step of a reopened panel: it begins anew, and a wait for the submitter moves that.

    `before` is the stage it comes from, `pause` how long it has waited there, in seconds.
    """
    if before in ENDED and panel.stage not in ENDED:
        panel.counted_from = clock.now()
    elif panel.counted_from:
        panel.counted_from += timedelta(seconds=pause)


def renew_network(session: Session, ern: Ern) -> int:
    """After its promises or its calendar changed: every running clock of it; how many."""
    session.flush()
    return _renew_running(session, ConsultationRequest.ern_id == ern.id, Panel.ern_id == ern.id)


def renew_missing(session: Session) -> int:
    """Clocks that run and have no time yet, as after an update from a version without them.

    Some at a time, so that nobody waits for the store meanwhile.
    """
    return _renew_running(
        session, ConsultationRequest.due_at.is_(None), Panel.due_at.is_(None), _AT_ONCE
    )


def _renew_running(
    session: Session,
    of_requests: ColumnElement[bool],
    of_panels: ColumnElement[bool],
    most: int | None = None,
) -> int:
    requests = _renew_requests(
        session, ConsultationRequest.state == "submitted", of_requests, most=most
    )
    return requests + _renew_panels(session, Panel.stage.not_in(_STILL), of_panels, most=most)


def _renew_requests(session: Session, *where: ColumnElement[bool], most: int | None = None) -> int:
    request = ConsultationRequest
    rows = session.execute(
        select(
            *(request.id, request.ern_id, request.state, request.urgency),
            *(request.submitted_at, request.paused_seconds, request.escalated),
        )
        .where(*where)
        .limit(most)
    ).all()
    if rows:
        session.execute(update(request), [_request_values(session, row) for row in rows])
    return len(rows)


def _renew_panels(session: Session, *where: ColumnElement[bool], most: int | None = None) -> int:
    request = ConsultationRequest
    rows = session.execute(
        select(
            *(Panel.id, Panel.ern_id, Panel.stage, Panel.first_response_at, Panel.counted_from),
            *(Panel.escalated, request.urgency, request.submitted_at, request.paused_seconds),
        )
        .join(request, request.id == Panel.request_id)
        .where(*where)
        .limit(most)
    ).all()
    if rows:
        session.execute(update(Panel), [_panel_values(session, row) for row in rows])
        _copy_to_networks(session, [row.id for row in rows])
    return len(rows)


def _request_values(session: Session, row: Any) -> dict[str, Any]:
    is_waiting = row.state == "submitted"
    due = _due(session, row, "triage", counted_from(row)) if is_waiting else None
    return _values(row, due)


def _panel_values(session: Session, row: Any) -> dict[str, Any]:
    what = promised(row.stage, row.first_response_at)
    due = _due(session, row, what, row.counted_from or counted_from(row)) if what else None
    return _values(row, due)


def _values(row: Any, due: datetime | None) -> dict[str, Any]:
    """What is late no more is told anew when it is late again."""
    is_late = due is not None and due <= clock.now()
    return {"id": row.id, "due_at": due, "escalated": row.escalated if is_late else 0}


def _due(session: Session, row: Any, what: What, since: datetime) -> datetime:
    return promises_for(session, row.ern_id).due(what, row.urgency, since)


def _copy_to_networks(session: Session, panel_ids: Sequence[UUID]) -> None:
    # Archiving does not end a panel again.
    ended = func.coalesce(PanelErn.ended_at, Panel.stage_at)
    ended_at = case((Panel.stage.in_(_ENDED), ended), else_=null())
    its_panel = Panel.id == PanelErn.panel_id
    session.execute(
        update(PanelErn)
        .where(PanelErn.panel_id.in_(panel_ids))
        .values(
            due_at=select(Panel.due_at).where(its_panel).scalar_subquery(),
            ended_at=select(ended_at).where(its_panel).scalar_subquery(),
        )
        .execution_options(synchronize_session=False)
    )
