"""Texts as the printed outcome can show them.

PDF/A and PDF/UA refuse a letter that the fonts inside the file lack, and one emoji in a remark must
not keep an outcome from being printed. The signed bytes are not touched by this.
"""

import re
import unicodedata
from collections.abc import Callable
from typing import Any

REPLACEMENT = "�"
_SPELT = {0x0D: None, 0x09: " ", 0xAD: None}  # \r, tab, soft hyphen

# What the four fonts of typst 0.15 have of the scripts of the countries taking part and of common
# signs; found by printing every character below U+2C80 with PDF/A-3a and PDF/UA-1 on.
_SHOWN = (
    "20-7e a0-ac ae-377 37a-37f 384-38a 38c 38e-3a1 3a3-4ff 510-513 51a-51d 1d00-1f15 1f18-1f1d"
    " 1f20-1f45 1f48-1f4d 1f50-1f57 1f59 1f5b 1f5d 1f5f-1f7d 1f80-1fb4 1fb6-1fc4 1fc6-1fd3"
    " 1fd6-1fdb 1fdd-1fef 1ff2-1ff4 1ff6-1ffe 2000-200a 2010-2027 202f-205f 2070-2071 2074-208e"
    " 2090-209c 20a0-20c0 2100-2151 2153-2184 2190-23ff 2460-262f 2638-268b 26a0-26a7 26aa-26b2"
    " 2701-2704 2706-2709 270c-2727 2758-275e 2761-277f 2798-27af 27b1-2b73 2b76-2b95 2c60-2c7f"
    " fb00-fb06"
)


def _all_but(ranges: str) -> re.Pattern[str]:
    ends = [part.split("-") for part in ranges.split()]
    kept = "".join(f"\\u{int(e[0], 16):04x}-\\u{int(e[-1], 16):04x}" for e in ends)
    return re.compile(f"[^\\n{kept}]")


_HIDDEN = _all_but(_SHOWN)
# This much without a place to break does not fit a narrow column.
_LONG_WORD = re.compile(r"[^\s-]{25,}")
_PIECE = re.compile(r"\S{1,12}")


def printable(value: Any) -> tuple[Any, bool]:
    """A copy of a JSON value with every text made showable, and whether any letter was replaced."""
    replaced = 0

    def shown(text: str) -> str:
        nonlocal replaced
        text = unicodedata.normalize("NFC", text).translate(_SPELT)
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
