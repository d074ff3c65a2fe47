"""What still stands between a panel and its signed outcome, as a checklist."""

from msgspec import Struct

from cpms_core import words
from cpms_core.panels.guards import ENOUGH
from cpms_core.panels.models import Outcome
from cpms_core.panels.page.members import MemberRow
from cpms_core.panels.stages import Stage


class Step(Struct, frozen=True, kw_only=True):
    """A line of “To a signed outcome”."""

    text: str
    state: str
    """done, current, open."""
    note: str = ""


def steps_to_outcome(
    stage: str,
    members: tuple[MemberRow, ...],
    contributors: int,
    outcome: Outcome | None,
    silent: int,
    open_questions: int = 0,
) -> tuple[Step, ...]:
    seated = [one for one in members if one.is_seated]
    waiting = sum(one.state == "invited" for one in seated)
    countries = {one.country for one in members if one.contributions and one.country}
    is_drafted = bool(outcome and outcome.draft)
    is_put = stage in {Stage.SIGN_OFF, Stage.CLOSED, Stage.ARCHIVED}
    is_signed = stage in {Stage.CLOSED, Stage.ARCHIVED}
    given = words.plural(contributors, "contribution")
    # Guests of a panel work at no centre here.
    places = f" from {words.plural(len(countries), 'country', 'countries')}" if countries else ""
    lines = [
        (
            f"Panel of {len(seated)}, lead named",
            len(seated) > 1,
            f"{words.plural(waiting, 'invitation')} not answered yet" if waiting else "",
        ),
        (
            f"{given}{places}" if contributors else "Two contributions",
            contributors >= ENOUGH,
            "counts for the network's indicators" if contributors >= ENOUGH else "two are needed",
        ),
        *_questions(open_questions),
        ("Outcome drafted", is_drafted, ""),
        (
            "Members agree or remark",
            is_put and (not silent or is_signed),
            f"{words.plural(silent, 'answer')} missing" if silent and not is_signed else "",
        ),
        ("Lead signs with the security key", is_signed, ""),
    ]
    current = next((place for place, line in enumerate(lines) if not line[1]), -1)
    return tuple(
        Step(
            text=text,
            state="done" if done else "current" if place == current else "open",
            note=note,
        )
        for place, (text, done, note) in enumerate(lines)
    )


def _questions(count: int) -> tuple[tuple[str, bool, str], ...]:
    """A line as long as the submitter has not answered all that was asked."""
    return (("Questions to the submitter answered", False, f"{count} open"),) if count else ()
