"""What the members say to an outcome that is put to them."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from cpms_core.actor import Actor
from cpms_core.audit import Event
from cpms_core.clock import clock
from cpms_core.errors import ConflictError, InvalidError
from cpms_core.panels.models import Outcome, Position
from cpms_core.panels.outcome.versions import note, on_sign_off
from cpms_core.panels.scope import change, find_member, find_panel

VERDICTS = {"agree": "I agree", "remark": "I agree with a remark", "disagree": "I disagree"}
_LONGEST_REMARK = 5000


def give_position(
    session: Session,
    actor: Actor,
    panel_id: UUID,
    version: int,
    verdict: str,
    remark: str = "",
    about: Sequence[int] = (),
) -> Position:
    """Agree or not with one version of the text; may be changed until it is signed."""
    scope = find_panel(session, actor, panel_id, "outcome.judge")
    member = find_member(session, panel_id, actor.user_id)
    if member is None or member.role == "lead":
        raise InvalidError("The lead agrees by signing, so there is nothing to answer here.")
    outcome = on_sign_off(session, scope, locked=True)
    if outcome.version != version:
        raise ConflictError(
            f"The text has changed: version {outcome.version} is asked about now. "
            "Read it, then answer again."
        )
    remark = remark.strip()
    _check(outcome, verdict, remark, about)
    # A signature that was begun on the text without this answer must not go through.
    change(session, outcome, outcome.row_version)
    position = session.scalar(
        select(Position).where(Position.outcome_id == outcome.id, Position.user_id == actor.user_id)
    ) or Position(outcome_id=outcome.id, user_id=actor.user_id)
    position.verdict, position.given_at = verdict, clock.now()
    position.remark = "" if verdict == "agree" else remark
    position.about = [] if verdict == "agree" else sorted(set(about))
    session.add(position)
    session.flush()
    note(session, actor, scope, Event.POSITION_GIVEN, outcome, verdict=verdict)
    return position


def _check(outcome: Outcome, verdict: str, remark: str, about: Sequence[int]) -> None:
    wrong = {}
    if verdict not in VERDICTS:
        wrong["verdict"] = "Choose one."
    elif verdict != "agree" and not remark:
        wrong["remark"] = "Say in a sentence what you would change or add."
    if len(remark) > _LONGEST_REMARK or "\x00" in remark:
        wrong["remark"] = f"Use at most {_LONGEST_REMARK} characters, without control characters."
    if not set(about) <= set(range(1, len(outcome.draft.get("recommendations", [])) + 1)):
        wrong["about"] = "Choose recommendations of this text."
    if wrong:
        raise InvalidError("Your answer was not taken yet.", wrong)
