"""The versions of a panel's outcome: find one, begin the next."""

from collections.abc import Collection, Sequence
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from cpms_core.access import ensure
from cpms_core.actor import Actor
from cpms_core.audit import Event
from cpms_core.errors import ConflictError, NotFoundError
from cpms_core.panels.models import Outcome
from cpms_core.panels.moves import ensure_open
from cpms_core.panels.noting import note_of_panel
from cpms_core.panels.outcome.draft import OutcomeDraft
from cpms_core.panels.scope import PanelScope, find_panel


def newest_outcome(session: Session, panel_id: UUID) -> Outcome | None:
    return session.scalar(
        select(Outcome)
        .where(Outcome.panel_id == panel_id)
        .order_by(Outcome.version.desc())
        .limit(1)
    )


def newest_signed(session: Session, panel_id: UUID) -> Outcome | None:
    """The outcome that holds now, whatever is drafted beside it."""
    return next(iter(signed_outcomes(session, panel_id)), None)


def newest_signed_each(session: Session, panel_ids: Collection[UUID]) -> dict[UUID, Outcome]:
    """By panel, in one statement."""
    rows = session.scalars(
        select(Outcome)
        .where(Outcome.panel_id.in_(panel_ids), Outcome.state == "signed")
        .order_by(Outcome.version)
    )
    return {one.panel_id: one for one in rows}


def signed_outcomes(session: Session, panel_id: UUID) -> Sequence[Outcome]:
    """Newest first: each amends the next."""
    return session.scalars(
        select(Outcome)
        .where(Outcome.panel_id == panel_id, Outcome.state == "signed")
        .order_by(Outcome.version.desc())
    ).all()


def on_sign_off(session: Session, scope: PanelScope, *, locked: bool = False) -> Outcome:
    """The text that the members judge; with `locked` others wait until this transaction ends."""
    if locked:
        session.refresh(scope.panel, with_for_update=True)
    ensure_open(scope)
    outcome = newest_outcome(session, scope.panel.id)
    if outcome is None or outcome.state != "sign_off":
        raise ConflictError("No text is with the members now; look at the panel as it is.")
    return outcome


def find_outcome(
    session: Session, actor: Actor, outcome_id: UUID, permission: str = "outcome.read"
) -> tuple[PanelScope, Outcome]:
    outcome = session.get(Outcome, outcome_id)
    if outcome is None:
        raise NotFoundError
    scope = find_panel(session, actor, outcome.panel_id, permission)
    if outcome.state != "signed":
        # An unsigned text is the panel's own business.
        ensure(actor, "outcome.judge", scope.subject, visible=False)
    return scope, outcome


def read_draft(outcome: Outcome) -> OutcomeDraft | None:
    """None while nothing was saved."""
    return msgspec.convert(outcome.draft, OutcomeDraft) if outcome.draft else None


def drafted(session: Session, scope: PanelScope) -> Outcome:
    ensure_open(scope)
    outcome = newest_outcome(session, scope.panel.id)
    if outcome is None or outcome.state != "draft":
        raise ConflictError("There is no draft to write in now; look at the panel as it is.")
    return outcome


def add_version(
    session: Session, actor: Actor, panel_id: UUID, before: Outcome | None, reason: str = ""
) -> Outcome:
    """The next one, with the text of the one before."""
    outcome = Outcome(
        panel_id=panel_id,
        version=before.version + 1 if before else 1,
        draft=dict(before.draft) if before else {},
        reason=reason,
        changed_by=actor.user_id,
    )
    session.add(outcome)
    session.flush()
    return outcome


def note(
    session: Session,
    actor: Actor,
    scope: PanelScope,
    event: Event,
    outcome: Outcome,
    **detail: str | None,
) -> None:
    note_of_panel(session, actor, scope, event, outcome.id, version=outcome.version, **detail)
