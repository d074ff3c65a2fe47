"""Who did what to whose data, when: append-only, in the same transaction as the act itself.

A job seals events into a hash chain within seconds, so that writers never queue on the chain.
The rows hold ids only; names are looked up when somebody who may see them reads the audit.
"""

import hashlib
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Engine, Index, func, insert, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from cpms_core.actor import Actor
from cpms_core.clock import clock
from cpms_core.db import Base, JsonValue, new_id, transaction, write


class Event(StrEnum):
    """`source:subject:act in the past`. A plugin's own events start with its name."""

    SIGNED_IN = "site:session:started"
    SIGNED_OUT = "site:session:ended"
    STEPPED_UP = "site:session:stepped_up"
    SIGN_IN_REFUSED = "site:session:refused"
    LINK_OPENED = "site:link:opened"
    KEY_ENROLLED = "site:key:enrolled"
    KEY_REFUSED = "site:key:refused"
    KEY_RENAMED = "site:key:renamed"
    KEY_REMOVED = "site:key:removed"
    KEY_FLAGGED = "site:key:flagged"
    PERSON_INVITED = "site:person:invited"
    PERSON_DISABLED = "site:person:disabled"
    PERSON_ENABLED = "site:person:enabled"
    LINK_RENEWED = "site:link:renewed"
    PROFILE_READ = "site:profile:read"
    PREFERENCES_SAVED = "site:preferences:saved"
    PEOPLE_LISTED = "site:people:listed"
    PLUGINS_LISTED = "site:plugins:listed"
    PLUGIN_ENABLED = "site:plugin:enabled"
    PLUGIN_DISABLED = "site:plugin:disabled"
    AUDIT_READ = "site:audit:read"
    HOME_READ = "site:home:read"
    HELP_READ = "site:help:read"
    TERMS_SEARCHED = "site:terms:searched"
    SEARCHED = "site:search:made"
    CHALLENGED = "site:ceremony:begun"

    CENTRE_READ = "centre:patients:listed"
    PATIENT_ENROLLED = "centre:patient:enrolled"
    PATIENT_READ = "centre:patient:read"
    IDENTITY_READ = "centre:identity:read"
    CONSENT_RECORDED = "centre:consent:recorded"
    CONSENT_WITHDRAWN = "centre:consent:withdrawn"

    CASE_OPENED = "case:case:opened"
    CASE_READ = "case:case:read"
    CASE_IMPORTED = "case:case:imported"
    CASE_EXPORTED = "case:case:exported"
    CASE_WITHDRAWN = "case:case:withdrawn"
    RECORD_READ = "case:record:read"
    RECORD_SAVED = "case:record:saved"
    RECORD_DRAFTED = "case:record:drafted"
    RECORD_DRAFT_DROPPED = "case:record:draft_dropped"
    ATTACHMENT_ADDED = "case:attachment:added"
    ATTACHMENT_REFUSED = "case:attachment:refused"
    ATTACHMENT_READ = "case:attachment:read"
    ATTACHMENT_RELEASED = "case:attachment:released"
    ATTACHMENT_REMOVED = "case:attachment:removed"
    IMAGES_VIEWED = "case:images:viewed"

    ERN_READ = "ern:requests:listed"
    REQUEST_SUBMITTED = "ern:request:submitted"
    REQUEST_RETURNED = "ern:request:returned"
    REQUEST_DECLINED = "ern:request:declined"
    LEAD_NAMED = "ern:panel:lead_named"
    EXPERT_INVITED = "panel:member:invited"
    INVITATION_ANSWERED = "panel:member:answered"
    MEMBER_REMOVED = "panel:member:removed"
    CONTRIBUTED = "panel:contribution:given"
    STAGE_CHANGED = "panel:stage:changed"
    OUTCOME_DRAFTED = "panel:outcome:drafted"
    OUTCOME_PUT_TO_MEMBERS = "panel:outcome:put_to_members"
    OUTCOME_TAKEN_BACK = "panel:outcome:taken_back"
    POSITION_GIVEN = "panel:outcome:judged"
    OUTCOME_SIGNED = "panel:outcome:signed"
    OUTCOME_READ = "panel:outcome:read"
    OUTCOME_VERIFIED = "panel:outcome:verified"
    REPORT_READ = "report:report:read"
    REPORT_EXPORTED = "report:report:exported"

    BACKUP_MADE = "site:backup:made"
    BACKUP_RESTORED = "site:backup:restored"
    DENIED = "site:access:denied"


