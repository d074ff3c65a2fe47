"""Every step of a consultation: from where to where, who takes it, what must be so, what it does.

This table is the state machine. `moves.take` runs a step of it; nothing else changes a state.
`docs/consultation.md` draws it.
"""

from collections.abc import Callable
from typing import Any

from msgspec import Struct
from sqlalchemy.orm import Session

from cpms_core.actor import Actor
from cpms_core.audit import Event
from cpms_core.panels import effects, guards
from cpms_core.panels.scope import PanelScope, RequestScope
from cpms_core.panels.stages import ENDED, RequestState, Stage

State = RequestState | Stage
Guard = Callable[[Session, Any, str], None]
"""Raises what is in the way; its docstring says what must be so. The text is what was said."""
Effect = Callable[[Session, Actor | None, Any], None]
"""Does more in the same transaction; its docstring says what."""


class Step(Struct, frozen=True, kw_only=True):
    key: str
    title: str
    """What somebody does by it."""
    come_from: frozenset[State]
    to: State
    permission: str
    """Who takes it: a row of `access.PERMISSIONS`."""
    guards: tuple[Guard, ...] = ()
    effects: tuple[Effect, ...] = ()
    event: Event = Event.STAGE_CHANGED
    is_quick: bool = False
    """Of the quick workflow; the others are of the full one, or of both."""
    by_hand: bool = False
    """The lead's own step; the others belong to an act such as drafting or signing."""


R, S = RequestState, Stage
_OPEN_PANEL = frozenset(S) - ENDED


def _from(*states: State) -> frozenset[State]:
    return frozenset(states)


