"""The states of a consultation: of its request until there is a panel, then the panel's stages.

What leads from one to the next stands in `steps.py`.
"""

from collections.abc import Mapping
from enum import StrEnum


class RequestState(StrEnum):
    DRAFT = "draft"
    """Not stored: a case whose question nobody was asked yet."""
    SUBMITTED = "submitted"
    RETURNED = "returned"
    DECLINED = "declined"
    FORWARDED = "forwarded"
    ACCEPTED = "accepted"
    """There is a panel, whose stage tells the rest."""
    WITHDRAWN = "withdrawn"


class Stage(StrEnum):
    PANEL_SELECTION = "panel_selection"
    DATA_COMPLETION = "data_completion"
    ASSESSMENT = "assessment"
    OUTCOME = "outcome"
    SIGN_OFF = "sign_off"
    OPEN = "open"
    """The first stage of the quick workflow; the next is ANSWERED."""
    ANSWERED = "answered"
    CLOSED = "closed"
    ARCHIVED = "archived"
    WITHDRAWN = "withdrawn"


TITLES: Mapping[str, str] = {
    Stage.PANEL_SELECTION: "Panel selection",
    Stage.DATA_COMPLETION: "Data completion",
    Stage.ASSESSMENT: "Assessment",
    Stage.OUTCOME: "Outcome",
    Stage.SIGN_OFF: "Sign-off",
    Stage.OPEN: "Open",
    Stage.ANSWERED: "Answered",
    Stage.CLOSED: "Closed",
    Stage.ARCHIVED: "Archived",
    Stage.WITHDRAWN: "Withdrawn",
}
ENDED = frozenset({Stage.CLOSED, Stage.ARCHIVED, Stage.WITHDRAWN})
DISCUSSED = frozenset(
    {
        *(Stage.PANEL_SELECTION, Stage.DATA_COMPLETION, Stage.ASSESSMENT, Stage.OUTCOME),
        *(Stage.OPEN, Stage.ANSWERED),
    }
)
"""Where contributions are taken."""


def title(stage: str) -> str:
    return TITLES[stage]


def badge(stage: str) -> str:
    """The colour's name of a stage's badge."""
    return _BADGES.get(stage, "plain")


_BADGES: Mapping[str, str] = {
    Stage.DATA_COMPLETION: "waiting",
    Stage.ASSESSMENT: "info",
    Stage.OUTCOME: "info",
    Stage.OPEN: "info",
    Stage.SIGN_OFF: "waiting",
    Stage.ANSWERED: "waiting",
    Stage.CLOSED: "done",
}