class AuditEvent(Base):
    __tablename__ = "audit_event"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    at: Mapped[datetime] = mapped_column(default=clock.now, index=True)
    tag: Mapped[str] = mapped_column(index=True)
    actor_id: Mapped[UUID | None] = mapped_column(index=True)
    """None for the command line and for people who are not signed in yet."""
    roles: Mapped[str] = mapped_column(default="")
    session_id: Mapped[UUID | None]
    case_id: Mapped[UUID | None] = mapped_column(index=True)
    patient_id: Mapped[UUID | None]
    hcp_id: Mapped[UUID | None] = mapped_column(index=True)
    ern_id: Mapped[str | None] = mapped_column(index=True)
    subject_id: Mapped[UUID | None]
    detail: Mapped[dict[str, Any]] = mapped_column(JsonValue, default=dict)
    """Keys, counts and stages; never names, addresses or clinical text."""
    seq: Mapped[int | None] = mapped_column(unique=True)
    """Its place in the chain, from 1; None until sealed."""
    hash: Mapped[bytes | None]

    __table_args__ = (Index("ix_audit_event_unsealed", "seq", "at"),)


def record(
    session: Session,
    actor: Actor | None,
    event: str,
    *,
    case_id: UUID | None = None,
    patient_id: UUID | None = None,
    hcp_id: UUID | None = None,
    ern_id: str | None = None,
    subject_id: UUID | None = None,
    **detail: str | int | bool | None,
) -> None:
    """Add one event to this transaction."""
    session.info.setdefault("noted", []).append((str(event), case_id))
    # Every request does this: past the ORM, it takes a quarter of the time.
    write(
        session,
        _INSERT,
        {
            "id": new_id(),
            "at": clock.now(),
            "tag": str(event),
            "actor_id": actor.user_id if actor else None,
            "roles": actor.roles_in_words if actor else "",
            "session_id": actor.session_id if actor else None,
            "case_id": case_id,
            "patient_id": patient_id,
            "hcp_id": hcp_id,
            "ern_id": ern_id,
            "subject_id": subject_id,
            "detail": {key: value for key, value in detail.items() if value is not None},
        },
    )


def recorded(session: Session) -> list[str]:
    """The tags recorded in this transaction so far."""
    return [tag for tag, _case_id in session.info.get("noted", [])]


def case_events(session: Session) -> list[tuple[str, UUID]]:
    """The tags recorded in this transaction that are about a case, and which."""
    return [(tag, case_id) for tag, case_id in session.info.get("noted", []) if case_id]


def seal(engine: Engine, limit: int = 5000) -> int:
    """Chain the events that are not sealed yet, oldest first; how many there were."""
    with transaction(engine) as session:
        # Two sealers at once would fork the chain; PostgreSQL needs the lock, SQLite has it.
        if engine.dialect.name == "postgresql":
            session.execute(select(func.pg_advisory_xact_lock(0x41554449)))
        last = session.scalar(
            select(AuditEvent).where(_SEALED).order_by(AuditEvent.seq.desc()).limit(1)
        )
        seq, previous = (last.seq or 0, last.hash or b"") if last else (0, b"")
        waiting = session.scalars(
            select(AuditEvent)
            .where(AuditEvent.seq.is_(None))
            .order_by(AuditEvent.at, AuditEvent.id)
            .limit(limit)
        ).all()
        for event in waiting:
            seq += 1
            previous = _digest(seq, previous, event)
            event.seq, event.hash = seq, previous
        return len(waiting)


def first_break(session: Session) -> int | None:
    """The place of the first entry that was changed, removed or moved; None if the chain holds."""
    previous = b""
    expected = 1
    for event in session.scalars(
        select(AuditEvent).where(_SEALED).order_by(AuditEvent.seq)
    ).yield_per(1000):
        if event.seq != expected or event.hash != _digest(expected, previous, event):
            return expected
        previous = event.hash
        expected += 1
    return None


_INSERT = insert(AuditEvent.__table__)  # type: ignore[arg-type]  # a FromClause to mypy, a Table in fact
_SEALED = AuditEvent.seq.is_not(None)
_COLUMNS = (
    *("id", "at", "tag", "actor_id", "roles", "session_id", "case_id", "patient_id"),
    *("hcp_id", "ern_id", "subject_id", "detail"),
)


def _digest(seq: int, previous: bytes, event: AuditEvent) -> bytes:
    values = {name: getattr(event, name) for name in _COLUMNS}
    body = msgspec.json.encode([seq, values], order="deterministic")
    return hashlib.sha256(previous + body).digest()
