"""What happened on a panel, in order: contributions, and the steps around them from the audit."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.orm import Session

from cpms_core import words
from cpms_core.audit import AuditEvent, Event
from cpms_core.clock import clock
from cpms_core.identity.models import User
from cpms_core.panels import stages
from cpms_core.panels.discussion.looks import last_look
from cpms_core.panels.discussion.mentions import read_names
from cpms_core.panels.discussion.question_queries import Question
from cpms_core.panels.discussion.threads import (
    Reader,
    Said,
    Thread,
    Threads,
    read_said,
    read_threads,
)
from cpms_core.panels.scope import PanelScope
from cpms_core.registry import Registry

SHOWN = 20
"""The newest entries, which a page shows at first."""
MOST_NEW = 40
"""Unread ones before them on the same page."""
_TOGETHER = timedelta(hours=1)
"""The same step by the same person within this time is told once, with a count."""
TOLD = (
    Event.REQUEST_SUBMITTED,
    Event.REQUEST_RETURNED,
    Event.LEAD_NAMED,
    Event.EXPERT_INVITED,
    Event.GUEST_INVITED,
    Event.GUEST_EXTENDED,
    Event.INVITATION_ANSWERED,
    Event.MEMBER_REMOVED,
    Event.OFFER_ANSWERED,
    Event.PANEL_SHARED,
    Event.RECORD_SAVED,
    Event.ATTACHMENT_ADDED,
    Event.STAGE_CHANGED,
    Event.OUTCOME_TAKEN_BACK,
    Event.OUTCOME_SIGNED,
    Event.FOLLOW_UP_ANSWERED,
    Event.REOPENING_ASKED,
)
_OF_THE_CASE = {Event.RECORD_SAVED, Event.ATTACHMENT_ADDED}


class Entry(Struct, frozen=True, kw_only=True):
    """A contribution with its replies, a question to the submitter or its end, or a step."""

    id: str
    at: datetime
    who: str
    title: str = ""
    said: Said | None = None
    asked: Question | None = None
    is_new: bool = False

    @property
    def text(self) -> str:
        return self.said.opinion.text if self.said else ""


class Timeline(Struct, frozen=True, kw_only=True):
    """What of a discussion is on the page: the newest, and what is new wherever it stands."""

    entries: tuple[Entry, ...] = ()
    shown: int = SHOWN
    """How many of the newest were asked for."""
    earlier: int = 0
    """Entries that are not on it."""
    earlier_new: int = 0
    """How many of them are new."""
    new: int = 0
    """Contributions, replies and steps since the reader last looked."""
    first_new: str = ""
    """The id of the first of them on the page."""
    names: tuple[str, ...] = ()
    """Whom a contribution can speak to."""
    shown_at: datetime
    """When it was read: until then the reader has seen everything on it."""


def read_timeline(
    session: Session,
    registry: Registry,
    scope: PanelScope,
    reader_id: UUID,
    questions: Iterable[Question],
    *,
    show: int = SHOWN,
    at: UUID | None = None,
) -> Timeline:
    """Oldest first. `show` is how many of the newest; `at` a contribution that must be there."""
    shown_at = clock.now()
    reader = Reader(reader_id, last_look(session, scope.panel.id, reader_id))
    steps = [
        *_steps(session, registry, scope, reader),
        *_questions(questions, reader),
    ]
    threads = read_threads(session, scope.panel.id, reader, show, at)
    on_page = _choose(steps, threads, show, at)
    ids = [one.id for one in on_page if isinstance(one, Thread)]
    names = read_names(session, scope.panel.id)
    said = read_said(session, ids, names, reader) if ids else {}
    entries = tuple(
        one if isinstance(one, Entry) else _contribution(said[one.id]) for one in on_page
    )
    new = sum(step.is_new for step in steps) + threads.new
    return Timeline(
        entries=entries,
        shown=show,
        earlier=len(steps) + threads.total - len(entries),
        earlier_new=new - sum(map(_new_in, on_page)),
        new=new,
        first_new=next((one.id for one in entries if one.is_new), ""),
        names=tuple(names),
        shown_at=shown_at,
    )


def _choose(
    steps: Sequence[Entry], threads: Threads, show: int, at: UUID | None
) -> list[Thread | Entry]:
    """The newest, and as many of the unread before them as a page takes."""
    places: list[Thread | Entry] = sorted([*steps, *threads.some], key=lambda one: one.at)
    newest = len(places) - show
    room = MOST_NEW
    chosen: list[Thread | Entry] = []
    for place in range(len(places) - 1, -1, -1):
        one = places[place]
        if place >= newest or one.id == at:
            chosen.append(one)
        elif _new_in(one) and room:
            room -= 1
            chosen.append(one)
    return chosen[::-1]


def _new_in(one: Thread | Entry) -> int:
    return one.new if isinstance(one, Thread) else one.is_new


def _contribution(said: Said) -> Entry:
    is_new = said.is_new or any(reply.is_new for reply in said.replies)
    return Entry(id=f"c-{said.id}", at=said.at, who=said.who, said=said, is_new=is_new)


def _steps(
    session: Session, registry: Registry, scope: PanelScope, reader: Reader
) -> Iterable[Entry]:
    about = {scope.panel.id, scope.request.id}
    rows = session.execute(
        select(AuditEvent.id, AuditEvent.at, AuditEvent.tag, AuditEvent.actor_id)
        .add_columns(AuditEvent.subject_id, AuditEvent.ern_id, AuditEvent.detail, User.name)
        .outerjoin(User, User.id == AuditEvent.actor_id)
        .where(
            AuditEvent.case_id == scope.case.id,
            AuditEvent.tag.in_([str(event) for event in TOLD]),
            AuditEvent.at >= scope.request.submitted_at - timedelta(seconds=1),
        )
        .order_by(AuditEvent.at, AuditEvent.id)
    ).all()
    chain: list[Any] = []
    for row in rows:
        is_ours = row.tag in _OF_THE_CASE or row.subject_id in about
        if not is_ours and row.ern_id != scope.panel.ern_id:
            continue
        if chain and not _is_same_step(chain[-1], row):
            yield _step(registry, chain, reader)
            chain = []
        chain.append(row)
    if chain:
        yield _step(registry, chain, reader)


def _questions(questions: Iterable[Question], reader: Reader) -> Iterable[Entry]:
    """Each twice: when it was asked, and when it was answered or taken back."""
    for one in questions:
        is_new = reader.finds_new(one.asked_at, one.asker_id)
        yield Entry(id=f"q-{one.id}", at=one.asked_at, who=one.asker, asked=one, is_new=is_new)
        if one.answered_at:
            is_new = reader.finds_new(one.answered_at, one.answerer_id)
            yield Entry(
                id=f"a-{one.id}", at=one.answered_at, who=one.answerer, asked=one, is_new=is_new
            )


def _is_same_step(before: Any, after: Any) -> bool:
    return bool(
        before.tag == after.tag
        and before.actor_id == after.actor_id
        and after.at - before.at < _TOGETHER
        and before.detail.get("dataset") == after.detail.get("dataset")
        and after.tag != Event.STAGE_CHANGED
    )


def _step(registry: Registry, chain: list[Any], reader: Reader) -> Entry:
    last = chain[-1]
    return Entry(
        id=f"e-{last.id}",
        at=last.at,
        who=last.name or "the site",
        title=_title(registry, last, len(chain)),
        is_new=reader.finds_new(last.at, last.actor_id),
    )


def _title(registry: Registry, row: Any, count: int) -> str:
    detail = row.detail
    match row.tag:
        case Event.RECORD_SAVED:
            entry = registry.datasets.get(detail.get("dataset", ""))
            return f"{entry.dataset.title if entry else 'A form'} saved"
        case Event.ATTACHMENT_ADDED:
            return f"{words.plural(count, 'file')} added"
        case Event.EXPERT_INVITED | Event.GUEST_INVITED:
            who = "expert" if row.tag == Event.EXPERT_INVITED else "guest"
            return f"{words.plural(count, who)} invited"
        case Event.INVITATION_ANSWERED | Event.OFFER_ANSWERED:
            return _ANSWERS[row.tag, detail.get("answer") == "accepted"]
        case Event.STAGE_CHANGED:
            return f"Stage: {stages.title(detail.get('to', ''))}"
        case tag:
            return _TITLES[tag]


_ANSWERS = {
    (Event.INVITATION_ANSWERED, True): "Joined the panel",
    (Event.INVITATION_ANSWERED, False): "Declined the invitation",
    (Event.OFFER_ANSWERED, True): "Accepted an offer to take part",
    (Event.OFFER_ANSWERED, False): "Declined an offer to take part",
}
"""Whether they joined → in words."""
_TITLES: dict[str, str] = {
    Event.REQUEST_SUBMITTED: "Request sent",
    Event.REQUEST_RETURNED: "Request returned to the submitter",
    Event.PANEL_SHARED: "Another ERN joined the panel",
    Event.LEAD_NAMED: "Lead named",
    Event.GUEST_EXTENDED: "A guest's time changed",
    Event.MEMBER_REMOVED: "A member left the panel",
    Event.OUTCOME_TAKEN_BACK: "Outcome taken back to be changed",
    Event.OUTCOME_SIGNED: "Outcome signed",
    Event.FOLLOW_UP_ANSWERED: "Told what became of the advice",
    Event.REOPENING_ASKED: "Asked to reopen the panel",
}
