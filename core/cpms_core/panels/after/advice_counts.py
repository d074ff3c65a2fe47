"""What became of the advice of many panels, counted by kind and strength; no count points at one.

The last word on each recommendation of an outcome that holds counts. Reasons are counted where they
are among those that are offered; what was written freely stays with its panel.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from cpms_core.cases.models import Case
from cpms_core.declarations import AdviceCount
from cpms_core.panels.after.follow_up import REASONS
from cpms_core.panels.after.models import FollowUpAnswer
from cpms_core.panels.models import Outcome, Panel

FEWEST = 10
"""A count below this is not told: it could point at one patient."""

_Key = tuple[str, str]
"""Kind and strength."""


def count_advice(session: Session, is_visible: ColumnElement[bool]) -> Sequence[AdviceCount]:
    """Kinds and strengths with fewer than `FEWEST` recommendations are left out."""
    found: dict[_Key, Counter[str]] = defaultdict(Counter)
    for key, said, _why in _last_words(session, is_visible):
        found[key][said] += 1
    return [
        AdviceCount(kind=kind, strength=strength, given=said.total(), **hide_small(said))
        for (kind, strength), said in sorted(found.items())
        if said.total() >= FEWEST
    ]


def count_reasons(session: Session, is_visible: ColumnElement[bool]) -> Mapping[str, int]:
    """Why it was not done."""
    given = Counter(
        why if why in REASONS else "another reason" if why else "no reason given"
        for _key, said, why in _last_words(session, is_visible)
        if said == "not_done"
    )
    return {why: count for why, count in hide_small(given).items() if count}


def hide_small(parts: Mapping[str, int]) -> dict[str, int | None]:
    """The parts of a sum that may be known: None instead of those that are too small to be told.

    So many are hidden that together they are not too small either: else the sum would tell.
    """
    told: dict[str, int | None] = dict(parts)
    hidden = 0
    for key, count in sorted(parts.items(), key=lambda part: part[1]):
        if 0 < count < FEWEST or 0 < hidden < FEWEST:
            told[key] = None
            hidden += count
    return told


def _last_words(
    session: Session, is_visible: ColumnElement[bool]
) -> Iterable[tuple[_Key, str, str]]:
    """Of each recommendation: kind and strength, what was said of it last, and why."""
    outcomes = session.execute(_holding(is_visible)).all()
    said: dict[Any, Any] = {
        (row.outcome_id, row.number): row
        for row in session.execute(
            select(FollowUpAnswer.outcome_id, FollowUpAnswer.number, FollowUpAnswer.said)
            .add_columns(FollowUpAnswer.why)
            .where(
                FollowUpAnswer.outcome_id.in_(_holding(is_visible).with_only_columns(Outcome.id))
            )
            .order_by(FollowUpAnswer.answered_at)
        )
    }
    for outcome in outcomes:
        for number, advice in enumerate(outcome.draft.get("recommendations", []), start=1):
            word = said.get((outcome.id, number))
            key = (advice["kind"], advice["strength"])
            yield (key, word.said, word.why) if word else (key, "not_said", "")


def _holding(is_visible: ColumnElement[bool]) -> Any:
    """The newest signed outcome of each panel that was closed."""
    newest = (
        select(Outcome.panel_id, func.max(Outcome.version).label("version"))
        .where(Outcome.state == "signed")
        .group_by(Outcome.panel_id)
        .subquery()
    )
    return (
        select(Outcome.id, Outcome.draft)
        .join(newest, newest.c.panel_id == Outcome.panel_id)
        .join(Panel, Panel.id == Outcome.panel_id)
        .join(Case, Case.id == Panel.case_id)
        .where(Outcome.version == newest.c.version, is_visible)
    )
