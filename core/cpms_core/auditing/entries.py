"""Sealed events as they leave the site: ids with the names that belong to them, as plain text."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from msgspec import Struct
from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from cpms_core.audit import AuditEvent
from cpms_core.cases.models import Case
from cpms_core.directory.models import Hcp
from cpms_core.identity.models import User
from cpms_core.patients.models import Patient


class Span(Struct, frozen=True, kw_only=True):
    """Which entries: from a moment on, to one that is no longer meant."""

    since: datetime
    until: datetime | None = None
    last: int
    """The last place that is meant; what is sealed meanwhile is not."""


class Entry(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """No patient's name is in it: the store has those sealed, the audit has none."""

    seq: int
    id: UUID
    at: datetime
    tag: str
    actor_id: UUID | None = None
    actor: str = ""
    roles: str = ""
    session_id: UUID | None = None
    case_id: UUID | None = None
    patient_id: UUID | None = None
    pseudonym: str = ""
    centre: str = ""
    """The centre's code."""
    ern: str = ""
    subject_id: UUID | None = None
    subject: str = ""
    """The person's name, if it was done to one."""
    detail: Mapping[str, str | int | bool] = {}


def count_entries(session: Session, span: Span) -> int:
    return session.scalar(_meant(span, select(func.count()))) or 0


def read_entries(session: Session, span: Span) -> Iterator[Entry]:
    """In the chain's order, in constant memory."""
    query = _meant(span, select(AuditEvent)).order_by(AuditEvent.seq).limit(_PAGE)
    after = 0
    while events := session.scalars(query.where(AuditEvent.seq > after)).all():
        names = _Names(session, events)
        yield from (names.entry(event) for event in events)
        after = events[-1].seq or 0
        session.expunge_all()


def plain(text: str) -> str:
    """One line that shows on a terminal what it is: controls and hidden signs by their number."""
    cut = text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
    return _HIDDEN.sub(lambda found: f"\\u{ord(found[0]):04x}", cut)


_PAGE = 500
_LONGEST: Final = 200
_HIDDEN = re.compile(
    # Controls with ESC, CR and LF; zero width, bidi and other formats; line separators; halves of
    # characters and what is none.
    "[\x00-\x1f\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u180e\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\ud800-\udfff\ufdd0-\ufdef\ufeff\ufff9-\uffff\U000e0000-\U000e007f]"
)


def _meant(span: Span, query: Select[Any]) -> Select[Any]:
    query = query.where(AuditEvent.seq <= span.last, AuditEvent.at >= span.since)
    return query.where(AuditEvent.at < span.until) if span.until else query


class _Names:
    """The names that belong to the ids of some events."""

    def __init__(self, session: Session, events: Any) -> None:
        self._session, self._events = session, events
        self._people = self._of(select(User.id, User.name), User.id, "actor_id", "subject_id")
        self._patients = self._of(select(Patient.id, Patient.pseudonym), Patient.id, "patient_id")
        pseudonyms = select(Case.id, Patient.pseudonym).join(Patient, Patient.id == Case.patient_id)
        self._cases = self._of(pseudonyms, Case.id, "case_id")
        self._centres = self._of(select(Hcp.id, Hcp.code), Hcp.id, "hcp_id")

    def _of(self, names: Select[Any, str], key: Any, *columns: str) -> Mapping[UUID | None, str]:
        ids = {getattr(event, column) for event in self._events for column in columns} - {None}
        rows = self._session.execute(names.where(key.in_(ids))) if ids else ()
        return {row[0]: plain(row[1]) for row in rows}

    def entry(self, event: AuditEvent) -> Entry:
        return Entry(
            seq=event.seq or 0,
            id=event.id,
            at=event.at,
            tag=plain(event.tag),
            actor_id=event.actor_id,
            actor=self._people.get(event.actor_id, ""),
            roles=plain(event.roles),
            session_id=event.session_id,
            case_id=event.case_id,
            patient_id=event.patient_id,
            pseudonym=self._cases.get(event.case_id) or self._patients.get(event.patient_id, ""),
            centre=self._centres.get(event.hcp_id, ""),
            ern=plain(event.ern_id or ""),
            subject_id=event.subject_id,
            subject=self._people.get(event.subject_id, ""),
            detail={plain(key): _value(one) for key, one in event.detail.items()},
        )


def _value(one: object) -> str | int | bool:
    return one if isinstance(one, bool | int) else plain(str(one))
