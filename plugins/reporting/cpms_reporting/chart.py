"""A table's charted figures as horizontal bars of one scale."""

from msgspec import Struct

from cpms_core import Count, ReportTable
from cpms_reporting.figures import shown, unit_of

MOST = 15
"""Rows a chart shows at most: it is for seeing at a glance, the table has them all."""


class Bar(Struct, frozen=True, kw_only=True):
    width: float
    """In percent of the longest bar."""
    words: str
    place: int
    """Which of the charted figures it is, from 0."""


class Line(Struct, frozen=True, kw_only=True):
    group: str
    """The first label, where there are several; shown once above the lines that share it."""
    title: str
    bars: tuple[Bar, ...]


class Chart(Struct, frozen=True, kw_only=True):
    lines: tuple[Line, ...]
    names: tuple[str, ...]
    """Of the charted figures; what a legend shows if there are several."""
    left_out: int


def chart_of(table: ReportTable) -> Chart | None:
    """None if there is nothing to draw."""
    places = _places(table)
    rows = [row for row in table.rows if any(row.figures[place] is not None for place in places)]
    shown_rows = rows[:MOST]
    largest = max((row.figures[place] or 0 for row in shown_rows for place in places), default=0)
    if not largest:
        return None
    return Chart(
        lines=tuple(_line(table, row, places, largest) for row in shown_rows),
        names=tuple(table.columns[len(rows[0].labels) + place] for place in places),
        left_out=len(rows) - len(shown_rows),
    )


def _places(table: ReportTable) -> tuple[int, ...]:
    count = min((len(row.figures) for row in table.rows), default=0)
    return tuple(place for place in table.charted or (0,) if place < count)


def _line(table: ReportTable, row: Count, places: tuple[int, ...], largest: float) -> Line:
    bars = []
    for order, place in enumerate(places):
        figure = row.figures[place]
        words = shown(figure, unit_of(table.units, place))
        width = 100 * max(figure or 0, 0) / largest
        bars.append(Bar(width=round(width, 1), words=words, place=order))
    is_grouped = len(row.labels) == 2  # noqa: PLR2004 - a group and its line
    return Line(
        group=row.labels[0] if is_grouped else "",
        title=row.labels[1] if is_grouped else row.labels[0] if row.labels else "",
        bars=tuple(bars),
    )
