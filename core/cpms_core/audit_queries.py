"""Reading the audit: whose events a person may see, and the names that go with the ids."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from msgspec import Struct
from sqlalchemy import ColumnElement, Select, and_, func, or_, select, true, union
from sqlalchemy.orm import Session

from cpms_core import audit
from cpms_core.actor import Actor, Role
from cpms_core.audit import FROM_THE_CONSOLE, AuditEvent, Event
from cpms_core.auditing.chain import walk
from cpms_core.cases.models import Case, Record
from cpms_core.directory.models import Ern, Hcp
from cpms_core.identity.models import AccessRequest, Recovery, SecurityKey, SignInSession, User
from cpms_core.panels.models import ConsultationRequest
from cpms_core.patients.models import Patient
from cpms_core.patients.team import is_open_to

PAGE = 50
MOST_COUNTED = 10_000
"""Beyond it the count says “more than”: nobody turns two hundred pages."""
CHECKED_AT_ONCE = 20_000
"""A chain up to this long is checked on every look; a longer one when somebody asks for it."""


class Filters(Struct, frozen=True, kw_only=True):
    """Empty means all."""

    case: str = ""
    """A case's id, or a patient's pseudonym."""
    person: str = ""
    """A person's id, or a part of the name or address."""
    kind: str = ""
    """A tag, or the start of several up to a colon."""
    on: date | None = None
    """The day, in UTC."""


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
    seen = _about(actor) if is_about_me else _visible(actor)
    wanted = select(AuditEvent).where(seen, *_wanted(actor, filters))
    counted = select(func.count()).select_from(wanted.limit(MOST_COUNTED + 1).subquery())
    count = session.scalar(counted) or 0
    last = max(1, -(-min(count, MOST_COUNTED) // PAGE))
    page = min(max(page, 1), last)
    newest = wanted.order_by(AuditEvent.at.desc(), AuditEvent.id.desc())
    events = session.scalars(newest.limit(PAGE).offset((page - 1) * PAGE)).all()
    return AuditPage(lines=_lines(session, events), count=count, page=page, last=last)


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


def _visible(actor: Actor) -> ColumnElement[bool]:
    """Everybody their own acts; managers those on their centre, coordinators those on their ERN."""
    if Role.SYSTEM_ADMIN in actor.roles:
        return true()
    return or_(
        AuditEvent.actor_id == actor.user_id,
        AuditEvent.hcp_id.in_(actor.centres(Role.CENTRE_MANAGER)),
        AuditEvent.ern_id.in_(actor.erns(Role.DISPATCHER, Role.COORDINATOR)),
    )


def _about(actor: Actor) -> ColumnElement[bool]:
    """What others did to the cases this person opened, wrote in or sent; and to the account.

    Cases of centres where the person still works. A key, a session, a request of one's own is the
    account too.
    """
    me = actor.user_id
    wrote = select(Record.case_id).where(Record.author_id == me)
    sent = select(ConsultationRequest.case_id).where(ConsultationRequest.submitted_by == me)
    own = (
        or_(Case.created_by == me, Case.id.in_(wrote), Case.id.in_(sent)),
        Case.patient_id.in_(select(Patient.id).where(is_open_to(actor))),
    )
    by_others = or_(AuditEvent.actor_id.is_(None), AuditEvent.actor_id != me)
    cases = or_(
        AuditEvent.case_id.in_(select(Case.id).where(*own)),
        AuditEvent.patient_id.in_(select(Case.patient_id).where(*own)),
    )
    mine = (SecurityKey, SignInSession, AccessRequest, Recovery)
    things = union(*(select(table.id).where(table.user_id == me) for table in mine))
    account = or_(
        AuditEvent.subject_id == me,
        AuditEvent.subject_id.in_(things),
        and_(AuditEvent.actor_id == me, AuditEvent.tag.startswith("site:session:")),
    )
    return or_(and_(by_others, cases), and_(AuditEvent.tag.startswith("site:"), account))


def _wanted(actor: Actor, filters: Filters) -> Iterable[ColumnElement[bool]]:
    if filters.kind.endswith(":"):
        yield AuditEvent.tag.startswith(filters.kind, autoescape=True)
    elif filters.kind:
        yield AuditEvent.tag == filters.kind
    if filters.case:
        yield AuditEvent.case_id.in_(_cases(filters.case))
    if filters.person:
        # Addresses are for those who manage people: others could try one out, letter by letter.
        manages = bool(actor.roles & {Role.SYSTEM_ADMIN, Role.CENTRE_MANAGER})
        people = _people(filters.person, by_address=manages)
        yield or_(AuditEvent.actor_id.in_(people), AuditEvent.subject_id.in_(people))
    if filters.on:
        start = datetime.combine(filters.on, time(), UTC)
        yield AuditEvent.at >= start
        yield AuditEvent.at < start + timedelta(days=1)


def _cases(text: str) -> Sequence[UUID] | Select[UUID]:
    if (case_id := _uuid(text)) is not None:
        return [case_id]
    patients = select(Patient.id).where(func.lower(Patient.pseudonym) == text.lower())
    return select(Case.id).where(Case.patient_id.in_(patients))


def _people(text: str, *, by_address: bool) -> Sequence[UUID] | Select[UUID]:
    if (user_id := _uuid(text)) is not None:
        return [user_id]
    named = or_(
        User.name.contains(text, autoescape=True),
        func.lower(User.name).contains(text.lower(), autoescape=True),
    )
    has_address = User.email.contains(text.casefold(), autoescape=True)
    return select(User.id).where(or_(named, has_address) if by_address else named)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _lines(session: Session, events: Sequence[AuditEvent]) -> tuple[AuditLine, ...]:
    people = _names(session, select(User.id, User.name), User.id, events, "actor_id", "subject_id")
    pseudonyms = select(Case.id, Patient.pseudonym).join(Patient, Patient.id == Case.patient_id)
    cases = _names(session, pseudonyms, Case.id, events, "case_id")
    patients = _names(
        session, select(Patient.id, Patient.pseudonym), Patient.id, events, "patient_id"
    )
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
            case_id=event.case_id if event.case_id in cases else None,
            pseudonym=cases.get(event.case_id) or patients.get(event.patient_id, ""),
            centre=centres.get(event.hcp_id, ""),
            ern=erns.get(event.ern_id, ""),
            detail=event.detail,
            seq=event.seq,
        )
        for event in events
    )


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
