"""Contribute an opinion to a panel."""

from uuid import UUID

from sqlalchemy import update
from sqlalchemy.orm import Session

from cpms_core import audit
from cpms_core.access import Standing
from cpms_core.actor import Actor
from cpms_core.audit import Event
from cpms_core.clock import clock
from cpms_core.errors import ConflictError, InvalidError
from cpms_core.panels.guards import has_acceptance
from cpms_core.panels.members import take_answer
from cpms_core.panels.models import Contribution, Panel
from cpms_core.panels.moves import ensure_open, take
from cpms_core.panels.scope import PanelScope, find_panel
from cpms_core.panels.stages import DISCUSSED, Stage

CERTAINTIES = {
    "": "Not said",
    "sure": "Sure",
    "fairly_sure": "Fairly sure",
    "unsure": "Unsure",
    "not_my_field": "Not my field",
}
LONGEST = 20_000


def contribute(
    session: Session, actor: Actor, panel_id: UUID, text: str, certainty: str = ""
) -> Contribution:
    """Give an opinion, which is never changed afterwards; an invited expert joins by it."""
    scope = find_panel(session, actor, panel_id, "panel.contribute")
    # Two first contributions at once: the second waits, and finds the assessment begun.
    session.refresh(scope.panel, with_for_update=True)
    ensure_open(scope)
    if scope.panel.stage not in DISCUSSED:
        raise ConflictError(
            "The outcome's text is with the members now: say there whether you agree. "
            "The lead can take the text back if something must be added."
        )
    text = _checked(text, certainty)
    if Standing.INVITED in scope.subject.on_panel:
        take_answer(session, actor, scope, accept=True)
    contribution = Contribution(
        panel_id=panel_id, author_id=actor.user_id, text=text, certainty=certainty
    )
    session.add(contribution)
    session.flush()
    audit.record(
        session,
        actor,
        Event.CONTRIBUTED,
        case_id=scope.case.id,
        hcp_id=scope.case.hcp_id,
        ern_id=scope.panel.ern_id,
        subject_id=contribution.id,
    )
    _answered(session, actor, scope)
    return contribution


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
        session.refresh(panel)
    if panel.stage == Stage.PANEL_SELECTION and has_acceptance(session, scope):
        take(session, actor, scope, "assess")


def _checked(text: str, certainty: str) -> str:
    wrong = {}
    text = text.strip()
    if not text:
        wrong["text"] = "Write what you think."
    if len(text) > LONGEST or "\x00" in text:
        wrong["text"] = f"Use at most {LONGEST} characters, without control characters."
    if certainty not in CERTAINTIES:
        wrong["certainty"] = "Choose how sure you are."
    if wrong:
        raise InvalidError("Your contribution was not given yet.", wrong)
    return text
