"""When the submitter is asked what became of the advice, and until when."""

from collections.abc import Mapping
from datetime import date, timedelta
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from cpms_core.clock import clock
from cpms_core.panels.after.models import FollowUp
from cpms_core.panels.models import Outcome, Panel

KINDS: Mapping[str, str] = {
    "day_21": "after 21 days",
    "month_3": "after 3 months",
    "month_12": "after a year",
    "chosen": "on the day the panel chose",
}
WAITS = timedelta(days=60)
"""How long a question waits for its answer."""


def plan(session: Session, panel: Panel) -> None:
    """From today on; a question that was answered stays, all others are asked anew."""
    known = {
        one.kind: one
        for one in session.scalars(select(FollowUp).where(FollowUp.panel_id == panel.id))
    }
    for kind, due_on in _days(session, panel).items():
        found = known.get(kind)
        if found is None:
            session.add(FollowUp(panel_id=panel.id, kind=kind, due_on=due_on))
        elif found.state != "answered":
            found.due_on, found.state = due_on, "planned"
    session.flush()


def last_planned(session: Session, panel_id: UUID) -> date | None:
    """The day of the last question that is still to be asked or answered."""
    return session.scalar(
        select(func.max(FollowUp.due_on)).where(
            FollowUp.panel_id == panel_id, FollowUp.state == "planned"
        )
    )


def expire_follow_ups(session: Session) -> int:
    """End those that waited too long; how many they were."""
    ended = session.execute(
        update(FollowUp)
        .where(FollowUp.state == "planned", FollowUp.due_on < clock.today() - WAITS)
        .values(state="expired")
        .returning(FollowUp.id)
        .execution_options(synchronize_session=False)
    )
    return len(ended.all())


def asked_on(signed_on: date) -> Mapping[str, date]:
    """The days of the questions that every outcome has."""
    return {
        "day_21": signed_on + timedelta(days=21),
        "month_3": _months_later(signed_on, 3),
        "month_12": _months_later(signed_on, 12),
    }


def _days(session: Session, panel: Panel) -> Mapping[str, date]:
    today = clock.today()
    draft = session.scalar(
        select(Outcome.draft)
        .where(Outcome.panel_id == panel.id, Outcome.state == "signed")
        .order_by(Outcome.version.desc())
        .limit(1)
    )
    chosen = draft.get("follow_up_on") if draft else None
    if chosen and date.fromisoformat(chosen) > today:
        return {**asked_on(today), "chosen": date.fromisoformat(chosen)}
    return asked_on(today)


def _months_later(day: date, months: int) -> date:
    """The same day of that month, or its last one."""
    years, month = divmod(day.month - 1 + months, 12)
    first = date(day.year + years, month + 1, 1)
    after = date(first.year + first.month // 12, first.month % 12 + 1, 1)
    return min(first.replace(day=1) + timedelta(days=day.day - 1), after - timedelta(days=1))
