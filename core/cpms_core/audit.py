"""Who did what to whose data, when: append-only, in the same transaction as the act itself.

A job seals events into a hash chain within seconds (`auditing/chain.py`), so that writers never
queue on the chain.
The rows hold ids only; names are looked up when somebody who may see them reads the audit.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Index, insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from cpms_core.actor import Actor
from cpms_core.clock import clock
from cpms_core.db import Base, JsonValue, new_id, write


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
    PERSON_JOINED = "site:person:joined"
    PERSON_REMOVED = "site:person:removed"
    PERSON_INVITED = "site:person:invited"
    PERSON_DISABLED = "site:person:disabled"
    PERSON_ENABLED = "site:person:enabled"
    HANDOVER_READ = "site:handover:read"
    HANDED_OVER = "site:handover:made"
    DEPUTY_NAMED = "site:deputy:named"
    DEPUTY_ENDED = "site:deputy:ended"
    LINK_RENEWED = "site:link:renewed"
    PROFILE_READ = "site:profile:read"
    PREFERENCES_SAVED = "site:preferences:saved"
    PEOPLE_LISTED = "site:people:listed"
    PERSON_READ = "site:person:read"
    ROLE_GRANTED = "site:role:granted"
    ROLE_REVOKED = "site:role:revoked"
    OPENID_BEGUN = "site:openid:begun"
    OPENID_NAMED = "site:openid:named"
    OPENID_REFUSED = "site:openid:refused"
    OPENID_LINKED = "site:openid:linked"
    OPENID_UNLINKED = "site:openid:unlinked"
    RECOVERY_STARTED = "site:recovery:started"
    RECOVERY_CONFIRMED = "site:recovery:confirmed"
    RECOVERY_GIVEN_UP = "site:recovery:given_up"
    RECOVERY_CODES_MADE = "site:recovery:codes_made"
    TOKEN_MADE = "site:token:made"  # noqa: S105 - the name of an event
    TOKEN_REVOKED = "site:token:revoked"  # noqa: S105 - the name of an event
    KEY_MODELS_IMPORTED = "site:key_models:imported"
    ACCESS_LISTED = "site:access:listed"
    ACCESS_READ = "site:access:read"
    ACCESS_REMINDED = "site:access:reminded"
    ACCESS_REQUESTED = "site:access:requested"
    ACCESS_ENDORSED = "site:access:endorsed"
    ACCESS_ASKED_BACK = "site:access:asked_back"
    ACCESS_ANSWERED = "site:access:answered"
    ACCESS_CODE_WRONG = "site:access:code_wrong"
    ACCESS_APPROVED = "site:access:approved"
    ACCESS_REFUSED = "site:access:refused"
    ACCESS_WITHDRAWN = "site:access:withdrawn"
    CENTRE_ADDED = "site:centre:added"
    CENTRE_CHANGED = "site:centre:changed"
    CENTRE_CLOSED = "site:centre:closed"
    CENTRE_REOPENED = "site:centre:reopened"
    COUNTRY_ADDED = "site:country:added"
    ERN_ADDED = "site:ern:added"
    ERN_CHANGED = "site:ern:changed"
    IMPORT_CHECKED = "site:import:checked"
    IMPORT_APPLIED = "site:import:applied"
    PLUGINS_LISTED = "site:plugins:listed"
    PLUGIN_ENABLED = "site:plugin:enabled"
    PLUGIN_DISABLED = "site:plugin:disabled"
    AUDIT_READ = "site:audit:read"
    AUDIT_EXPORTED = "site:audit:exported"
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
    RECEIPT_READ = "centre:receipt:read"
    PATIENT_CORRECTED = "centre:patient:corrected"
    RETENTION_CHANGED = "centre:retention:changed"
    PATIENT_COPIED = "centre:patient:copied"
    PATIENT_ERASED = "centre:patient:erased"
    PATIENTS_MERGED = "centre:patient:merged"
    PATIENT_RESTRICTED = "centre:patient:restricted"
    PATIENT_UNRESTRICTED = "centre:patient:unrestricted"
    TEAM_JOINED = "centre:team:joined"
    TEAM_LEFT = "centre:team:left"
    TEAM_RENEWED = "centre:team:renewed"
    EMERGENCY_BEGUN = "centre:emergency:begun"
    EMERGENCY_SOUGHT = "centre:emergency:sought"
    EMERGENCY_READ = "centre:emergency:read"
    EMERGENCY_SEEN = "centre:emergency:seen"
    PATIENT_MOVED = "centre:patient:moved"
    TRANSFER_PROPOSED = "centre:transfer:proposed"
    TRANSFER_READ = "centre:transfer:read"
    TRANSFER_TAKEN_BACK = "centre:transfer:taken_back"
    TRANSFER_ACCEPTED = "centre:transfer:accepted"
    TRANSFER_REFUSED = "centre:transfer:refused"

    CASES_LISTED = "case:cases:listed"
    CASE_OPENED = "case:case:opened"
    CASE_READ = "case:case:read"
    CASE_IMPORTED = "case:case:imported"
    CASE_EXPORTED = "case:case:exported"
    CASE_WITHDRAWN = "case:case:withdrawn"
    CASE_HANDED_OVER = "case:case:handed_over"
    RECORD_READ = "case:record:read"
    RECORD_SAVED = "case:record:saved"
    RECORD_DRAFTED = "case:record:drafted"
    RECORD_DRAFT_DROPPED = "case:record:draft_dropped"
    ATTACHMENT_ADDED = "case:attachment:added"
    ATTACHMENT_REFUSED = "case:attachment:refused"
    ATTACHMENT_READ = "case:attachment:read"
    ATTACHMENT_RELEASED = "case:attachment:released"
    ATTACHMENT_DESCRIBED = "case:attachment:described"
    ATTACHMENT_REMOVED = "case:attachment:removed"
    IMAGES_VIEWED = "case:images:viewed"

    ERN_READ = "ern:requests:listed"
    MEMBERSHIP_CHANGED = "ern:membership:changed"
    AREA_CHANGED = "ern:area:changed"
    GROUPS_READ = "ern:groups:read"
    GROUP_MADE = "ern:group:made"
    GROUP_CHANGED = "ern:group:changed"
    GROUP_ENDED = "ern:group:ended"
    REQUEST_SUBMITTED = "ern:request:submitted"
    REQUEST_RETURNED = "ern:request:returned"
    REQUEST_DECLINED = "ern:request:declined"
    REQUEST_FORWARDED = "ern:request:forwarded"
    REQUEST_ESCALATED = "ern:request:escalated"
    NETWORK_CONFIGURED = "ern:network:configured"
    ANOTHER_ERN_ASKED = "ern:request:asked_another"
    PANEL_SHARED = "ern:panel:shared"
    LEAD_NAMED = "ern:panel:lead_named"
    EXPERT_INVITED = "panel:member:invited"
    GUEST_INVITED = "panel:guest:invited"
    GUEST_EXTENDED = "panel:guest:extended"
    INVITATION_ANSWERED = "panel:member:answered"
    MEMBER_OFFERED = "panel:member:offered"
    OFFER_ANSWERED = "panel:offer:answered"
    NOTICE_ENDED = "panel:notice:ended"
    NOTICE_RENEWED = "panel:notice:renewed"
    MEMBER_REMINDED = "panel:member:reminded"
    MEMBER_REMOVED = "panel:member:removed"
    LEAD_CHANGED = "panel:lead:changed"
    CONTRIBUTED = "panel:contribution:given"
    CONTRIBUTION_CHANGED = "panel:contribution:changed"
    QUESTION_ASKED = "panel:question:asked"
    QUESTION_WAITED_FOR = "panel:question:waited_for"
    QUESTION_ANSWERED = "panel:question:answered"
    QUESTION_TAKEN_BACK = "panel:question:taken_back"
    PANEL_SEEN = "panel:discussion:seen"
    PANEL_ESCALATED = "panel:clock:escalated"
    STAGE_CHANGED = "panel:stage:changed"
    OUTCOME_DRAFTED = "panel:outcome:drafted"
    OUTCOME_PUT_TO_MEMBERS = "panel:outcome:put_to_members"
    OUTCOME_TAKEN_BACK = "panel:outcome:taken_back"
    POSITION_GIVEN = "panel:outcome:judged"
    OUTCOME_SIGNED = "panel:outcome:signed"
    OUTCOME_READ = "panel:outcome:read"
    OUTCOME_VERIFIED = "panel:outcome:verified"
    LETTER_READ = "panel:letter:read"
    FOLLOW_UP_ANSWERED = "panel:follow_up:answered"
    REOPENING_ASKED = "panel:reopening:asked"
    REOPENING_DECIDED = "panel:reopening:decided"
    REPORT_READ = "report:report:read"
    REPORT_EXPORTED = "report:report:exported"

    BACKUP_MADE = "site:backup:made"
    BACKUP_RESTORED = "site:backup:restored"
    DENIED = "site:access:denied"


LATE_BY: Final = timedelta(seconds=15)
"""So long after its id was made an event may still be committed: transactions are shorter."""
FROM_THE_CONSOLE: Final = frozenset(
    {
        *(Event.BACKUP_MADE, Event.BACKUP_RESTORED, Event.AUDIT_EXPORTED),
        *(Event.ACCESS_REMINDED, Event.PERSON_REMOVED),
        *(Event.MEMBER_REMINDED, Event.PANEL_ESCALATED, Event.STAGE_CHANGED),
        Event.REQUEST_ESCALATED,
    }
)
"""Acts of the server or of whoever runs it: without an actor, they are of nobody not signed in."""


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
    patient_id: Mapped[UUID | None] = mapped_column(index=True)
    hcp_id: Mapped[UUID | None] = mapped_column(index=True)
    ern_id: Mapped[str | None] = mapped_column(index=True)
    subject_id: Mapped[UUID | None] = mapped_column(index=True)
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
    """Add one event to this transaction; what a machine does names its token."""
    session.info.setdefault("noted", []).append((str(event), case_id))
    if case_id or patient_id:
        detail = {"purpose": session.info.get("purpose"), **detail}
    if actor and actor.token_id:
        detail["token"] = str(actor.token_id)
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


def mark_emergency(session: Session) -> None:
    """From here on this transaction's events of patients and cases carry the purpose BTG.

    HL7's ActReason: break the glass.
    """
    session.info["purpose"] = "BTG"


def recorded(session: Session) -> list[str]:
    """The tags recorded in this transaction so far."""
    return [tag for tag, _case_id in session.info.get("noted", [])]


def case_events(session: Session) -> list[tuple[str, UUID]]:
    """The tags recorded in this transaction that are about a case, and which."""
    return [(tag, case_id) for tag, case_id in session.info.get("noted", []) if case_id]


_INSERT = insert(AuditEvent.__table__)  # type: ignore[arg-type]  # a FromClause to mypy, a Table in fact
