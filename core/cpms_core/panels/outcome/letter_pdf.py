"""A letter on paper: a tagged PDF/A-3a and PDF/UA-1. A web worker calls this in the sandbox."""

from datetime import UTC, datetime, time
from pathlib import Path

import msgspec

from cpms_core import words
from cpms_core.panels.outcome.letter import Letter
from cpms_core.panels.outcome.pdf import compile_pdf
from cpms_core.panels.outcome.printable import printable

# Read at import, as all that the sandbox's jobs need.
_TEMPLATE = Path(__file__).with_name("letter.typ").read_bytes()


def render_letter(letter: bytes) -> bytes:
    """`letter` as JSON. The same letter gives the same bytes."""
    read = msgspec.json.decode(letter, type=Letter)
    view, _ = printable(msgspec.to_builtins(read))
    view |= {"on": words.day(read.on), "language": read.language}
    return compile_pdf(_TEMPLATE, view, datetime.combine(read.on, time(), UTC))
