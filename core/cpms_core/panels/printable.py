"""Texts as the printed outcome can show them.

PDF/A and PDF/UA refuse a letter that the fonts inside the file lack, and one emoji in a remark must
not keep an outcome from being printed. The signed bytes are not touched by this.
"""

import re
import unicodedata
from collections.abc import Callable
from typing import Any

REPLACEMENT = "�"

# What the four fonts that come with typst 0.15 have among the scripts of the countries taking part;
# found by printing every character below U+3000 with PDF/A-3a and PDF/UA-1 on.
_SHOWN = (
    "\n -~\xa0-\u04ff\u0510-\u0513\u051a-\u051d\u0531-\u05f4\u10d0-\u10ff\u1d00-\u200a\u2010-\u2027"
    "\u202f-\u205f\u2070-\u2151\u2153-\u2184\u2190-\u23ff\u2460-\u262f\u2701-\u2704\u2713-\u2718"
    "\u27c0-\u27ff\u2900-\u2bff\u2c60-\u2cff\ufb00-\ufb06"
)
_HIDDEN = re.compile(f"[^{_SHOWN}]")
# This much without a place to break does not fit a narrow column.
_LONG_WORD = re.compile(r"[^\s-]{25,}")
_PIECE = re.compile(r"\S{1,12}")


def printable(value: Any) -> tuple[Any, bool]:
    """A copy of a JSON value with every text made showable, and whether any letter was replaced."""
    replaced = 0

    def shown(text: str) -> str:
        nonlocal replaced
        text = unicodedata.normalize("NFC", text).replace("\r\n", "\n").replace("\t", " ")
        text, count = _HIDDEN.subn(REPLACEMENT, text)
        replaced += count
        return _LONG_WORD.sub(_breakable, text)

    return _mapped(value, shown), replaced > 0


def _breakable(word: re.Match[str]) -> str:
    """With places to break that leave no mark: a hyphen could be read as part of a variant."""
    return "\u200b".join(_PIECE.findall(word.group()))


def _mapped(value: Any, change: Callable[[str], str]) -> Any:
    match value:
        case str():
            return change(value)
        case list() | tuple():
            return [_mapped(item, change) for item in value]
        case dict():
            return {key: _mapped(item, change) for key, item in value.items()}
        case _:
            return value
