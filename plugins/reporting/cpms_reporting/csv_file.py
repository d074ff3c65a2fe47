"""A report as a CSV file (RFC 4180) that a spreadsheet opens as it is meant."""

import csv
import io

from cpms_core import ReportTable
from cpms_reporting.figures import heading, unit_of

_BYTE_ORDER_MARK = "\ufeff"
"""Without it Excel takes UTF-8 for the machine's own code page and garbles Greek and Czech."""

# The last four are the full-width forms, which Excel in East Asian locales calculates too.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", *"\uff1d\uff0b\uff0d\uff20")


def csv_of(table: ReportTable) -> bytes:
    """Figures exactly as they are, with a point; an unknown one is an empty cell."""
    lines = io.StringIO(newline="")
    writer = csv.writer(lines, lineterminator="\r\n")
    writer.writerow([escaped(name) for name in _headings(table)])
    for row in table.rows:
        figures = ["" if figure is None else figure for figure in row.figures]
        writer.writerow([*map(escaped, row.labels), *figures])
    return (_BYTE_ORDER_MARK + lines.getvalue()).encode()


def escaped(text: str) -> str:
    """Text that a spreadsheet would calculate gets an apostrophe, which makes it text again."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def _headings(table: ReportTable) -> list[str]:
    labels = len(table.rows[0].labels) if table.rows else len(table.columns)
    units = [unit_of(table.units, place) for place in range(len(table.columns) - labels)]
    return [
        *table.columns[:labels],
        *(heading(name, unit) for name, unit in zip(table.columns[labels:], units, strict=True)),
    ]
