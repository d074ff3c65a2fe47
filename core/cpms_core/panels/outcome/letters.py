"""The letters of a signed outcome, for whom they are, on paper."""

from collections.abc import Callable, Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from cpms_core.actor import Actor
from cpms_core.errors import NotFoundError
from cpms_core.panels.outcome.document import OutcomeDocument, read_outcome
from cpms_core.panels.outcome.letter import Letter
from cpms_core.panels.outcome.letter_family import family_letter
from cpms_core.panels.outcome.letter_referrer import referrer_letter
from cpms_core.panels.outcome.pdf_mark import Amended
from cpms_core.panels.outcome.queries import signed_files
from cpms_core.panels.outcome.signature import read_signature

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
