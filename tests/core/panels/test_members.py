import pytest
from sqlalchemy.orm import Session

from cpms_core.actor import Role
from cpms_core.cases.scope import find_case
from cpms_core.cases.service import withdraw_case
from cpms_core.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from cpms_core.panels.seats import members
from tests.core.panels.consultation import Consultation, act


@pytest.fixture
def they(session: Session) -> Consultation:
    made = Consultation(session)
    made.submit()
    made.name_lead()
    return made


def test_an_invited_expert_reads_the_case_in_order_to_decide(
    session: Session, they: Consultation
) -> None:
    with pytest.raises(NotFoundError):
        find_case(session, they.ghent, they.case.id, "case.read")
    they.invite(they.ghent)
    assert find_case(session, they.ghent, they.case.id, "case.read").case is they.case


def test_who_declines_loses_sight_of_the_case(session: Session, they: Consultation) -> None:
    they.invite(they.ghent)
    members.answer_invitation(session, they.ghent, they.panel.id, accept=False)
    with pytest.raises(NotFoundError):
        find_case(session, they.ghent, they.case.id, "case.summary")


def test_an_invitation_is_answered_once(they: Consultation) -> None:
    they.invite(they.ghent)
    they.accept(they.ghent)
    with pytest.raises(ForbiddenError):
        they.accept(they.ghent)


def test_nobody_answers_who_was_not_invited(they: Consultation) -> None:
    with pytest.raises(NotFoundError):
        they.accept(they.lyon)


def test_nobody_is_invited_twice_but_who_declined_may_be_asked_again(
    session: Session, they: Consultation
) -> None:
    they.invite(they.ghent)
    with pytest.raises(InvalidError, match="already"):
        they.invite(they.ghent)
    members.answer_invitation(session, they.ghent, they.panel.id, accept=False)
    they.invite(they.ghent)
    they.accept(they.ghent)


def test_the_submitter_and_people_of_other_roles_are_not_invited(
    session: Session, they: Consultation
) -> None:
    for person in (they.submitter, act(session, Role.SYSTEM_ADMIN), act(session, Role.RESEARCHER)):
        with pytest.raises(InvalidError):
            they.invite(person)
    they.invite(act(session, Role.GUEST))


def test_the_lead_may_invite_a_member_may_not(session: Session, they: Consultation) -> None:
    members.invite_expert(session, they.lead, they.panel.id, they.ghent.user_id)
    they.accept(they.ghent)
    with pytest.raises(ForbiddenError):
        members.invite_expert(session, they.ghent, they.panel.id, they.lyon.user_id)


def test_a_removed_member_no_longer_sees_the_case(session: Session, they: Consultation) -> None:
    they.invite(they.ghent)
    they.accept(they.ghent)
    members.remove_member(session, they.coordinator, they.panel.id, they.ghent.user_id)
    with pytest.raises(NotFoundError):
        find_case(session, they.ghent, they.case.id, "case.summary")
    with pytest.raises(InvalidError, match="lead"):
        members.remove_member(session, they.coordinator, they.panel.id, they.lead.user_id)


def test_a_withdrawn_case_takes_the_panel_from_everybody_but_its_centre(
    session: Session, they: Consultation
) -> None:

    they.invite(they.ghent)
    withdraw_case(session, they.submitter, they.case.id)
    with pytest.raises(NotFoundError):
        they.accept(they.ghent)


def test_a_closed_panel_takes_no_more_members(session: Session, they: Consultation) -> None:
    they.panel.stage = "closed"
    session.flush()
    with pytest.raises(ConflictError, match="closed"):
        they.invite(they.ghent)
