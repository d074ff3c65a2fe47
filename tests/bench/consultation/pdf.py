"""How long a signed outcome and its letters take to print, as a worker asks for them.

In the sandbox, with everything a request would wait for; the first print, which starts a process
and loads the fonts, is not among the times.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from statistics import median
from time import perf_counter

import msgspec

from cpms_core import sandbox
from cpms_core.panels.outcome.document import read_outcome
from cpms_core.panels.outcome.letter_family import family_letter
from cpms_core.panels.outcome.letter_referrer import referrer_letter
from cpms_core.panels.outcome.signature import encode_signature
from tests.bench.figure import Figure, at_most, spread
from tests.core.panels.make_outcome import make_opinion, make_recommendation, make_signed

GOAL = 150
"""Milliseconds."""
_TIMES = 50
_MANY = 12


def measure(times: int = _TIMES) -> Iterator[Figure]:
    """An outcome as long as they get in practice: twelve recommendations, each with its reasons."""
    opinion = make_opinion(
        recommendations=tuple(make_recommendation(feasible="yes") for _ in range(_MANY))
    )
    signed = make_signed(opinion=opinion)
    signature = encode_signature(signed)
    yield _printed("Outcome PDF", "pdf:render_pdf", (signed.outcome, signature), times)
    document, at = read_outcome(signed.outcome), datetime.now(UTC)
    for name, letter in (
        ("Letter to the referrer, PDF", referrer_letter(document, at, None)),
        ("Letter to the family, PDF", family_letter(document, at, None)),
    ):
        yield _printed(name, "letter_pdf:render_letter", (msgspec.json.encode(letter),), times)
    sandbox.close_all()


def _printed(name: str, function: str, given: tuple[bytes, ...], times: int) -> Figure:
    taken = []
    size = 0
    for _ in range(times + 1):
        started = perf_counter()
        size = len(sandbox.run(f"cpms_core.panels.outcome.{function}", *given, returns=bytes))
        taken.append(perf_counter() - started)
    taken.pop(0)
    remark = f"{spread(taken)}; {size / 1000:.0f} kB"
    return at_most(name, GOAL, median(taken) * 1000, "ms", remark)
