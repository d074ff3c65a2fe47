"""How wordings and what people type are made comparable."""

import re
import unicodedata

_LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe"})
_NOT_WORD = re.compile(r"[\W_]+")
# The publishers write American English, half of Europe types British.
_BRITISH = re.compile(r"ae|oe|our(?=\b|s\b|al|ed)")


def fold(text: str) -> str:
    """Lower-case words of plain letters and digits, one blank apart: `Œdème, LEFT` → `edeme left`.

    Nothing but letters, digits and blanks is left, so no wildcard of SQL survives.
    """
    plain = unicodedata.normalize("NFKD", text.casefold().translate(_LETTERS))
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    words = _NOT_WORD.sub(" ", plain).strip()
    return _BRITISH.sub(lambda found: "or" if found[0] == "our" else "e", words)
