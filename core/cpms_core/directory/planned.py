"""What an import would do with one line of a file."""

from typing import Any, Literal

from msgspec import Struct

from cpms_core.directory.csv_file import Line

Verdict = Literal["added", "changed", "left", "refused"]


class Planned(Struct, frozen=True, kw_only=True):
    number: int
    what: str
    """Whom or what the line is about, in the file's words."""
    verdict: Verdict
    says: tuple[str, ...] = ()
    """What would be done, or why not."""
    act: Any = None
    """What carrying it out needs; None if there is nothing to do."""


def refused(line: Line, what: str, why: str) -> Planned:
    return Planned(number=line.number, what=what, verdict="refused", says=(why,))
