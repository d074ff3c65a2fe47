"""What became of the advice: the submitter says it with one tap for each recommendation."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from itertools import chain
from operator import attrgetter
from uuid import UUID

from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.orm import Session

from cpms_core.access import may
from cpms_core.actor import Actor
from cpms_core.audit import Event
from cpms_core.clock import clock
from cpms_core.errors import ConflictError, InvalidError, NotFoundError
from cpms_core.panels.after.follow_up_plan import KINDS, WAITS
from cpms_core.panels.after.models import FollowUp, FollowUpAnswer
from cpms_core.panels.models import Outcome
from cpms_core.panels.noting import note_of_panel
from cpms_core.panels.outcome.versions import newest_signed
from cpms_core.panels.scope import PanelScope, find_panel
from cpms_core.panels.stages import Stage

SAID: Mapping[str, str] = {"done": "Done", "planned": "Planned", "not_done": "Not done"}
REASONS = (
    "not available here",
    "the family did not want it",
    "no longer needed",
    "waiting list",
    "cost",
)
"""Why advice was not followed, as the form offers it; any other word will do."""
_LONGEST = 500
_by_time = attrgetter("answered_at")
Answers = Mapping[UUID, Sequence[FollowUpAnswer]]


class Advice(Struct, frozen=True, kw_only=True):
    """A recommendation, and what was said of it last."""

    number: int
    what: str
    said: str
    """A key of SAID; empty if nothing was said yet."""
    why: str
    said_at: datetime | None


class Asked(Struct, frozen=True, kw_only=True):
    """A question that waits for the submitter, or that waited too long."""

    id: UUID
    panel_id: UUID
    when: str
    """`after 21 days`."""
    due_on: date
    until: date
    """Its last day."""
    is_over: bool
    note: str
    advice: tuple[Advice, ...]
    answered: int
    reasons: tuple[str, ...] = REASONS


class FollowUpPart(Struct, frozen=True, kw_only=True):
    """What an outcome's page shows of what came after it."""

    advice: tuple[Advice, ...]
    """What was said last of each recommendation of the outcome that holds."""
    notes: tuple[tuple[date, str], ...]
    """What was said of the patient, newest first."""
    asked: Asked | None
    """What the reader can answer now."""
    days: tuple[tuple[str, date, str], ...]
    """Every question: when, the day, and how it stands."""

    @property
    def is_told(self) -> bool:
        return bool(self.notes) or any(one.said for one in self.advice)


def read_follow_up(session: Session, actor: Actor, panel_id: UUID) -> FollowUpPart:
    """Without an event of its own: it is a part of pages that have theirs."""
    scope = find_panel(session, actor, panel_id, "outcome.read")
    rows = _follow_ups(session, panel_id)
    outcome = newest_signed(session, panel_id)
    answers = answers_to(session, [one.id for one in rows])
    due = _due(rows) if may(actor, "follow_up.answer", scope.subject) else None
    if scope.panel.stage not in {Stage.CLOSED, Stage.ARCHIVED}:
        due = None
    return FollowUpPart(
        advice=_advice(outcome, sorted(chain(*answers.values()), key=_by_time)),
        notes=tuple(
            (one.answered_at.date(), one.note)
            for one in reversed(rows)
            if one.note and one.answered_at
        ),
        asked=asked_about(due, outcome, answers) if due else None,
        days=tuple((KINDS[one.kind], one.due_on, _standing(one)) for one in rows),
    )


def answer_advice(
    session: Session, actor: Actor, follow_up_id: UUID, number: int, said: str, why: str = ""
) -> FollowUp:
    """One recommendation: done, planned, or not done and why. The last word counts."""
    found, scope = _find(session, actor, follow_up_id)
    outcome = newest_signed(session, found.panel_id)
    count = len(outcome.draft.get("recommendations", [])) if outcome else 0
    why = why.strip()
    wrong = {}
    if said not in SAID:
        wrong["said"] = "Choose one."
    if len(why) > _LONGEST or "\x00" in why:
        wrong["why"] = f"Use at most {_LONGEST} characters, without control characters."
    if wrong:
        raise InvalidError("This was not taken yet.", wrong)
    if outcome is None or not 1 <= number <= count:
        raise ConflictError(
            "The outcome was amended in the meantime. Look at its recommendations as they are now."
        )
    answer = session.get(FollowUpAnswer, (found.id, outcome.id, number)) or FollowUpAnswer(
        follow_up_id=found.id, outcome_id=outcome.id, number=number
    )
    answer.said, answer.answered_at = said, clock.now()
    answer.why = why if said == "not_done" else ""
    session.add(answer)
    session.flush()
    answered = session.scalars(
        select(FollowUpAnswer.number).where(
            FollowUpAnswer.follow_up_id == found.id, FollowUpAnswer.outcome_id == outcome.id
        )
    ).all()
    _note_answer(session, actor, scope, found, is_whole=len(answered) == count)
    return found


