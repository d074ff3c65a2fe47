"""Panels that are late: told to their lead, then to the coordinators, once each.

Home and the panels' pages tell them; `Panel.escalated` says who was told, and is taken back when
the clock gets another time. Who sees nothing of a case any more is told nothing of it.
"""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from cpms_core import audit
from cpms_core.audit import Event
from cpms_core.cases.models import Case
from cpms_core.clock import clock
from cpms_core.panels.clock.promises import promises_for
from cpms_core.panels.models import Panel
from cpms_core.panels.scope import is_shown_to_others

LEAD, COORDINATORS = 1, 2


def escalate_panels(session: Session) -> int:
    """How many somebody was told of now."""
    to_leads = _tell(session, LEAD, Panel.due_at <= clock.now())
    return to_leads + _tell(session, COORDINATORS, Panel.id.in_(_late_for_long(session)))


def _tell(session: Session, level: int, is_late: ColumnElement[bool]) -> int:
    shown = select(Case.id).where(is_shown_to_others())
    # One statement: of two workers that come at once, the second finds nothing left.
    told = session.execute(
        update(Panel)
        .where(Panel.escalated == level - 1, is_late, Panel.case_id.in_(shown))
        .values(escalated=level)
        .returning(Panel.id, Panel.case_id, Panel.ern_id)
        .execution_options(synchronize_session=False)
    ).all()
    centres = _centres(session, {row.case_id for row in told})
    for row in told:
        audit.record(
            session,
            None,
            Event.PANEL_ESCALATED,
            case_id=row.case_id,
            hcp_id=centres[row.case_id],
            ern_id=row.ern_id,
            subject_id=row.id,
            told="lead" if level == LEAD else "coordinators",
        )
    return len(told)


def _late_for_long(session: Session) -> list[UUID]:
    """Those whose lead knows it, and has not moved them for as long as their network allows."""
    now = clock.now()
    rows = session.execute(
        select(Panel.id, Panel.ern_id, Panel.due_at).where(
            Panel.escalated == LEAD, Panel.due_at <= now
        )
    )
    return [
        row.id for row in rows if promises_for(session, row.ern_id).goes_up_at(row.due_at) <= now
    ]


def _centres(session: Session, case_ids: Collection[UUID]) -> dict[UUID, UUID]:
    rows = session.execute(select(Case.id, Case.hcp_id).where(Case.id.in_(case_ids)))
    return {row.id: row.hcp_id for row in rows}
