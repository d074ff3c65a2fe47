"""What must be so before a step of a consultation. Each says in one line what it asks for."""

from typing import Any

from sqlalchemy import distinct, func, select
from sqlalchemy.orm import Session

from cpms_core import words
from cpms_core.errors import InvalidError
from cpms_core.panels.after.follow_up_plan import last_planned
from cpms_core.panels.discussion.models import PanelQuestion
from cpms_core.panels.models import Contribution, Outcome, PanelMember
from cpms_core.panels.scope import PanelScope, is_in_time

ENOUGH = 2
"""Contributors without whom an outcome needs a reason."""
LONGEST_REASON = 2000


def with_a_reason(_session: Session, _scope: Any, said: str) -> None:
    """A reason is given."""
    if not said:
        raise InvalidError(
            "A reason is needed; nothing was changed.", {"reason": "Say why, in a sentence."}
        )
    if len(said) > LONGEST_REASON or "\x00" in said:
        raise InvalidError(
            "The reason is too long.",
            {"reason": f"Use at most {LONGEST_REASON} characters, without control characters."},
        )


def somebody_accepted(session: Session, scope: PanelScope, _said: str) -> None:
    """One of the invited experts has accepted."""
    if not has_acceptance(session, scope):
        raise InvalidError("Wait until one of the invited experts has accepted.")


def no_blocking_question(session: Session, scope: PanelScope, _said: str) -> None:
    """No question that the panel cannot go on without is open."""
    waiting = session.scalar(
        select(PanelQuestion.id)
        .where(
            PanelQuestion.panel_id == scope.panel.id,
            PanelQuestion.is_blocking,
            PanelQuestion.state == "open",
        )
        .limit(1)
    )
    if waiting is not None:
        raise InvalidError(
            "A question to the submitter is still open. Wait for the answer, or take it back."
        )


def two_contributors_or_a_reason(session: Session, scope: PanelScope, said: str) -> None:
    """Two members have contributed, or the lead says why the outcome cannot wait."""
    if count_contributors(session, scope) < ENOUGH and not said:
        raise InvalidError(
            "Fewer than two members have contributed. Wait for another opinion, or say why the "
            "outcome cannot wait.",
            {"reason": "Say why it cannot wait; it stays with the panel."},
        )
    if said:
        with_a_reason(session, scope, said)


def something_is_signed(session: Session, scope: PanelScope, _said: str) -> None:
    """An outcome of this panel is signed."""
    signed = select(Outcome.id).where(Outcome.panel_id == scope.panel.id, Outcome.state == "signed")
    if session.scalar(signed.limit(1)) is None:
        raise InvalidError("No outcome of this panel is signed yet, so there is none to keep.")


def no_follow_up_is_open(session: Session, scope: PanelScope, _said: str) -> None:
    """Every follow-up is answered, or has waited long enough."""
    last = last_planned(session, scope.panel.id)
    if last:
        raise InvalidError(
            "The submitter is still asked what became of the advice, for the last time on "
            f"{words.day(last)}. The panel is archived by itself once that is over."
        )


def has_acceptance(session: Session, scope: PanelScope) -> bool:
    """Whether anybody but the lead has accepted."""
    found = (
        select(PanelMember.id)
        .where(
            PanelMember.panel_id == scope.panel.id,
            PanelMember.state == "accepted",
            PanelMember.role != "lead",
            is_in_time(),
        )
        .limit(1)
    )
    return session.scalar(found) is not None


def count_contributors(session: Session, scope: PanelScope) -> int:
    counted = select(func.count(distinct(Contribution.author_id))).where(
        Contribution.panel_id == scope.panel.id, Contribution.kind == "opinion"
    )
    return session.scalar(counted) or 0