STEPS: tuple[Step, ...] = (
    Step(
        key="submit",
        title="Send the request",
        come_from=_from(R.DRAFT),
        to=R.SUBMITTED,
        permission="case.submit",
        event=Event.REQUEST_SUBMITTED,
    ),
    Step(
        key="return",
        title="Return it with a question",
        come_from=_from(R.SUBMITTED),
        to=R.RETURNED,
        permission="request.triage",
        guards=(guards.with_a_reason,),
        event=Event.REQUEST_RETURNED,
    ),
    Step(
        key="submit_again",
        title="Send it again",
        come_from=_from(R.RETURNED),
        to=R.SUBMITTED,
        permission="case.submit",
        event=Event.REQUEST_SUBMITTED,
    ),
    Step(
        key="decline",
        title="Decline it",
        come_from=_from(R.SUBMITTED),
        to=R.DECLINED,
        permission="request.triage",
        guards=(guards.with_a_reason,),
        effects=(effects.close_to_the_ern,),
        event=Event.REQUEST_DECLINED,
    ),
    Step(
        key="forward",
        title="Forward it to another ERN",
        come_from=_from(R.SUBMITTED),
        to=R.FORWARDED,
        permission="request.triage",
        guards=(guards.with_a_reason,),
        effects=(effects.close_to_the_ern,),
        event=Event.REQUEST_FORWARDED,
    ),
    Step(
        key="name_lead",
        title="Name a lead",
        come_from=_from(R.SUBMITTED),
        to=S.PANEL_SELECTION,
        permission="request.triage",
        event=Event.LEAD_NAMED,
    ),
    Step(
        key="join",
        title="Join the panel of another ERN",
        come_from=_from(R.SUBMITTED),
        to=R.ACCEPTED,
        permission="request.triage",
        event=Event.PANEL_SHARED,
    ),
    Step(
        key="assess",
        title="Begin the assessment",
        come_from=_from(S.PANEL_SELECTION),
        to=S.ASSESSMENT,
        permission="panel.steer",
        guards=(guards.somebody_accepted,),
        by_hand=True,
    ),
    Step(
        key="complete_data",
        title="Ask for more data first",
        come_from=_from(S.PANEL_SELECTION),
        to=S.DATA_COMPLETION,
        permission="panel.steer",
        guards=(guards.somebody_accepted,),
        by_hand=True,
    ),
    Step(
        key="ask_for_data",
        title="Ask the submitter for more data",
        come_from=_from(S.ASSESSMENT),
        to=S.DATA_COMPLETION,
        permission="panel.steer",
        by_hand=True,
    ),
    Step(
        key="data_is_complete",
        title="Go on with the assessment",
        come_from=_from(S.DATA_COMPLETION),
        to=S.ASSESSMENT,
        permission="panel.steer",
        guards=(guards.no_blocking_question,),
        by_hand=True,
    ),
    Step(
        key="draft",
        title="Draft the outcome",
        come_from=_from(S.ASSESSMENT),
        to=S.OUTCOME,
        permission="panel.steer",
        guards=(guards.two_contributors_or_a_reason,),
    ),
    Step(
        key="put",
        title="Put it to the members",
        come_from=_from(S.OUTCOME),
        to=S.SIGN_OFF,
        permission="panel.steer",
    ),
    Step(
        key="take_back",
        title="Take it back",
        come_from=_from(S.SIGN_OFF),
        to=S.OUTCOME,
        permission="panel.steer",
    ),
    Step(
        key="sign",
        title="Sign with the security key",
        come_from=_from(S.SIGN_OFF),
        to=S.CLOSED,
        permission="outcome.sign",
        effects=(
            effects.keep_the_first_closing,
            effects.close_the_case,
            effects.plan_follow_ups,
        ),
    ),
    Step(
        key="reopen",
        title="Reopen it on new data",
        come_from=_from(S.CLOSED),
        to=S.ASSESSMENT,
        permission="panel.reopen",
        guards=(guards.with_a_reason,),
        effects=(effects.open_the_case_again,),
    ),
    Step(
        key="amend",
        title="Amend the signed outcome",
        come_from=_from(S.CLOSED),
        to=S.OUTCOME,
        permission="panel.steer",
        guards=(guards.with_a_reason,),
    ),
    Step(
        key="keep",
        title="Keep what is signed, without an amendment",
        come_from=_from(S.OUTCOME),
        to=S.CLOSED,
        permission="panel.steer",
        guards=(guards.something_is_signed,),
        effects=(effects.close_the_case,),
    ),
    Step(
        key="archive",
        title="Archive it",
        come_from=_from(S.CLOSED),
        to=S.ARCHIVED,
        permission="panel.archive",
        guards=(guards.no_follow_up_is_open,),
        effects=(effects.note_the_archiving,),
    ),
    Step(
        key="withdraw_request",
        title="Withdraw the case",
        come_from=_from(R.SUBMITTED, R.RETURNED),
        to=R.WITHDRAWN,
        permission="case.withdraw",
        event=Event.CASE_WITHDRAWN,
    ),
    Step(
        key="withdraw",
        title="Withdraw the case",
        come_from=_OPEN_PANEL,
        to=S.WITHDRAWN,
        permission="case.withdraw",
    ),
    Step(
        key="open",
        title="Open it to the experts",
        come_from=_from(R.SUBMITTED),
        to=S.OPEN,
        permission="request.triage",
        event=Event.LEAD_NAMED,
        is_quick=True,
    ),
    Step(
        key="answer",
        title="Give the first answer",
        come_from=_from(S.OPEN),
        to=S.ANSWERED,
        permission="panel.contribute",
        is_quick=True,
    ),
    Step(
        key="ask_again",
        title="Ask again",
        come_from=_from(S.ANSWERED),
        to=S.OPEN,
        permission="panel.close",
        guards=(guards.with_a_reason,),
        is_quick=True,
    ),
    Step(
        key="close",
        title="Close it with a note",
        come_from=_from(S.ANSWERED),
        to=S.CLOSED,
        permission="panel.close",
        guards=(guards.with_a_reason,),
        effects=(
            effects.keep_the_first_closing,
            effects.close_the_case,
            effects.plan_follow_ups,
        ),
        is_quick=True,
    ),
    Step(
        key="reopen_quick",
        title="Reopen it on new data",
        come_from=_from(S.CLOSED),
        to=S.OPEN,
        permission="panel.reopen",
        guards=(guards.with_a_reason,),
        effects=(effects.open_the_case_again,),
        is_quick=True,
    ),
)

_BY_KEY = {step.key: step for step in STEPS}


def step(key: str) -> Step:
    return _BY_KEY[key]


def state_of(scope: RequestScope | PanelScope) -> State:
    if isinstance(scope, PanelScope):
        return Stage(scope.panel.stage)
    return RequestState(scope.request.state)


def by_hand(here: Stage, to: str) -> Step | None:
    """The lead's own step from here to there, if there is one."""
    found = (one for one in STEPS if one.by_hand and here in one.come_from and one.to == to)
    return next(found, None)
