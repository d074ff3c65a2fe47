"""Draw the table of a consultation's steps: `python -m tests.core.panels.drawing` writes it."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from cpms_core import words
from cpms_core.access import PERMISSIONS
from cpms_core.panels.stages import RequestState
from cpms_core.panels.steps import STEPS, Step

DOCUMENT = Path(__file__).parents[3] / "docs" / "consultation.md"

_HEAD = """\
# The steps of a consultation

Drawn from `core/cpms_core/panels/steps.py`, which is the state machine itself: nothing else changes
the state of a request or a panel. To change a step, change it there, then draw this page anew with
`python -m tests.core.panels.drawing`; a test compares the two.

A request is sent to one ERN. When a lead is named, its state is *accepted* and the panel's stage
tells the rest. A network chooses which workflow its consultations run: the full one, which ends in
a signed outcome, or the quick one, which ends in a note. In the quick workflow a request opens at
the submission itself if a coordinator or dispatcher of the network can hold the panel.
"""


def draw() -> str:
    full = [step for step in STEPS if not step.is_quick]
    quick = [step for step in STEPS if step.is_quick or step.key in {"submit", "withdraw"}]
    return "\n".join(
        [
            _HEAD,
            "## The full workflow\n",
            *_picture(full),
            "",
            *_table(full),
            "",
            "## The quick workflow\n",
            "Its own steps; a request is returned, declined or forwarded as in the full one.\n",
            *_picture([step for step in quick if step.key != "withdraw"]),
            "",
            *_table([step for step in quick if step.is_quick]),
            "",
        ]
    )


def _picture(steps: Iterable[Step]) -> list[str]:
    lines = ["```mermaid", "stateDiagram-v2"]
    for step in steps:
        if step.key in {"withdraw", "withdraw_request"}:
            continue  # from every open state: the arrows would hide the rest
        lines += [
            f"    {_node(state)} --> {_node(step.to)}: {step.title}"
            for state in sorted(step.come_from)
        ]
    return [*lines, "```"]


def _node(state: str) -> str:
    return "[*]" if state == RequestState.DRAFT else state


def _table(steps: Iterable[Step]) -> list[str]:
    return [
        "| step | from | to | who | what must be so | what it does |",
        "|--|--|--|--|--|--|",
        *(_row(step) for step in steps),
    ]


def _row(step: Step) -> str:
    whence = ", ".join(words.words(state).lower() for state in sorted(step.come_from))
    who = ", ".join(sorted(words.words(one).lower() for one in PERMISSIONS[step.permission]))
    cells = (
        step.title,
        whence,
        words.words(step.to).lower(),
        who,
        _sentences(step.guards),
        _sentences(step.effects),
    )
    return "| " + " | ".join(cells) + " |"


def _sentences(functions: Iterable[Callable[..., Any]]) -> str:
    return " ".join((one.__doc__ or "").strip().splitlines()[0] for one in functions)


if __name__ == "__main__":
    DOCUMENT.write_text(draw(), encoding="utf-8")
