"""What an outcome's page shows, and the signed files: for whom, and in which state."""

from uuid import UUID

from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.orm import Session

from cpms_core import audit
from cpms_core.access import may
from cpms_core.actor import Actor
from cpms_core.audit import Event
from cpms_core.errors import NotFoundError
from cpms_core.identity.models import SecurityKey, User
from cpms_core.panels.canonical import sha256_hex
from cpms_core.panels.models import Outcome, Position
from cpms_core.panels.outcome_document import (
    Agreement,
    Member,
    OutcomeDocument,
    count_agreement,
    read_outcome,
)
from cpms_core.panels.outcomes import newest_outcome
from cpms_core.panels.scope import PanelScope, find_panel
from cpms_core.panels.signing import signing_state


class OutcomePage(Struct, frozen=True, kw_only=True):
    panel_id: UUID
    case_id: UUID
    row_version: int
    """The outcome's; 0 if there is none."""
    version: int
    state: str
    """none, draft, sign_off, signed: as far as the reader may know."""
    document: OutcomeDocument | None
    """The frozen text, if there is one that the reader may see."""
    sha256: str
    members: tuple[Member, ...]
    """With their positions as they are now."""
    agreement: tuple[Agreement, ...]
    blockers: tuple[str, ...]
    may_steer: bool
    is_asked: bool
    """Whether the reader is a member who judges this text."""
    my_position: Position | None


class SignedFiles(Struct, frozen=True):
    outcome: bytes
    signature: bytes
    number: str


def read_outcome_page(session: Session, actor: Actor, panel_id: UUID) -> OutcomePage:
    """Until it is signed an outcome is the panel's own; others learn that there is none yet."""
    scope = find_panel(session, actor, panel_id, "case.summary")
    outcome = newest_outcome(session, panel_id)
    audit.record(
        session,
        actor,
        Event.OUTCOME_READ,
        case_id=scope.case.id,
        hcp_id=scope.case.hcp_id,
        ern_id=scope.panel.ern_id,
        subject_id=outcome.id if outcome else panel_id,
    )
    if outcome is None or not _may_see(actor, scope, outcome):
        return _page(actor, scope)
    return _page(actor, scope, session, outcome)


def _may_see(actor: Actor, scope: PanelScope, outcome: Outcome) -> bool:
    permission = "outcome.read" if outcome.state == "signed" else "outcome.judge"
    return may(actor, permission, scope.subject)


def _page(
    actor: Actor,
    scope: PanelScope,
    session: Session | None = None,
    outcome: Outcome | None = None,
) -> OutcomePage:
    document = read_outcome(outcome.frozen) if outcome and outcome.frozen else None
    is_open = outcome is not None and outcome.state == "sign_off"
    state = signing_state(session, outcome) if session and outcome and is_open else None
    members = state.members if state else document.members if document else ()
    is_lead = may(actor, "panel.steer", scope.subject)
    mine = None
    if session and outcome and is_open:
        mine = session.scalar(
            select(Position).where(
                Position.outcome_id == outcome.id, Position.user_id == actor.user_id
            )
        )
    return OutcomePage(
        panel_id=scope.panel.id,
        case_id=scope.case.id,
        row_version=outcome.row_version if outcome else 0,
        version=outcome.version if outcome else 0,
        state=outcome.state if outcome else "none",
        document=document,
        sha256=(outcome.sha256 if outcome else "") or "",
        members=members,
        agreement=count_agreement(document.opinion, members) if document else (),
        blockers=state.blockers if state else (),
        may_steer=is_lead,
        is_asked=is_open and not is_lead and may(actor, "outcome.judge", scope.subject),
        my_position=mine,
    )


def signed_files(session: Session, actor: Actor, panel_id: UUID) -> SignedFiles:
    """The bytes that were signed and what the key answered; NotFoundError before that."""
    scope = find_panel(session, actor, panel_id, "outcome.read")
    outcome = newest_outcome(session, panel_id)
    if outcome is None or not outcome.frozen or not outcome.signature:
        raise NotFoundError("This panel has no signed outcome yet.")
    return SignedFiles(outcome.frozen, outcome.signature, scope.panel.number)


def note_outcome(session: Session, actor: Actor, panel_id: UUID, event: Event) -> None:
    """The audit event of a reading that was prepared outside the transaction."""
    scope = find_panel(session, actor, panel_id, "outcome.read")
    audit.record(
        session,
        actor,
        event,
        case_id=scope.case.id,
        hcp_id=scope.case.hcp_id,
        ern_id=scope.panel.ern_id,
        subject_id=panel_id,
    )


def known_keys(session: Session) -> dict[str, str]:
    """Every key this site ever enrolled, by fingerprint: whose it is."""
    rows = session.execute(
        select(SecurityKey.public_key, SecurityKey.created_at, User.name).join(
            User, User.id == SecurityKey.user_id
        )
    )
    return {
        sha256_hex(public_key): f"{name}, enrolled {created_at:%Y-%m-%d}"
        for public_key, created_at, name in rows
    }
