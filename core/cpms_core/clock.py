"""The only place that asks what time it is, so that tests can move it."""

from datetime import UTC, date, datetime, timedelta


class Clock:
    """UTC now, plus an offset that tests set."""

    def __init__(self) -> None:
        self.offset = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.offset

    def today(self) -> date:
        return self.now().date()


clock = Clock()
