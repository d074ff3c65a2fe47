"""What people type as a name: one line, one spelling, nothing invisible in it."""

import unicodedata
from collections.abc import Mapping

from cpms_core.errors import InvalidError

_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Control characters, marks that turn the direction of writing, breaks of lines."""


def one_line(text: str) -> str:
    """NFC, one blank between words; what is invisible stays, for `name_problem` to find."""
    return " ".join(part for part in unicodedata.normalize("NFC", text).split(" ") if part)


def is_plain(text: str) -> bool:
    return not any(unicodedata.category(letter) in _INVISIBLE for letter in text)


def name_problem(text: str, longest: int, *, needed: bool = True) -> str | None:
    name = one_line(text)
    if (needed and not name) or len(name) > longest or not is_plain(name):
        return f"Use {'1 to' if needed else 'at most'} {longest} characters, on one line."
    return None


def refuse_if(wrong: Mapping[str, str | None]) -> None:
    """InvalidError with every field something is wrong with, if there is any."""
    found = {field: problem for field, problem in wrong.items() if problem}
    if found:
        raise InvalidError("Some entries need your attention. Nothing was changed.", found)
