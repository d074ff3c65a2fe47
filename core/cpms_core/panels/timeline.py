"""What happened on a panel, in order: contributions, and the steps around them from the audit."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.orm import Session

from cpms_core import words
from cpms_core.audit import AuditEvent, Event
from cpms_core.directory.models import Hcp
from cpms_core.identity.models import User
from cpms_core.panels import stages
from cpms_core.panels.discussion import CERTAINTIES
from cpms_core.panels.models import Contribution
from cpms_core.panels.scope import PanelScope
from cpms_core.registry import Registry

_TOGETHER = timedelta(hours=1)
"""The same step by the same person within this time is told once, with a count."""
_TOLD = (
    Event.REQUEST_SUBMITTED,
    Event.REQUEST_RETURNED,
    Event.LEAD_NAMED,
    Event.EXPERT_INVITED,
    Event.GUEST_INVITED,
    Event.GUEST_EXTENDED,
    Event.INVITATION_ANSWERED,
    Event.MEMBER_REMOVED,
    Event.RECORD_SAVED,
    Event.ATTACHMENT_ADDED,
    Event.STAGE_CHANGED,
    Event.OUTCOME_TAKEN_BACK,
    Event.OUTCOME_SIGNED,
)
_OF_THE_CASE = {Event.RECORD_SAVED, Event.ATTACHMENT_ADDED}


class Entry(Struct, frozen=True, kw_only=True):
    """A contribution if it has a text, otherwise a step."""

    id: str
    at: datetime
    who: str
    title: str = ""
    initials: str = ""
    behind: str = ""
    """Specialty and place of who contributed."""
    text: str = ""
    certainty: str = ""
    is_mine: bool = False


def read_timeline(
    session: Session, registry: Registry, scope: PanelScope, reader_id: UUID
) -> tuple[Entry, ...]:
    """Everything since the submission, oldest first."""
    entries = [
        *_contributions(session, scope.panel.id, reader_id),
        *_steps(session, registry, scope),
    ]
    return tuple(sorted(entries, key=lambda entry: entry.at))


def _contributions(session: Session, panel_id: UUID, reader_id: UUID) -> Iterable[Entry]:
    rows = session.execute(
        select(
            *(Contribution.id, Contribution.author_id, Contribution.text),
            *(Contribution.certainty, Contribution.given_at),
            *(User.name, User.specialty, Hcp.city),
        )
        .join(User, User.id == Contribution.author_id)
        .outerjoin(Hcp, Hcp.id == User.hcp_id)
        .where(Contribution.panel_id == panel_id)
    )
    for row in rows:
        yield Entry(
            id=f"c-{row.id}",
            at=row.given_at,
            who=row.name,
            initials=initials_of(row.name),
            behind=", ".join(filter(None, (row.specialty, row.city))),
            text=row.text,
            certainty=CERTAINTIES.get(row.certainty, "") if row.certainty else "",
            is_mine=row.author_id == reader_id,
        )


def _steps(session: Session, registry: Registry, scope: PanelScope) -> Iterable[Entry]:
    about = {scope.panel.id, scope.request.id}
    rows = session.execute(
        select(AuditEvent.id, AuditEvent.at, AuditEvent.tag, AuditEvent.actor_id)
        .add_columns(AuditEvent.subject_id, AuditEvent.ern_id, AuditEvent.detail, User.name)
        .outerjoin(User, User.id == AuditEvent.actor_id)
        .where(
            AuditEvent.case_id == scope.case.id,
            AuditEvent.tag.in_([str(event) for event in _TOLD]),
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
            yield _step(registry, chain)
            chain = []
        chain.append(row)
    if chain:
        yield _step(registry, chain)


def _is_same_step(before: Any, after: Any) -> bool:
    return bool(
        before.tag == after.tag
        and before.actor_id == after.actor_id
        and after.at - before.at < _TOGETHER
        and before.detail.get("dataset") == after.detail.get("dataset")
        and after.tag != Event.STAGE_CHANGED
    )


def _step(registry: Registry, chain: list[Any]) -> Entry:
    last = chain[-1]
    return Entry(
        id=f"e-{last.id}",
        at=last.at,
        who=last.name or "the site",
        title=_title(registry, last, len(chain)),
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
        case Event.INVITATION_ANSWERED:
            joined = detail.get("answer") == "accepted"
            return "Joined the panel" if joined else "Declined the invitation"
        case Event.STAGE_CHANGED:
            return f"Stage: {stages.title(detail.get('to', ''))}"
        case tag:
            return _TITLES[tag]


_TITLES: dict[str, str] = {
    Event.REQUEST_SUBMITTED: "Request sent",
    Event.REQUEST_RETURNED: "Request returned to the submitter",
    Event.LEAD_NAMED: "Lead named",
    Event.GUEST_EXTENDED: "A guest's time changed",
    Event.MEMBER_REMOVED: "A member left the panel",
    Event.OUTCOME_TAKEN_BACK: "Outcome taken back to be changed",
    Event.OUTCOME_SIGNED: "Outcome signed",
}


def initials_of(name: str) -> str:
    """Of the last two words that start with a letter, without a title such as Dr."""
    parts = [word for word in name.split() if word[:1].isalpha() and not word.endswith(".")]
    parts = [word for word in parts if word.casefold() not in {"dr", "prof"}] or parts
    return "".join(word[0] for word in (parts[:1] + parts[1:][-1:]))[:2].upper()
