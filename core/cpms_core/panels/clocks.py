"""What was promised for each stage, and the clock in words.

Promises are the site's own for all ERNs until a network can declare its own.
"""

from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Literal

from msgspec import Struct

from cpms_core import words
from cpms_core.clock import clock
from cpms_core.panels.stages import ENDED, Stage


class Promise(Struct, frozen=True, kw_only=True):
    """All counted from the submission, without the time the clock stood still."""

    triage: timedelta
    first_answer: timedelta
    outcome: timedelta


PROMISES = {
    "urgent": Promise(
        triage=timedelta(hours=4), first_answer=timedelta(days=1), outcome=timedelta(days=3)
    ),
    "routine": Promise(
        triage=timedelta(days=2), first_answer=timedelta(days=7), outcome=timedelta(days=30)
    ),
}
_SOON = timedelta(days=1)


class Clock(Struct, frozen=True, kw_only=True):
    """`state` is a class of the stylesheet, the words carry the meaning."""

    state: Literal["", "soon", "late", "stopped"]
    words: str
    due: datetime | None = None

    @property
    def order(self) -> int:
        """To sort by: when it is due, in seconds; what no longer runs comes last."""
        return int(self.due.timestamp()) if self.due else 10**12


def request_clock(
    state: str,
    urgency: str,
    submitted_at: datetime,
    decided_at: datetime | None,
    paused_seconds: int,
) -> Clock:
    """How long a request has been waiting for the ERN, or for its submitter."""
    if state == "returned" and decided_at:
        return Clock(state="stopped", words=f"stopped for {words.since(decided_at)}")
    if state != "submitted":
        return Clock(state="stopped", words=words.words(state).lower())
    counted_from = submitted_at + timedelta(seconds=paused_seconds)
    due = counted_from + promise(urgency).triage
    if clock.now() > due:
        return Clock(state="late", words=f"late {words.since(due)}", due=due)
    return Clock(state="", words=f"waiting {words.since(counted_from)}", due=due)


class PanelClock(Struct, frozen=True, kw_only=True):
    """What the clock of a panel is read from."""

    stage: str
    stage_at: datetime
    urgency: str
    submitted_at: datetime
    paused_seconds: int
    first_response_at: datetime | None
    closed_at: datetime | None

    @property
    def is_late(self) -> bool:
        return self._runs and clock.now() > self._due

    @property
    def _runs(self) -> bool:
        return self.stage not in ENDED and self.stage != Stage.DATA_COMPLETION

    @property
    def _due(self) -> datetime:
        promised = promise(self.urgency)
        length = promised.outcome if self.first_response_at else promised.first_answer
        return self.submitted_at + timedelta(seconds=self.paused_seconds) + length

    def read(self) -> Clock:
        if self.closed_at:
            taken = (self.closed_at - self.submitted_at).total_seconds() - self.paused_seconds
            return Clock(state="stopped", words=f"signed in {words.span(max(taken, 0))}")
        if self.stage == Stage.DATA_COMPLETION:
            return Clock(state="stopped", words=f"stopped for {words.since(self.stage_at)}")
        if not self._runs:
            return Clock(state="stopped", words=words.words(self.stage).lower())
        what = "outcome" if self.first_response_at else "first answer"
        due, now = self._due, clock.now()
        left = (due - now).total_seconds()
        if left < 0:
            return Clock(state="late", words=f"{what} late {words.span(-left)}", due=due)
        if left < _SOON.total_seconds():
            return Clock(state="soon", words=f"{what} in {words.span(left)}", due=due)
        return Clock(state="", words=f"{what} by {_day(due.date(), now.year)}", due=due)


@lru_cache
def _day(on: date, this_year: int) -> str:
    """Without the year while it is this one."""
    return words.day(on).removesuffix(f" {this_year}")


def promise(urgency: str) -> Promise:
    return PROMISES.get(urgency, PROMISES["routine"])


def pause_so_far(stage: str, stage_at: datetime) -> int:
    """Seconds that the present stage adds to the pauses before it."""
    if stage != Stage.DATA_COMPLETION:
        return 0
    return int((clock.now() - stage_at).total_seconds())
