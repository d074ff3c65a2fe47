"""What the lead has typed into the outcome's form and not saved."""

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from cpms_core.actor import Actor
from cpms_core.cases.models import RecordDraft
from cpms_core.panels.scope import PanelScope

KEY = "core.outcome"


def find_typing(session: Session, actor: Actor, scope: PanelScope) -> RecordDraft | None:
    return session.scalar(
        select(RecordDraft).where(
            RecordDraft.case_id == scope.case.id,
            RecordDraft.dataset == typing_key(scope),
            RecordDraft.author_id == actor.user_id,
        )
    )


def typing_key(scope: PanelScope) -> str:
    """A case may have two panels, each with its own outcome."""
    return f"{KEY} {scope.panel.number}"


def drop_typing(session: Session, actor: Actor, scope: PanelScope) -> None:
    session.execute(
        delete(RecordDraft).where(
            RecordDraft.case_id == scope.case.id,
            RecordDraft.dataset == typing_key(scope),
            RecordDraft.author_id == actor.user_id,
        )
    )
