"""What a network promises to whoever asks, and when each part of it is due.

Counted from the submission, or from the reopening of a panel; the time a case waited for its
submitter moves the beginning, so it is counted apart.
"""

from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec
from msgspec import Struct
from sqlalchemy.orm import Session

from cpms_core.clock import clock
from cpms_core.directory.models import Ern
from cpms_core.panels.clock.working_time import Calendar

What = Literal["triage", "first answer", "outcome"]


class Promises(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What `Ern.promises` holds, as far as it is not the default.

    As JSON, for example:

    {"first_answer_urgent_hours": 12, "outcome_days": 21}
    """

    triage_hours: int = 4
    """Working hours until a request has a lead, or is returned, declined or forwarded."""
    first_answer_urgent_hours: int = 24
    first_answer_hours: int = 72
    """Hours of working days, their nights too."""
    outcome_days: int = 14
    """Days, whether worked on or not; what would be due on a free one is due on the next."""
    coordinators_after_hours: int = 24
    """Hours of working days that something is late until it is told to the next above."""


class Preview(Struct, frozen=True, kw_only=True):
    """When the parts of a request that is sent now would be due."""

    triage: datetime
    first_answer: datetime
    outcome: datetime


class NetworkPromises(Struct, frozen=True):
    """One network's promises in its own calendar."""

    promises: Promises
    calendar: Calendar

    def due(self, what: What, urgency: str, counted_from: datetime) -> datetime:
        promised = self.promises
        match what:
            case "triage":
                hours = timedelta(hours=promised.triage_hours)
                return self.calendar.after_working_hours(counted_from, hours)
            case "first answer":
                is_urgent = urgency == "urgent"
                hours = timedelta(
                    hours=promised.first_answer_urgent_hours
                    if is_urgent
                    else promised.first_answer_hours
                )
                return self.calendar.after_hours(counted_from, hours)
            case "outcome":
                return self.calendar.after_days(counted_from, promised.outcome_days)

    def preview(self, urgency: str) -> Preview:
        now = clock.now()
        return Preview(
            triage=self.due("triage", urgency, now),
            first_answer=self.due("first answer", urgency, now),
            outcome=self.due("outcome", urgency, now),
        )

    def goes_up_at(self, told: datetime) -> datetime:
        """When what is late, and was told then, is told to the next above."""
        later = timedelta(hours=self.promises.coordinators_after_hours)
        return self.calendar.after_hours(told, later)


def promises_for(session: Session, ern_id: str) -> NetworkPromises:
    return promises_of(session.get_one(Ern, ern_id))


def promises_of(ern: Ern) -> NetworkPromises:
    return read_promises(ern.promises, ern.calendar)


def counted_from(request: Any) -> datetime:
    """When a request was sent, as if it had never waited for its submitter."""
    submitted_at: datetime = request.submitted_at
    return submitted_at + timedelta(seconds=request.paused_seconds)


def read_promises(promises: dict[str, Any], calendar: dict[str, Any]) -> NetworkPromises:
    return NetworkPromises(msgspec.convert(promises, Promises), msgspec.convert(calendar, Calendar))
