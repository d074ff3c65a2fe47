"""What an outcome's page shows, and the signed files: for whom, and in which state."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.orm import Session

from cpms_core.access import may
from cpms_core.actor import Actor
from cpms_core.audit import Event
from cpms_core.errors import NotFoundError
from cpms_core.identity.models import SecurityKey, User
from cpms_core.panels.models import Outcome, Position
from cpms_core.panels.noting import note_of_panel
from cpms_core.panels.outcome.canonical import sha256_hex
from cpms_core.panels.outcome.document import (
    Agreement,
    Member,
    OutcomeDocument,
    count_agreement,
    read_outcome,
)
from cpms_core.panels.outcome.pdf_mark import Amended
from cpms_core.panels.outcome.signing import signing_state
from cpms_core.panels.outcome.versions import (
    newest_outcome,
    newest_signed,
    note,
    signed_outcomes,
)
from cpms_core.panels.scope import PanelScope, find_panel


class SignedVersion(Struct, frozen=True, kw_only=True):
    """One signed outcome, and what came after it."""

    version: int
    signed_at: datetime
    sha256: str
    amended_by: int | None
    """The version that holds instead."""
    amended_at: datetime | None
    amended_because: str


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
    signed_at: datetime | None
    members: tuple[Member, ...]
    """With their positions as they are now."""
    agreement: tuple[Agreement, ...]
    blockers: tuple[str, ...]
    versions: tuple[SignedVersion, ...]
    """All that were signed, newest first."""
    may_steer: bool
    is_asked: bool
    """Whether the reader is a member who judges this text."""
    my_position: Position | None

    @property
    def superseded(self) -> SignedVersion | None:
        """What came after the text shown, if that was amended."""
        here = (one for one in self.versions if one.version == self.version)
        found = next(here, None)
        return found if found and found.amended_by else None


class SignedFiles(Struct, frozen=True):
    outcome: bytes
    signature: bytes
    number: str
    amended: Amended | None
    """By what it was amended."""
    earlier: tuple[tuple[bytes, bytes], ...]
    """Outcome and signature of the signed versions before it, newest first."""


def read_outcome_page(
    session: Session, actor: Actor, panel_id: UUID, version: int | None = None
) -> OutcomePage:
    """Until it is signed an outcome is the panel's own; others see what was signed before it.

    `version` asks for one that was signed.
    """
    scope = find_panel(session, actor, panel_id, "case.summary")
    outcome = _chosen(session, actor, scope, version)
    if outcome is None:
        note_of_panel(session, actor, scope, Event.OUTCOME_READ)
    else:
        note(session, actor, scope, Event.OUTCOME_READ, outcome)
    return _page(session, actor, scope, outcome)


def _chosen(
    session: Session, actor: Actor, scope: PanelScope, version: int | None
) -> Outcome | None:
    """The text that is asked for, or the newest that this reader may see; None if there is none."""
    if version is not None:
        return _signed_version(session, scope, version)
    newest = newest_outcome(session, scope.panel.id)
    if newest is None or newest.state in {"signed", "superseded"}:
        newest = newest_signed(session, scope.panel.id)
        return newest if newest and may(actor, "outcome.read", scope.subject) else None
    is_panels = may(actor, "outcome.judge", scope.subject)
    if is_panels and (newest.frozen or may(actor, "panel.steer", scope.subject)):
        return newest
    signed = newest_signed(session, scope.panel.id)
    if signed is not None and may(actor, "outcome.read", scope.subject):
        return signed
    return newest if is_panels else None


def _signed_version(session: Session, scope: PanelScope, version: int) -> Outcome:
    found = (one for one in signed_outcomes(session, scope.panel.id) if one.version == version)
    outcome = next(found, None)
    if outcome is None:
        raise NotFoundError("This panel has no such signed outcome.")
    return outcome


def _page(
    session: Session, actor: Actor, scope: PanelScope, outcome: Outcome | None
) -> OutcomePage:
    document = read_outcome(outcome.frozen) if outcome and outcome.frozen else None
    is_open = outcome is not None and outcome.state == "sign_off"
    state = signing_state(session, outcome) if outcome and is_open else None
    members = state.members if state else document.members if document else ()
    is_lead = may(actor, "panel.steer", scope.subject)
    mine = None
    if outcome and is_open:
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
        signed_at=outcome.signed_at if outcome else None,
        members=members,
        agreement=count_agreement(document.opinion, members) if document else (),
        blockers=state.blockers if state else (),
        versions=_versions(session, actor, scope),
        may_steer=is_lead,
        is_asked=is_open and not is_lead and may(actor, "outcome.judge", scope.subject),
        my_position=mine,
    )


def _versions(session: Session, actor: Actor, scope: PanelScope) -> tuple[SignedVersion, ...]:
    if not may(actor, "outcome.read", scope.subject):
        return ()
    signed = signed_outcomes(session, scope.panel.id)
    after = (None, *signed)
    return tuple(
        SignedVersion(
            version=one.version,
            signed_at=one.signed_at or one.changed_at,
            sha256=one.sha256 or "",
            amended_by=later.version if later else None,
            amended_at=later.signed_at if later else None,
            amended_because=later.reason if later else "",
        )
        for one, later in zip(signed, after, strict=False)
    )


def signed_files(
    session: Session, actor: Actor, panel_id: UUID, version: int | None = None
) -> SignedFiles:
    """The bytes that were signed and what the key answered; NotFoundError before that.

    Of the newest signed version, unless another is asked for.
    """
    scope = find_panel(session, actor, panel_id, "outcome.read")
    signed = signed_outcomes(session, panel_id)
    places = [place for place, one in enumerate(signed) if version in {one.version, None}]
    if not places:
        raise NotFoundError("This panel has no such signed outcome.")
    place = places[0]
    files = [(one.frozen or b"", one.signature or b"") for one in signed]
    return SignedFiles(
        *files[place],
        scope.panel.number,
        _amended(signed[place - 1]) if place else None,
        tuple(files[place + 1 :]),
    )


def _amended(later: Outcome) -> Amended:
    at = later.signed_at or later.changed_at
    return Amended(version=later.version, on=at.date(), sha256=later.sha256 or "")


def note_outcome(session: Session, actor: Actor, panel_id: UUID, event: Event) -> None:
    """The audit event of a reading that was prepared outside the transaction."""
    scope = find_panel(session, actor, panel_id, "outcome.read")
    note_of_panel(session, actor, scope, event)


def amended_here(session: Session, sha256: str) -> Amended | None:
    """By what this site's panel amended the outcome with this hash since; None if it did not.

    For whoever has the outcome: that it no longer holds must not stay with its panel.
    """
    outcome = session.scalar(
        select(Outcome).where(Outcome.sha256 == sha256, Outcome.state == "signed").limit(1)
    )
    newest = newest_signed(session, outcome.panel_id) if outcome else None
    if outcome is None or newest is None or newest.version == outcome.version:
        return None
    return _amended(newest)


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
