"""How a printed outcome says that it was amended: among its keywords, to print alike again."""

import re
from datetime import date

from msgspec import Struct

_MARK = re.compile(r"amended-by (\d{1,6}) (\d{4}-\d{2}-\d{2}) ([0-9a-f]{64})")


class Amended(Struct, frozen=True, kw_only=True):
    """By what an outcome was amended."""

    version: int
    on: date
    sha256: str

    @property
    def mark(self) -> str:
        return f"amended-by {self.version} {self.on.isoformat()} {self.sha256}"


def read_mark(keywords: str) -> Amended | None:
    """As the file claims; nothing proves it."""
    found = _MARK.search(keywords)
    if found is None:
        return None
    try:
        on = date.fromisoformat(found[2])
    except ValueError:
        return None
    return Amended(version=int(found[1]), on=on, sha256=found[3])


def read_mark_text(keywords: str) -> str:
    """The mark itself, empty if there is none."""
    amended = read_mark(keywords)
    return amended.mark if amended else ""
