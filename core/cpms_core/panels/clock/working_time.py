"""When a network works: its days and hours, in its zone, without its holidays."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from msgspec import Struct

_DAY = timedelta(days=1)
_MIDNIGHT = time()


class Calendar(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What `Ern.calendar` holds, as far as it is not the default.

    As JSON, for example:

    {"zone": "Europe/Paris", "opens": "08:30:00", "days": [1, 2, 3, 4], "country": "FR",
     "holidays": ["2026-12-24"]}
    """

    zone: str = "Europe/Brussels"
    """An IANA name."""
    opens: time = time(9)
    closes: time = time(17)
    days: tuple[int, ...] = (1, 2, 3, 4, 5)
    """Of the week that are worked on; 1 is Monday. Never none."""
    country: str = ""
    """ISO 3166-1 alpha-2: whose public holidays count; none of any country if it is empty."""
    holidays: tuple[date, ...] = ()
    """Its own, besides."""

    def works_on(self, day: date) -> bool:
        if day.isoweekday() not in self.days or day in self.holidays:
            return False
        return day not in public_holidays(self.country, day.year)

    def after_working_hours(self, start: datetime, length: timedelta) -> datetime:
        """When so much time has passed between opening and closing."""
        return self._after(start, length, self.opens, self.closes)

    def after_hours(self, start: datetime, length: timedelta) -> datetime:
        """When so much time has passed on working days, their nights too."""
        return self._after(start, length, _MIDNIGHT, _MIDNIGHT)

    def after_days(self, start: datetime, days: int) -> datetime:
        """The same time so many days later; a working day after it if that is none."""
        local = start.astimezone(ZoneInfo(self.zone)) + days * _DAY
        while not self.works_on(local.date()):
            local += _DAY
        return local.astimezone(UTC)

    def _after(self, start: datetime, length: timedelta, opens: time, closes: time) -> datetime:
        left = length
        for begins, ends in self._spans(start, opens, closes):
            since = max(start, begins)
            if since < ends:
                if left <= ends - since:
                    return since + left
                left -= ends - since
        raise AssertionError("there is always another working day")

    def _spans(
        self, start: datetime, opens: time, closes: time
    ) -> Iterator[tuple[datetime, datetime]]:
        """From one time to the other on each working day, in UTC; midnight closes the day."""
        zone = ZoneInfo(self.zone)
        day = start.astimezone(zone).date()
        while True:
            if self.works_on(day):
                last = day if closes > opens else day + _DAY
                yield (
                    datetime.combine(day, opens, zone).astimezone(UTC),
                    datetime.combine(last, closes, zone).astimezone(UTC),
                )
            day += _DAY


@lru_cache(maxsize=400)
def public_holidays(country: str, year: int) -> frozenset[date]:
    """A country's, those of all of it; none for a country that is not known."""
    if not country:
        return frozenset()
    import holidays  # noqa: PLC0415 - half a second, and most networks begin without a country

    try:
        return frozenset(holidays.country_holidays(country, years=year))
    except NotImplementedError:
        return frozenset()
