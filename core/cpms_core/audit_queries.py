"""Reading the audit: the events a person may see, and the names that go with the ids."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct
from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from cpms_core import audit
from cpms_core.actor import Actor
from cpms_core.audit import FROM_THE_CONSOLE, AuditEvent, Event
from cpms_core.audit_scope import (
    Filters,
    has_broken_glass,
    is_about_self,
    is_open_case,
    is_overseen,
    is_visible,
    wanted_by,
)
from cpms_core.auditing.chain import walk
from cpms_core.cases.models import Case
from cpms_core.directory.models import Ern, Hcp
from cpms_core.identity.models import User
from cpms_core.patients.models import Patient
from cpms_core.patients.team import is_open_to

PAGE = 50
MOST_COUNTED = 10_000
"""Beyond it the count says “more than”: nobody turns two hundred pages."""
CHECKED_AT_ONCE = 20_000
"""A chain up to this long is checked on every look; a longer one when somebody asks for it."""


class AuditLine(Struct, frozen=True, kw_only=True):
    at: datetime
    tag: str
    who: str
    """Empty for the server's console and for somebody who was not signed in."""
    is_console: bool
    roles: str
    about: str
    """The person it was done to, if it was done to one."""
    case_id: UUID | None
    pseudonym: str
    """Empty for a case of before: see `is_closed`."""
    is_closed: bool
    """Whether it is about a case or patient that the reader may no longer open."""
    centre: str
    ern: str
    detail: Mapping[str, Any]
    seq: int | None
    """Its place in the sealed chain; None for the last seconds."""


class AuditPage(Struct, frozen=True, kw_only=True):
    lines: tuple[AuditLine, ...]
    count: int
    page: int
    last: int

    @property
    def is_more(self) -> bool:
        """Whether there are more events than were counted."""
        return self.count > MOST_COUNTED


class Chain(Struct, frozen=True, kw_only=True):
    """How the chain stands. `first_break` counts only if it `is_checked`."""

    sealed: int
    waiting: int
    is_checked: bool
    first_break: int | None = None


def read_audit(
    session: Session, actor: Actor, filters: Filters, page: int = 1, *, is_about_me: bool = False
) -> AuditPage:
    """Newest first. Reading is itself an event, with what was looked for but no name in it.

    `is_about_me`: what others did to the actor's own cases, and what was done to the account.
    """
    used = [name for name in ("case", "person", "kind", "on") if getattr(filters, name)]
    view = "own" if is_about_me else None
    audit.record(
        session, actor, Event.AUDIT_READ, page=page, filters=" ".join(used) or None, view=view
    )
    session.flush()
    seen = is_about_self(actor) if is_about_me else is_visible(actor)
    wanted = select(AuditEvent).where(seen, *wanted_by(actor, filters))
    counted = select(func.count()).select_from(wanted.limit(MOST_COUNTED + 1).subquery())
    count = session.scalar(counted) or 0
    last = max(1, -(-min(count, MOST_COUNTED) // PAGE))
    page = min(max(page, 1), last)
    newest = wanted.order_by(AuditEvent.at.desc(), AuditEvent.id.desc())
    events = session.scalars(newest.limit(PAGE).offset((page - 1) * PAGE)).all()
    return AuditPage(lines=_lines(session, actor, events), count=count, page=page, last=last)


def read_chain(session: Session, *, is_asked: bool = False) -> Chain:
    """Whether what was sealed is still what is there."""
    sealed = session.scalar(select(func.max(AuditEvent.seq))) or 0
    unsealed = select(func.count()).select_from(AuditEvent).where(AuditEvent.seq.is_(None))
    waiting = session.scalar(unsealed) or 0
    if sealed > CHECKED_AT_ONCE and not is_asked:
        return Chain(sealed=sealed, waiting=waiting, is_checked=False)
    broken = walk(session).first_break
    seq = broken.seq if broken else None
    return Chain(sealed=sealed, waiting=waiting, is_checked=True, first_break=seq)


def _lines(session: Session, actor: Actor, events: Sequence[AuditEvent]) -> tuple[AuditLine, ...]:
    people = _names(session, select(User.id, User.name), User.id, events, "actor_id", "subject_id")
    pseudonyms = _pseudonyms(session, actor, events)
    centres = _names(session, select(Hcp.id, Hcp.code), Hcp.id, events, "hcp_id")
    erns = _names(session, select(Ern.id, Ern.name), Ern.id, events, "ern_id")
    return tuple(
        AuditLine(
            at=event.at,
            tag=event.tag,
            who=people.get(event.actor_id, ""),
            is_console=bool(event.roles) or event.tag in FROM_THE_CONSOLE,
            roles=event.roles,
            about=people.get(event.subject_id, "") if event.subject_id != event.actor_id else "",
            case_id=event.case_id if event.id in pseudonyms else None,
            pseudonym=pseudonyms.get(event.id, ""),
            is_closed=bool(event.case_id or event.patient_id) and event.id not in pseudonyms,
            centre=centres.get(event.hcp_id, ""),
            ern=erns.get(event.ern_id, ""),
            detail=event.detail,
            seq=event.seq,
        )
        for event in events
    )


def _pseudonyms(session: Session, actor: Actor, events: Sequence[AuditEvent]) -> Mapping[UUID, str]:
    """By the events' ids: of what the actor oversees, and else of what the actor may open now."""
    ids = [event.id for event in events]
    of_cases = (
        select(AuditEvent.id, Patient.pseudonym)
        .join(Case, Case.id == AuditEvent.case_id)
        .join(Patient, Patient.id == Case.patient_id)
        .where(AuditEvent.id.in_(ids), or_(is_overseen(actor), is_open_case(actor)))
    )
    is_open = or_(is_open_to(actor), has_broken_glass(actor))
    of_patients = (
        select(AuditEvent.id, Patient.pseudonym)
        .join(Patient, Patient.id == AuditEvent.patient_id)
        .where(
            AuditEvent.id.in_(ids),
            AuditEvent.case_id.is_(None),
            or_(is_overseen(actor), is_open),
        )
    )
    return {row[0]: row[1] for one in (of_cases, of_patients) for row in session.execute(one)}


def _names(
    session: Session,
    names: Select[Any, str],
    key: Any,
    events: Sequence[AuditEvent],
    *columns: str,
) -> Mapping[Any, str]:
    """Of the ids in these columns, those that still have a name."""
    ids = {getattr(event, column) for event in events for column in columns} - {None}
    if not ids:
        return {}
    return {row[0]: row[1] for row in session.execute(names.where(key.in_(ids)))}
