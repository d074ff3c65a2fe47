"""Dates, ages, sizes and codes as people read them. English first; one place for every language."""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from babel.dates import format_date

from cpms_core.clock import clock

LANGUAGE = "en_GB"

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_AGE_IN_MONTHS_UNTIL = 2
_ADULT = 18

SEX_WORDS = {
    "female": ("girl", "woman"),
    "male": ("boy", "man"),
    "undetermined": ("child, sex undetermined", "adult, sex undetermined"),
    "unknown": ("sex unknown", "sex unknown"),
}


def day(value: date | datetime) -> str:
    """22 Nov 2026."""
    return _day(value.date() if isinstance(value, datetime) else value)


def moment(value: datetime) -> str:
    """22 Nov 2026, 14:05 UTC; the page turns it into the reader's own time."""
    return f"{day(value)}, {value:%H:%M} UTC"


def by(value: datetime) -> str:
    """Thu 26 Nov, 14:00 UTC; without the year while it is this one."""
    return f"{value:%a} {day(value).removesuffix(f' {clock.now().year}')}, {value:%H:%M} UTC"


@lru_cache(maxsize=4096)
def _day(value: date) -> str:
    """Kept, because a table has the same few days over and over and the formatter is slow."""
    return format_date(value, "d MMM y", locale=LANGUAGE)


def since(value: datetime) -> str:
    """How long ago, roughly: 5 min, 3 h, 12 days."""
    return span((clock.now() - value).total_seconds())


def span(seconds: float) -> str:
    if seconds < _MINUTE:
        return "under a minute"
    if seconds < _HOUR:
        return f"{int(seconds // _MINUTE)} min"
    if seconds < 2 * _DAY:
        return f"{int(seconds // _HOUR)} h"
    return f"{int(seconds // _DAY)} days"


def age(year: int | None, month: int | None, on: date | None = None) -> str:
    """`6 y 4 m`, `11 m`; empty if the year of birth is unknown."""
    if year is None:
        return ""
    on = on or clock.today()
    if month is None:
        return f"about {max(on.year - year, 0)} y"
    months = max((on.year - year) * 12 + on.month - month, 0)
    years, rest = divmod(months, 12)
    if years < _AGE_IN_MONTHS_UNTIL:
        return f"{months} m"
    return f"{years} y {rest} m" if rest and years < _ADULT else f"{years} y"


def person(sex: str, year: int | None, month: int | None) -> str:
    """`girl, 6 y 4 m`: the patient as a case banner says it."""
    return _person(sex, year, month, clock.today())


@lru_cache(maxsize=4096)
def _person(sex: str, year: int | None, month: int | None, today: date) -> str:
    old = age(year, month, today)
    is_adult = year is not None and today.year - year >= _ADULT
    if year is None:
        return {"female": "female", "male": "male"}.get(sex, SEX_WORDS.get(sex, (sex, sex))[0])
    word = SEX_WORDS.get(sex, (sex, sex))[is_adult]
    return f"{word}, {old}" if old else word


def size(count: int) -> str:
    """Bytes as 3.4 MB."""
    if count < 1000:  # noqa: PLR2004 - the step between units
        return f"{count} bytes"
    value = float(count)
    for unit in ("kB", "MB", "GB"):
        value /= 1000
        if value < 1000 or unit == "GB":  # noqa: PLR2004 - the step between units
            break
    return f"{value:.1f} {unit}" if value < 10 else f"{value:.0f} {unit}"  # noqa: PLR2004 - two digits are enough


def words(key: str) -> str:
    """`panel_selection` as Panel selection."""
    return key.replace("_", " ").capitalize()


def plural(count: int, one: str, many: str = "") -> str:
    return f"{count} {one if count == 1 else many or one + 's'}"


FILTERS: Mapping[str, Callable[..., Any]] = {
    "day": day,
    "moment": moment,
    "by": by,
    "since": since,
    "span": span,
    "size": size,
    "words": words,
    "plural": plural,
}