def tell_story(session: Session, actor: Actor, follow_up_id: UUID, text: str) -> FollowUp:
    """What became of the patient, in a sentence; all there is to say without recommendations."""
    found, scope = _find(session, actor, follow_up_id)
    text = text.strip()
    if not text or len(text) > _LONGEST or "\x00" in text:
        raise InvalidError(
            "This was not taken yet.", {"note": f"Say it in at most {_LONGEST} characters."}
        )
    found.note = text
    outcome = newest_signed(session, found.panel_id)
    has_advice = bool(outcome and outcome.draft.get("recommendations"))
    _note_answer(session, actor, scope, found, is_whole=not has_advice)
    return found


def answers_to(session: Session, follow_up_ids: Collection[UUID]) -> Answers:
    """By question, the last word last."""
    rows = session.scalars(
        select(FollowUpAnswer)
        .where(FollowUpAnswer.follow_up_id.in_(follow_up_ids))
        .order_by(FollowUpAnswer.answered_at)
    )
    found: dict[UUID, list[FollowUpAnswer]] = {}
    for one in rows:
        found.setdefault(one.follow_up_id, []).append(one)
    return found


def asked_about(found: FollowUp, outcome: Outcome | None, answers: Answers) -> Asked:
    """The question as it stands: with the answers to it so far, none of earlier ones."""
    advice = _advice(outcome, answers.get(found.id, ()))
    return Asked(
        id=found.id,
        panel_id=found.panel_id,
        when=KINDS[found.kind],
        due_on=found.due_on,
        until=found.due_on + WAITS,
        is_over=found.state == "expired",
        note=found.note,
        advice=advice,
        answered=sum(bool(one.said) for one in advice),
    )


def find_asked(session: Session, actor: Actor, follow_up_id: UUID) -> Asked:
    """For a page that shows one question; without an event of its own."""
    found, _ = _find(session, actor, follow_up_id)
    return asked_about(
        found, newest_signed(session, found.panel_id), answers_to(session, [found.id])
    )


def _find(session: Session, actor: Actor, follow_up_id: UUID) -> tuple[FollowUp, PanelScope]:
    found = session.get(FollowUp, follow_up_id)
    if found is None:
        raise NotFoundError
    scope = find_panel(session, actor, found.panel_id, "follow_up.answer")
    if found.due_on > clock.today():
        raise ConflictError("This is asked later; nothing was kept.")
    if scope.panel.stage not in {Stage.CLOSED, Stage.ARCHIVED}:
        raise ConflictError(
            "The panel is open again, so its advice may change. You are asked once it is closed."
        )
    return found, scope


def _note_answer(
    session: Session, actor: Actor, scope: PanelScope, found: FollowUp, *, is_whole: bool
) -> None:
    found.answered_by, found.answered_at = actor.user_id, clock.now()
    if is_whole:
        found.state = "answered"
    session.flush()
    note_of_panel(session, actor, scope, Event.FOLLOW_UP_ANSWERED, asked=found.kind)


def _follow_ups(session: Session, panel_id: UUID) -> Sequence[FollowUp]:
    return session.scalars(
        select(FollowUp).where(FollowUp.panel_id == panel_id).order_by(FollowUp.due_on)
    ).all()


def _due(rows: Iterable[FollowUp]) -> FollowUp | None:
    """The newest that is due: its answers are the patient's present state."""
    return next((one for one in reversed(list(rows)) if one.due_on <= clock.today()), None)


def _standing(one: FollowUp) -> str:
    if one.state == "answered":
        return "answered"
    if one.state == "expired":
        return "not answered in time"
    return "asked, not answered yet" if one.due_on <= clock.today() else "still to come"


def _advice(outcome: Outcome | None, answers: Iterable[FollowUpAnswer]) -> tuple[Advice, ...]:
    """Each recommendation with the last word on it among these answers."""
    if outcome is None:
        return ()
    said = {one.number: one for one in answers if one.outcome_id == outcome.id}
    return tuple(
        _one_advice(number, one["what"], said.get(number))
        for number, one in enumerate(outcome.draft.get("recommendations", []), start=1)
    )


def _one_advice(number: int, what: str, answer: FollowUpAnswer | None) -> Advice:
    return Advice(
        number=number,
        what=what,
        said=answer.said if answer else "",
        why=answer.why if answer else "",
        said_at=answer.answered_at if answer else None,
    )
