"""Read a CSV file that people made with a spreadsheet: UTF-8, comma or semicolon, a header.

What is wrong with the whole file is an InvalidError. What is wrong with one line stays with it, and
the others are read all the same.
"""

import csv
import io
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Final

from msgspec import Struct

from cpms_core.directory.wording import is_plain, one_line
from cpms_core.errors import InvalidError
from cpms_core.words import plural

MOST_BYTES: Final = 2_000_000
MOST_LINES: Final = 5_000
_LONGEST_CELL = 500
_FORMULA = re.compile(r"\s*[=+\-@]")
"""What a spreadsheet would compute when somebody opens an export of it."""


class Line(Struct, frozen=True, kw_only=True):
    number: int
    """As an editor shows it; that of a record's first line."""
    cells: Mapping[str, str]
    """Column → text on one line, empty if it is empty; every known column is there."""
    problem: str = ""


def read_csv(data: bytes, needed: Collection[str], optional: Collection[str]) -> tuple[Line, ...]:
    if len(data) > MOST_BYTES:
        raise _no_file(f"The file is larger than {MOST_BYTES // 10**6} MB. Import it in parts.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _no_file(
            "The file is no UTF-8 text. Save the sheet as “CSV UTF-8” and try again."
        ) from error
    if "\x00" in text:
        raise _no_file("The file holds characters that no text has. Save the sheet as CSV.")
    records = _records(text)
    _, header = next(records, (1, []))
    columns = [one_line(cell).casefold().replace("-", "") for cell in header]
    _check_header(columns, needed, optional)
    lines: list[Line] = []
    for number, record in records:
        if len(lines) == MOST_LINES:
            raise _no_file(f"The file has more than {MOST_LINES} lines. Import it in parts.")
        if any(cell.strip() for cell in record):
            lines.append(_line(number, columns, record, (*needed, *optional)))
    if not lines:
        raise _no_file("The file has a header and nothing below it.")
    return tuple(lines)


def _records(text: str) -> Iterator[tuple[int, list[str]]]:
    """Each with the number of the line on which it begins."""
    first = text.partition("\n")[0]
    delimiter = ";" if first.count(";") > first.count(",") else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    begins = 1
    try:
        for record in reader:
            yield begins, record
            begins = reader.line_num + 1
    except csv.Error as error:
        raise _no_file(
            f"From line {begins} on the file cannot be read. A quotation mark is missing there, "
            "or one stands inside a cell without being doubled."
        ) from error


def _check_header(columns: list[str], needed: Collection[str], optional: Collection[str]) -> None:
    known = f"The first line names the columns: {', '.join((*needed, *optional))}."
    missing = [name for name in needed if name not in columns]
    unknown = [name[:40] for name in columns if name not in {*needed, *optional}]
    if missing:
        raise _no_file(f"{known} Missing: {', '.join(missing)}.")
    if unknown or len(set(columns)) < len(columns):
        raise _no_file(f"{known} There must be no other column, and none twice.")


def _line(number: int, columns: list[str], record: list[str], known: Collection[str]) -> Line:
    found = dict(zip(columns, map(one_line, record), strict=False))
    cells = {name: found.get(name, "") for name in known}
    return Line(number=number, cells=cells, problem=_problem(columns, record))


def _problem(columns: list[str], record: list[str]) -> str:
    if len(record) != len(columns):
        has = plural(len(record), "cell")
        return f"The line has {has} where the header has {len(columns)}."
    for name, cell in zip(columns, record, strict=True):
        if len(cell) > _LONGEST_CELL:
            return f"The cell “{name}” is longer than {_LONGEST_CELL} characters."
        if not is_plain(cell):
            return f"The cell “{name}” holds a line break or another invisible character."
        if _FORMULA.match(cell):
            return f"The cell “{name}” begins as a spreadsheet's formula does."
    return ""


def _no_file(message: str) -> InvalidError:
    return InvalidError(f"{message} Nothing was imported.", {"file": message})
