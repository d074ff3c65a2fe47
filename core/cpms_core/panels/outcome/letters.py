"""The letters of an outcome, for whom they are; before the signature only to its lead."""

from collections.abc import Callable, Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from cpms_core.actor import Actor
from cpms_core.clock import clock
from cpms_core.errors import NotFoundError
from cpms_core.panels.outcome.document import OutcomeDocument, read_outcome
from cpms_core.panels.outcome.letter import Letter
from cpms_core.panels.outcome.letter_family import family_letter
from cpms_core.panels.outcome.letter_referrer import referrer_letter
from cpms_core.panels.outcome.pdf_mark import Amended
from cpms_core.panels.outcome.queries import signed_files
from cpms_core.panels.outcome.signature import read_signature
from cpms_core.panels.outcome.text import final_document, judged_document
from cpms_core.panels.outcome.versions import newest_outcome, read_draft
from cpms_core.panels.scope import find_panel
from cpms_core.registry import Registry

TITLES: Mapping[str, str] = {
    "referrer": "Letter to the referrer",
    "family": "Letter to the family, in plain words",
}
_WRITERS: Mapping[str, Callable[[OutcomeDocument, datetime, Amended | None], Letter]] = {
    "referrer": referrer_letter,
    "family": family_letter,
}


def read_letter(
    session: Session, actor: Actor, panel_id: UUID, kind: str, version: int | None = None
) -> Letter:
    """Of the outcome that holds, or of a signed version before it; none before the signature."""
    if kind not in _WRITERS:
        raise NotFoundError("There is no such letter.")
    files = signed_files(session, actor, panel_id, version)
    signed_at = read_signature(files.outcome, files.signature).signed_at
    return _WRITERS[kind](read_outcome(files.outcome), signed_at, files.amended)


def preview_letters(
    session: Session, actor: Actor, registry: Registry, site_name: str, panel_id: UUID
) -> tuple[Letter, ...]:
    """As they would leave if the text that is saved, or lies with the members, were signed now."""
    scope = find_panel(session, actor, panel_id, "panel.steer")
    outcome = newest_outcome(session, panel_id)
    if outcome is not None and outcome.state == "sign_off":
        judged = read_outcome(outcome.frozen or b"")
        document = final_document(session, actor, outcome, judged)
    else:
        opinion = read_draft(outcome) if outcome and outcome.state == "draft" else None
        if outcome is None or opinion is None:
            raise NotFoundError("No draft is saved whose letters you could read.")
        document = judged_document(session, registry, scope, outcome, opinion, site_name)
    return tuple(write(document, clock.now(), None) for write in _WRITERS.values())
