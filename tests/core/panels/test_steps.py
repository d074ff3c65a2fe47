"""The table of a consultation's steps, transition by transition."""

from itertools import product

import pytest
from sqlalchemy.orm import Session

from cpms_core.access import PERMISSIONS
from cpms_core.clock import clock
from cpms_core.errors import ConflictError, InvalidError
from cpms_core.panels.after.models import FollowUp
from cpms_core.panels.discussion.models import PanelQuestion
from cpms_core.panels.moves import take
from cpms_core.panels.scope import find_panel, find_request
from cpms_core.panels.stages import ENDED, RequestState, Stage
from cpms_core.panels.steps import STEPS, Step
from tests.core.panels.consultation import Consultation
from tests.core.panels.drawing import DOCUMENT, draw

_OF_A_PANEL = [step for step in STEPS if step.come_from <= set(Stage)]
_OF_A_REQUEST = [
    step
    for step in STEPS
    if step not in _OF_A_PANEL and step.to in set(RequestState) and step.key != "submit"
]


@pytest.fixture
def they(session: Session) -> Consultation:
    """Where every guard is satisfied: two opinions, and an outcome that was signed before."""
    they = Consultation(session).assess()
    they.draft()
    they.newest().state = "signed"
    return they


def _panel_step(they: Consultation, step: Step, here: Stage, said: str = "Because.") -> str:
    """What becomes of a panel in this stage when the step is tried."""
    with they.session.begin_nested() as tried:
        they.panel.stage = str(here)
        they.session.flush()
        scope = find_panel(they.session, they.lead, they.panel.id, "case.summary")
        try:
            take(they.session, they.lead, scope, step.key, said=said)
        finally:
            found = they.panel.stage
            tried.rollback()
    return found


def test_a_panel_takes_the_steps_of_the_table_and_no_other(they: Consultation) -> None:
    for step, here in product(_OF_A_PANEL, Stage):
        if here in step.come_from:
            assert _panel_step(they, step, here) == step.to, step.key
        else:
            with pytest.raises(ConflictError):
                _panel_step(they, step, here)


def test_a_request_takes_the_steps_of_the_table_and_no_other(session: Session) -> None:
    they = Consultation(session)
    they.submit()
    for step, here in product(_OF_A_REQUEST, set(RequestState) - {RequestState.DRAFT}):
        with session.begin_nested() as tried:
            they.request.state = str(here)
            session.flush()
            scope = find_request(session, they.coordinator, they.request.id, "case.summary")
            if here in step.come_from:
                take(session, they.coordinator, scope, step.key, said="Because.")
                assert they.request.state == step.to
            else:
                with pytest.raises(ConflictError):
                    take(session, they.coordinator, scope, step.key, said="Because.")
            tried.rollback()


@pytest.mark.parametrize("step", [one for one in _OF_A_PANEL if one.guards], ids=lambda s: s.key)
def test_a_guard_that_is_not_satisfied_stops_its_step(session: Session, step: Step) -> None:
    they = Consultation(session)
    they.submit()
    they.name_lead()
    question = PanelQuestion(panel_id=they.panel.id, asked_by=they.lead.user_id, text="A photo?")
    question.is_blocking = True
    follow_up = FollowUp(panel_id=they.panel.id, kind="day_21", due_on=clock.today())
    session.add_all([question, follow_up])
    for here in step.come_from:
        with pytest.raises(InvalidError):
            _panel_step(they, step, Stage(here), said="")


def test_every_step_names_who_takes_it_and_says_what_must_be_so() -> None:
    for step in STEPS:
        assert step.permission in PERMISSIONS
        assert all(one.__doc__ for one in (*step.guards, *step.effects)), step.key


def test_every_state_but_the_first_is_reached_and_only_what_ended_is_left_by_none() -> None:
    reached = {step.to for step in STEPS} | {RequestState.DRAFT, RequestState.ACCEPTED}
    assert reached == {*RequestState, *Stage}
    left = {state for step in STEPS for state in step.come_from}
    over = {RequestState.DECLINED, RequestState.FORWARDED, RequestState.WITHDRAWN}
    assert {*RequestState, *Stage} - left == {*over, RequestState.ACCEPTED, *ENDED} - {Stage.CLOSED}


def test_the_picture_in_the_docs_is_this_table() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == draw()
