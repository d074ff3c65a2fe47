"""The clock of a request or a panel in words: what was promised by when, or why it stands still.

`renewal` keeps when it is due; what each network promises stands in `promises`.
"""

from datetime import datetime, timedelta
from typing import Any, Literal

from msgspec import Struct

from cpms_core import words
from cpms_core.clock import clock
from cpms_core.panels.clock.promises import What
from cpms_core.panels.stages import ENDED, Stage

_SOON = timedelta(days=1)


class Clock(Struct, frozen=True, kw_only=True):
    """`state` is a class of the stylesheet, the words carry the meaning."""

    state: Literal["", "soon", "late", "stopped"]
    words: str
    """Complete in themselves, with a time in UTC where one is told."""
    due: datetime | None = None
    what: Literal["", "triage", "first answer", "outcome"] = ""
    """That is due then; a page shows the time as the reader's own."""

    @property
    def order(self) -> int:
        """To sort by: when it is due, in seconds; what no longer runs comes last."""
        return int(self.due.timestamp()) if self.due else 10**12


class PanelClock(Struct, frozen=True, kw_only=True):
    """What the clock of a panel is read from."""

    stage: str
    stage_at: datetime
    submitted_at: datetime
    paused_seconds: int
    first_response_at: datetime | None
    closed_at: datetime | None
    due_at: datetime | None

    def read(self) -> Clock:
        if self.stage in ENDED:
            return Clock(state="stopped", words=self._how_it_ended())
        if self.stage == Stage.DATA_COMPLETION:
            return Clock(state="stopped", words=f"stopped for {words.since(self.stage_at)}")
        return running(promised(self.stage, self.first_response_at) or "outcome", self.due_at)

    def _how_it_ended(self) -> str:
        if self.closed_at is None:
            return words.words(self.stage).lower()
        taken = (self.closed_at - self.submitted_at).total_seconds() - self.paused_seconds
        return f"closed in {words.span(max(taken, 0))}"


def request_clock(state: str, due_at: datetime | None, decided_at: datetime | None) -> Clock:
    """How long a request has been waiting for the ERN, or for its submitter."""
    if state == "submitted":
        return running("triage", due_at)
    if state == "returned" and decided_at:
        return Clock(state="stopped", words=f"stopped for {words.since(decided_at)}")
    return Clock(state="stopped", words=words.words(state).lower())


def running(what: What, due: datetime | None) -> Clock:
    """`first answer by Thu 26 Nov, 14:00`; its time is there a moment after an update at most."""
    if due is None:
        return Clock(state="", words=f"{what} waits")
    left = (due - clock.now()).total_seconds()
    if left < 0:
        return Clock(state="late", words=f"{what} late {words.span(-left)}", due=due, what=what)
    if left < _SOON.total_seconds():
        return Clock(state="soon", words=f"{what} in {words.span(left)}", due=due, what=what)
    return Clock(state="", words=f"{what} by {words.by(due)}", due=due, what=what)


def promised(stage: str, first_response_at: Any) -> What | None:
    """What a panel's clock runs for; None while it stands still."""
    if stage in ENDED or stage == Stage.DATA_COMPLETION:
        return None
    return "outcome" if first_response_at else "first answer"


def pause_so_far(stage: str, stage_at: datetime) -> int:
    """Seconds that the present stage adds to the pauses before it."""
    if stage != Stage.DATA_COMPLETION:
        return 0
    return int((clock.now() - stage_at).total_seconds())
