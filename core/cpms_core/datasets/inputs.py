"""One submitted string → one value, or a sentence saying what to write instead.

Every reader takes what a browser or anybody else may send and raises nothing but InputError.
"""

import math
import re
import unicodedata
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from cpms_core.clock import clock
from cpms_core.datasets.field import Field
from cpms_core.datasets.kinds import FileRef, Term

Resolve = Callable[[Sequence[str], str], Term | None]
"""The one term whose code, label or synonym is exactly this, from the systems in order."""

_TERM_LIMIT = 300
_NUMBER_LIMIT = 60
_DIGITS = 15
_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d{1,4})?")
_GROUPED = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")
_BLANKS = dict.fromkeys(map(ord, " \t\u00a0\u2007\u2009\u202f"))
_MINUS = str.maketrans("\u2212\u2013", "--")
_LIKE_A_CODE = re.compile(r"\d\D|\D\d")
_UNSTORABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_FIRST_YEAR, _LAST_YEAR = 1800, 2199
_MONTH_NAMES = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_YEAR_FIRST = re.compile(r"(\d{4})(?:[-./](\d{1,2})(?:[-./](\d{1,2}))?)?", re.ASCII)
_YEAR_LAST = re.compile(
    r"(?:(?:(\d{1,2})(?:[-./]|\.? ))?(\d{1,2}|[a-z]{3,9})(?:[-./]|\.? ))?(\d{4})", re.ASCII
)
_UUID_LENGTH = 36
_QUOTED = 80


class InputError(ValueError):
    """What was typed cannot be taken; the message says what can."""


def printable(text: str) -> str:
    """The text with `�` for what no store, page or document can hold."""
    return _UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def read_text(typed: str, field: Field) -> str:
    text = typed.replace("\r\n", "\n").replace("\r", "\n").strip()
    if field.kind != "long_text":
        text = " ".join(text.split("\n"))
    limits = field.limits
    if len(text) > limits.longest:
        raise InputError(
            f"This has {len(text):,} characters and at most {limits.longest:,} fit: "
            f"shorten it by {len(text) - limits.longest:,}."
        )
    if _UNSTORABLE.search(text):
        raise InputError("This holds characters that cannot be kept, shown as �. Remove them.")
    text = unicodedata.normalize("NFC", text)
    if len(text) < limits.shortest:
        raise InputError(f"Write at least {limits.shortest} characters.")
    if limits.pattern and not re.search(limits.pattern, text):
        like = f" Write it as {field.example}." if field.example else ""
        raise InputError(f"This is not written as expected.{like}")
    return text


# --- numbers ---


def read_number(typed: str, field: Field) -> float:
    text = typed.translate(_BLANKS).translate(_MINUS)
    if len(text) > _NUMBER_LIMIT or not text.isascii() or not _NUMBER.fullmatch(text):
        raise InputError(f"Enter a number{_range(field)}.")
    if _GROUPED.fullmatch(text):
        plain = text.replace(",", "")
        raise InputError(
            f"Write {text.replace(',', '.')} or {plain}: {text} can be read both ways."
        )
    value = float(text.replace(",", "."))
    vanished = value == 0 and re.search(r"[1-9]", re.split("[eE]", text)[0])
    if not math.isfinite(value) or vanished or not _keeps(value, field):
        raise InputError(f"Enter a number{_range(field)}.")
    return value + 0.0  # no negative zero


def read_integer(typed: str, field: Field) -> int:
    text = typed.translate(_BLANKS).translate(_MINUS)
    if not text.isascii() or not re.fullmatch(rf"[+-]?\d{{1,{_DIGITS}}}", text):
        too_long = text.isascii() and re.fullmatch(r"[+-]?\d+", text)
        most = f" of at most {_DIGITS} digits" if too_long and not _range(field) else ""
        raise InputError(f"Enter a whole number{_range(field) or most}.")
    value = int(text)
    if not _keeps(value, field):
        raise InputError(f"Enter a whole number{_range(field)}.")
    return value


def _keeps(value: float, field: Field) -> bool:
    limits = field.limits
    return (
        (limits.ge is None or value >= limits.ge)
        and (limits.gt is None or value > limits.gt)
        and (limits.le is None or value <= limits.le)
        and (limits.lt is None or value < limits.lt)
        and (limits.multiple_of is None or math.fmod(value, limits.multiple_of) == 0)
    )


def _range(field: Field) -> str:
    """` between 20 and 80 cm`, ` of at least 0 g`; empty if there is no limit."""
    limits, unit = field.limits, f" {field.unit}" if field.unit else ""
    parts = []
    if limits.ge is not None and limits.le is not None:
        parts.append(f"between {limits.ge:g} and {limits.le:g}{unit}")
    elif limits.ge is not None:
        parts.append(f"of at least {limits.ge:g}{unit}")
    elif limits.le is not None:
        parts.append(f"of at most {limits.le:g}{unit}")
    if limits.gt is not None:
        parts.append(f"above {limits.gt:g}{unit}")
    if limits.lt is not None:
        parts.append(f"below {limits.lt:g}{unit}")
    if limits.multiple_of is not None:
        parts.append(f"in steps of {limits.multiple_of:g}{unit}")
    return f" {' and '.join(parts)}" if parts else ""


