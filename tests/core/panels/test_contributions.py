from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from cpms_core.actor import Actor
from cpms_core.clock import clock
from cpms_core.db import transaction
from cpms_core.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from cpms_core.panels import moves
from cpms_core.panels.discussion import contributions
from cpms_core.panels.models import Contribution, Panel, PanelMember
from cpms_core.panels.seats import members
from tests.core.panels.consultation import Consultation


@pytest.fixture
def they(session: Session) -> Consultation:
    made = Consultation(session)
    made.submit()
    made.name_lead()
    made.invite(made.ghent, made.lyon)
    return made


def state_of(session: Session, they: Consultation, user_id: object) -> str:
    return session.scalars(
        select(PanelMember.state).where(
            PanelMember.panel_id == they.panel.id, PanelMember.user_id == user_id
        )
    ).one()


def test_an_invited_expert_joins_by_contributing(session: Session, they: Consultation) -> None:
    they.contribute(they.ghent)
    assert state_of(session, they, they.ghent.user_id) == "accepted"
    assert they.panel.stage == "assessment"


def test_the_first_contribution_stops_the_first_clock(they: Consultation) -> None:
    they.contribute(they.ghent)
    first = they.panel.first_response_at
    clock.offset += timedelta(hours=1)
    they.contribute(they.lyon)
    assert first is not None and they.panel.first_response_at == first


def test_a_lead_alone_does_not_start_the_assessment(they: Consultation) -> None:
    they.contribute(they.lead)
    assert they.panel.stage == "panel_selection"
    they.accept(they.ghent)
    they.contribute(they.lead)
    assert they.panel.stage == "assessment"


def test_observers_and_strangers_do_not_contribute(session: Session, they: Consultation) -> None:
    members.remove_member(session, they.lead, they.panel.id, they.lyon.user_id)
    members.invite_expert(session, they.lead, they.panel.id, they.lyon.user_id, "observer")
    they.accept(they.lyon)
    with pytest.raises(ForbiddenError):
        they.contribute(they.lyon)
    with pytest.raises(ForbiddenError):
        they.contribute(they.submitter)
    with pytest.raises(ForbiddenError):
        they.contribute(they.coordinator)


@pytest.mark.parametrize("text", ["", "   ", "x" * 20_001, "a\x00b"])
def test_an_empty_or_endless_contribution_is_refused(they: Consultation, text: str) -> None:
    with pytest.raises(InvalidError) as refusal:
        they.contribute(they.ghent, text)
    assert "text" in refusal.value.fields


def test_an_unknown_certainty_is_refused(session: Session, they: Consultation) -> None:
    with pytest.raises(InvalidError):
        contributions.contribute(session, they.ghent, they.panel.id, "Yes.", "very")


def test_an_unknown_panel_is_not_found(session: Session, they: Consultation) -> None:
    with pytest.raises(NotFoundError):
        contributions.contribute(session, they.ghent, they.case.id, "Yes.")


def test_the_lead_moves_between_assessment_and_data_completion(
    session: Session, they: Consultation
) -> None:
    they.contribute(they.ghent)
    panel = they.panel
    moves.move_stage(session, they.lead, panel.id, "data_completion", panel.row_version)
    clock.offset += timedelta(days=2)
    moves.move_stage(session, they.lead, panel.id, "assessment", panel.row_version)
    assert panel.stage == "assessment"
    assert 2 * 86400 <= they.request.paused_seconds < 2 * 86400 + 60


def test_a_step_is_refused_on_an_old_page_and_where_it_does_not_belong(
    session: Session, they: Consultation
) -> None:
    panel = they.panel
    with pytest.raises(InvalidError, match="accepted"):
        moves.move_stage(session, they.lead, panel.id, "assessment", panel.row_version)
    they.accept(they.ghent)
    with pytest.raises(ConflictError):
        moves.move_stage(session, they.lead, panel.id, "closed", panel.row_version)
    with pytest.raises(ConflictError, match="Somebody else"):
        moves.move_stage(session, they.lead, panel.id, "assessment", panel.row_version - 1)
    with pytest.raises(ForbiddenError):
        moves.move_stage(session, they.ghent, panel.id, "assessment", panel.row_version)


def test_two_first_contributions_at_the_same_time_are_both_taken(engine: Engine) -> None:
    with transaction(engine) as session:
        they = Consultation(session)
        they.submit()
        they.name_lead()
        they.invite(they.ghent, they.lyon)
        panel_id = they.panel.id
    start = Barrier(2)

    def give(author: Actor) -> None:
        start.wait()
        with transaction(engine) as session:
            contributions.contribute(session, author, panel_id, "KBG, I think.")

    with ThreadPoolExecutor() as pool:
        list(pool.map(give, (they.ghent, they.lyon)))
    with transaction(engine) as session:
        panel = session.get_one(Panel, panel_id)
        given = session.scalars(select(Contribution.id)).all()
        assert (panel.stage, len(given)) == ("assessment", 2)
