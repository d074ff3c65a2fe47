"""A figure as people read it, rounded and with its unit; the CSV file has the exact one."""

from collections.abc import Sequence
from datetime import date

from cpms_core import Unit

Figure = float | int | None

NOT_KNOWN = "\u2013"

_NO_BREAK = "\u00a0"
_HOUR = 1 / 24
_TWO_DAYS = 2
_A_MONTH = 31
_WHOLE_PERCENT = 10


def shown(figure: Figure, unit: Unit) -> str:
    """Figure and unit stay on one line."""
    if figure is None:
        return NOT_KNOWN
    if unit == "days":
        return _length(figure).replace(" ", _NO_BREAK)
    if unit == "%":
        return f"{_short(figure, 0 if figure >= _WHOLE_PERCENT else 1)}{_NO_BREAK}%"
    return _short(figure, 2)


def heading(column: str, unit: Unit) -> str:
    """A column's name with its unit, where the figures below it come without one."""
    return f"{column} ({unit})" if unit else column


def unit_of(units: Sequence[Unit], place: int) -> Unit:
    return units[place] if place < len(units) else ""


def as_day(label: str) -> date | None:
    """Labels that are a day, 2026-11-22, so that the page can write them as one."""
    try:
        return date.fromisoformat(label) if len(label) == len("2026-11-22") else None
    except ValueError:
        return None


def _length(days: float) -> str:
    """25 min, 7.5 h, 12.4 days, 45 days."""
    if days < _HOUR:
        return f"{_short(days * 24 * 60, 0)} min"
    if days < _TWO_DAYS:
        return f"{_short(days * 24, 1)} h"
    return f"{_short(days, 1 if days < _A_MONTH else 0)} days"


def _short(figure: float, decimals: int) -> str:
    """With so many decimals at most: 1,234.5 and 12."""
    text = f"{figure:,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
