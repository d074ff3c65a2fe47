"""What the reports measure of a panel, and how they sum it up. Times are days.

The definitions are the networks' own: the first answer counts from the submission, the outcome too
but without the time the panel waited for the submitter, and a panel counts as reviewed when it is
closed and at least two people beside the submitter have contributed.
"""

import math
from collections.abc import Iterable, Sequence
from datetime import datetime
from statistics import median

from cpms_core import PanelTimes

ENOUGH = 2
"""Contributors that make a closed panel count as reviewed."""

_DAY = 86_400
_DECIMALS = 4  # nine seconds
_NINE_IN_TEN = 0.9


def days_to_triage(panel: PanelTimes) -> float | None:
    return _days(panel.submitted_at, panel.triaged_at)


def days_to_answer(panel: PanelTimes) -> float | None:
    return _days(panel.submitted_at, panel.first_response_at)


def days_to_outcome(panel: PanelTimes) -> float | None:
    return _days(panel.submitted_at, panel.closed_at, panel.paused_seconds)


def days_waited(panel: PanelTimes) -> float | None:
    """How long the panel waited for its submitter; None if it never did."""
    return round(panel.paused_seconds / _DAY, _DECIMALS) if panel.paused_seconds else None


def days_open(panel: PanelTimes, now: datetime) -> float:
    return _days(panel.submitted_at, now) or 0.0


def is_closed(panel: PanelTimes) -> bool:
    """A panel may be archived after it was closed; it stays a closed one."""
    return panel.closed_at is not None


def is_open(panel: PanelTimes) -> bool:
    return not is_closed(panel) and panel.stage not in {"archived", "withdrawn"}


def is_reviewed(panel: PanelTimes) -> bool:
    return is_closed(panel) and panel.contributors >= ENOUGH


def middle(values: Iterable[float | None]) -> float | None:
    """The median of those that are known."""
    known = _known(values)
    return round(median(known), _DECIMALS) if known else None


def nine_in_ten(values: Iterable[float | None]) -> float | None:
    """The 90th percentile as one of the values: nine in ten took at most this long."""
    known = _known(values)
    return known[math.ceil(_NINE_IN_TEN * len(known)) - 1] if known else None


def share(part: int, whole: int) -> float | None:
    """In percent; None of nothing."""
    return round(100 * part / whole, 1) if whole else None


def _known(values: Iterable[float | None]) -> Sequence[float]:
    return sorted(value for value in values if value is not None)


def _days(start: datetime, end: datetime | None, pause: int = 0) -> float | None:
    if end is None:
        return None
    seconds = (end - start).total_seconds() - pause
    return round(max(seconds, 0.0) / _DAY, _DECIMALS)