# --- dates ---


def read_date(typed: str, field: Field) -> date:
    year, month, day = _date_parts(typed)
    if not year or not month or not day:
        raise InputError("Enter a date, as 2024-05-17.")
    return _day(year, month, day, field)


def read_partial_date(typed: str, field: Field) -> str:
    year, month, day = _date_parts(typed)
    if not year:
        raise InputError("Enter a year, a month or a day, as 2024, 2024-05 or 2024-05-17.")
    _day(year, month or 1, day or 1, field)
    return "-".join([f"{year:04}", *(f"{part:02}" for part in (month, day) if part)])


def _date_parts(typed: str) -> tuple[int, int, int]:
    """Year, month, day as far as given, 0 for what is not; all 0 if it cannot be read.

    Reads 2024-05-17, 17.5.2024, 17/05/2024 (the day first, as all of Europe writes), 17 May 2024.
    """
    text = " ".join(typed[:_NUMBER_LIMIT].split()).casefold()
    if found := _YEAR_FIRST.fullmatch(text):
        year, month, day = found.groups()
    elif found := _YEAR_LAST.fullmatch(text):
        day, month, year = found.groups()
    else:
        return 0, 0, 0
    number = _month(month or "")
    return (int(year), number, int(day or 0)) if number or not month else (0, 0, 0)


def _month(written: str) -> int:
    if not written or written.isdigit():
        return int(written or 0)
    fitting = [n for n, name in enumerate(_MONTH_NAMES, start=1) if name.startswith(written)]
    return 9 if written == "sept" else fitting[0] if len(fitting) == 1 else 0


def _day(year: int, month: int, day: int, field: Field) -> date:
    if not _FIRST_YEAR <= year <= _LAST_YEAR:
        raise InputError(f"Enter a year between {_FIRST_YEAR} and {_LAST_YEAR}.")
    try:
        value = date(year, month, day)
    except ValueError:
        raise InputError("There is no such day in the calendar. Check day and month.") from None
    # A day of grace: somewhere it is tomorrow already.
    if field.limits.past and value > clock.today() + timedelta(days=1):
        raise InputError("This day has not come yet. Enter one in the past.")
    return value


# --- choices, files, terms ---


def read_choice(typed: str, field: Field) -> Any:
    """The text, number or Enum member that the schema has for it."""
    for choice in field.choices:
        if str(choice.value) == typed:
            return field.enum(choice.value) if field.enum else choice.value
    raise InputError("Choose one of the answers offered.")


def read_file(typed: str, allowed: Collection[UUID]) -> FileRef:
    """Only files of this very case: an id of another one is told like an unknown one."""
    try:
        attachment = UUID(typed) if len(typed) <= _UUID_LENGTH else None
    except ValueError:
        attachment = None
    if attachment is None or attachment not in allowed:
        raise InputError("Choose one of this case's files.")
    return FileRef(attachment)


def shown_term(term: Term) -> str:
    """What stands in a term's input."""
    return f"{term.label} {term.code}" if term.label else term.code


def read_term(typed: str, field: Field, resolve: Resolve, kept: Mapping[str, Term]) -> Term:
    """`Macrodontia`, `HP:0001572`, or both in either order; code and words must agree.

    `kept` are terms the record already holds, by their text and by their code: they stay as they
    were chosen, even if their system is not loaded or the term has become obsolete.
    """
    text = " ".join(typed.split())
    if len(text) > _TERM_LIMIT or _UNSTORABLE.search(text):
        raise InputError("Choose a term from the list, or type its code.")
    for code, words in [(text, ""), *_splits(text)]:
        term = kept.get(code.casefold()) or resolve(field.systems, code)
        if term is None or term.system not in field.systems:
            continue
        if words and not _agree(words, term, field, resolve):
            raise InputError(
                f"{term.code} is “{term.label}”, not “{words}”. Keep the one you mean."
            )
        return term
    names = " or ".join(system.upper() for system in field.systems)
    shown = text if len(text) <= _QUOTED else text[:_QUOTED] + "…"
    raise InputError(f"No {names} term is “{shown}”. Choose one from the list, or type its code.")


def _splits(text: str) -> list[tuple[str, str]]:
    """Code and words, where the first or last word may be a code: digits and something else."""
    first, _, after = text.partition(" ")
    before, _, last = text.rpartition(" ")
    pairs = [(last.strip("()[],;"), before), (first.strip("()[],;"), after)]
    return [(code, words) for code, words in pairs if words and _LIKE_A_CODE.search(code)]


def _agree(words: str, term: Term, field: Field, resolve: Resolve) -> bool:
    if words.casefold() == term.label.casefold():
        return True
    other = resolve(field.systems, words)
    return other is not None and (other.system, other.code) == (term.system, term.code)
