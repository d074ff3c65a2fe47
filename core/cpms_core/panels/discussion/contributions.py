"""Contribute to a panel, answer a contribution, change the own one without losing what it said."""

from uuid import UUID

from sqlalchemy import update
from sqlalchemy.orm import Session

from cpms_core.access import Standing
from cpms_core.actor import Actor
from cpms_core.audit import Event
from cpms_core.clock import clock
from cpms_core.errors import ConflictError
from cpms_core.panels.clock.renewal import renew_panel
from cpms_core.panels.discussion.mentions import keep_mentions
from cpms_core.panels.discussion.models import ContributionVersion
from cpms_core.panels.discussion.opinion import Form, Opinion, columns_of, opinion_of, read_opinion
from cpms_core.panels.discussion.opinion_typing import changing, drop_typing, replying
from cpms_core.panels.discussion.scope import (
    ensure_discussed,
    find_contribution,
    find_discussed,
    find_own,
)
from cpms_core.panels.guards import has_acceptance
from cpms_core.panels.models import Contribution, Panel
from cpms_core.panels.moves import take
from cpms_core.panels.noting import note_of_panel
from cpms_core.panels.scope import PanelScope, change
from cpms_core.panels.seats.members import take_answer
from cpms_core.panels.stages import Stage


def contribute(
    session: Session, actor: Actor, panel_id: UUID, text: str, certainty: str = ""
) -> Contribution:
    """Say something in plain words."""
    return give(session, actor, panel_id, {"text": [text], "certainty": [certainty]})


def give(
    session: Session,
    actor: Actor,
    panel_id: UUID,
    form: Form,
    *,
    reply_to: UUID | None = None,
    place: str = "",
) -> Contribution:
    """Give an opinion, or reply to one; an invited expert joins by it.

    `place` is the form it was typed into: see `opinion_typing`.
    """
    scope = find_discussed(session, actor, panel_id)
    # Two first contributions at once: the second waits, and finds the assessment begun.
    session.refresh(scope.panel, with_for_update=True)
    ensure_discussed(scope)
    opinion = read_opinion(session, form)
    thread = _thread(session, scope, reply_to) if reply_to else None
    if Standing.INVITED in scope.subject.on_panel:
        take_answer(session, actor, scope, accept=True)
    given = Contribution(
        panel_id=panel_id,
        author_id=actor.user_id,
        kind="reply" if thread else "opinion",
        reply_to=thread,
        **columns_of(opinion),
    )
    session.add(given)
    session.flush()
    keep_mentions(session, given)
    drop_typing(session, actor, scope, replying(reply_to) if reply_to else place)
    note_of_panel(session, actor, scope, Event.CONTRIBUTED, given.id)
    if thread is None:
        _answered(session, actor, scope)
    return given


def change_contribution(
    session: Session, actor: Actor, panel_id: UUID, contribution_id: UUID, form: Form, seen: int
) -> Contribution:
    """A new text of the own contribution; ConflictError holds both if another window was faster."""
    scope, given = find_own(session, actor, panel_id, contribution_id)
    session.refresh(given, with_for_update=True)
    before = opinion_of(given)
    opinion = read_opinion(session, form, before)
    if given.row_version != seen:
        raise ConflictError(
            "You changed this in another window after you opened it here. Nothing is lost.",
            theirs=before,
            yours=opinion,
        )
    if opinion != before:
        _replace(session, given, opinion)
    drop_typing(session, actor, scope, changing(contribution_id))
    note_of_panel(session, actor, scope, Event.CONTRIBUTION_CHANGED, given.id)
    return given


def _replace(session: Session, given: Contribution, opinion: Opinion) -> None:
    session.add(
        ContributionVersion(
            contribution_id=given.id,
            text=given.text,
            certainty=given.certainty,
            body=given.body,
            written_at=given.edited_at or given.given_at,
        )
    )
    columns = columns_of(opinion)
    change(session, given, given.row_version, edited_at=clock.now(), **columns)
    keep_mentions(session, given)


# --- details ---


def _thread(session: Session, scope: PanelScope, reply_to: UUID) -> UUID:
    """Threads have one level: a reply to a reply stands below the same contribution."""
    found = find_contribution(session, scope, reply_to)
    return found.reply_to or found.id


def _answered(session: Session, actor: Actor, scope: PanelScope) -> None:
    """The first contribution stops the first clock and starts the assessment."""
    panel = scope.panel
    if panel.first_response_at is None:
        session.execute(
            update(Panel)
            .where(Panel.id == panel.id, Panel.first_response_at.is_(None))
            .values(first_response_at=clock.now())
            .execution_options(synchronize_session=False)
        )
        renew_panel(session, panel)
    if panel.stage == Stage.OPEN:
        take(session, actor, scope, "answer")
    if panel.stage == Stage.PANEL_SELECTION and has_acceptance(session, scope):
        take(session, actor, scope, "assess")
