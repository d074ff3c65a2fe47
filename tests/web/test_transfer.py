"""A patient moves to another centre: proposed here, accepted or refused there."""

import re

import pytest
from sqlalchemy import select

from cpms_core.access import Standing
from cpms_core.actor import Role
from cpms_core.audit import AuditEvent
from cpms_core.cases.models import Case
from cpms_core.cases.scope import share_with_expert
from cpms_core.patients.models import Patient, SealedIdentity
from cpms_core.patients.service import patient_secret
from tests.site import Browser, TestSite
from tests.web.test_break_glass import open_case
from tests.web.test_care_teams import id_in, pseudonym, restricted
from tests.web.test_centre import SOPHIE, enrol

TO_PRAGUE = {"hcp": "CZ01 · Prague", "reason": "The family moved to Prague."}


class Move:
    """A patient of Paris with a case, whom Prague is to take over."""

    def __init__(self, site: TestSite, *, is_restricted: bool = False) -> None:
        self.site = site
        self.paris, self.prague = site.person(name="Dr Paris"), site.person(hcp="CZ01")
        self.manager = site.person(Role.CENTRE_MANAGER, hcp="CZ01")
        self.patient = restricted(self.paris) if is_restricted else enrol(self.paris)
        self.case = open_case(self.paris, self.patient)

    def propose(self) -> str:
        """The address at which Prague's manager decides."""
        self.paris.follow(self.paris.post(f"{self.patient}/move", TO_PRAGUE))
        found = re.search(r"/transfers/[0-9a-f-]+", self.manager.get("/").text)
        assert found
        return found[0]

    def accept(self, transfer: str | None = None, heir: Browser | None = None) -> None:
        chosen = {"heir": str((heir or self.prague).actor.user_id)}
        answer = self.manager.post(f"{transfer or self.propose()}/accept", chosen)
        assert "is your centre" in self.manager.follow(answer).text


def test_nothing_moves_before_the_other_centre_accepts(site: TestSite) -> None:
    move = Move(site)
    page = move.paris.get(f"{move.patient}/move").text
    assert "1 case" in page and "nobody of your centre" in page
    transfer = move.propose()
    assert move.prague.get(move.patient).status_code == 404
    assert move.manager.get(move.patient).status_code == 404
    page = move.manager.get(transfer).text
    assert "The family moved to Prague." in page and "1 case" in page
    assert "Nováková" not in page
    assert move.paris.get(move.case).status_code == 200


def test_an_accepted_patient_changes_sides_with_all_cases(site: TestSite) -> None:
    move = Move(site)
    move.accept()
    for address in (move.patient, move.case):
        assert move.paris.get(address).status_code == 404
        assert move.prague.get(address).status_code == 200
    assert move.paris.post(f"{move.patient}/cases").status_code == 404
    name = pseudonym(site, move.patient)
    assert name not in move.paris.get("/centre").text
    assert name in move.prague.get("/centre").text


def test_the_identity_opens_under_the_other_centres_key_and_only_there(site: TestSite) -> None:
    move = Move(site)
    with site.transaction() as session:
        before = session.scalars(select(SealedIdentity.search_digest)).one()
    move.accept()
    assert "Žofie" in move.manager.post(f"{move.patient}/identity").text
    paris = site.person(Role.CENTRE_MANAGER)
    assert paris.post(f"{move.patient}/identity").status_code == 404
    with site.transaction() as session:
        row = session.scalars(select(SealedIdentity)).one()
        assert row.search_digest != before
        assert row.hcp_id == session.get_one(Patient, id_in(move.patient)).hcp_id
    assert enrol(move.paris)  # Paris no longer knows of a patient with this name
    answer = move.prague.post("/centre/patients/new", SOPHIE)
    assert answer.status_code == 409


def test_experts_go_on_seeing_the_case(site: TestSite) -> None:
    move = Move(site)
    expert = site.person(hcp="BE01")
    with site.transaction() as session:
        share_with_expert(session, id_in(move.case), expert.actor.user_id, Standing.MEMBER)
    assert "1 expert" in move.paris.get(f"{move.patient}/move").text
    move.accept()
    assert expert.get(move.case).status_code == 200


def test_open_cases_wait_for_the_heir(site: TestSite) -> None:
    move = Move(site)
    move.accept()
    with site.transaction() as session:
        case = session.scalars(select(Case)).one()
        assert case.created_by == move.prague.actor.user_id
        assert case.hcp_id == session.get_one(Patient, case.patient_id).hcp_id
    assert move.case in move.prague.get("/").text
    assert move.case not in move.paris.get("/").text


def test_only_somebody_of_the_other_centre_can_be_the_heir(site: TestSite) -> None:
    move = Move(site)
    transfer = move.propose()
    for form in ({}, {"heir": str(move.paris.actor.user_id)}):
        assert move.manager.post(f"{transfer}/accept", form).status_code == 422
    assert move.paris.get(move.patient).status_code == 200


def test_a_care_team_ends_with_the_move(site: TestSite) -> None:
    move = Move(site, is_restricted=True)
    move.accept()
    assert move.prague.get(move.patient).status_code == 200
    assert move.paris.get(move.patient).status_code == 404
    assert "Everybody at your centre" in move.prague.get(move.patient).text


def test_files_that_are_added_later_are_keyed_as_the_first(site: TestSite) -> None:
    move = Move(site)

    def secret() -> bytes:
        with site.transaction() as session:
            patient = session.get_one(Patient, id_in(move.patient))
            return patient_secret(session, site.live.key, patient, "files")

    before = secret()
    move.accept()
    assert secret() == before


@pytest.mark.parametrize("act", ["accept", "refuse"])
def test_only_the_other_centres_manager_decides(site: TestSite, act: str) -> None:
    move = Move(site)
    transfer = move.propose()
    own_manager = site.person(Role.CENTRE_MANAGER)
    heir = {"heir": str(move.prague.actor.user_id)}
    for person, refused in ((own_manager, 404), (move.prague, 403), (move.paris, 403)):
        assert person.post(f"{transfer}/{act}", heir).status_code == refused
        assert person.get(transfer).status_code == refused


def test_a_refused_patient_stays_and_the_proposer_is_told(site: TestSite) -> None:
    move = Move(site)
    transfer = move.propose()
    move.manager.follow(move.manager.post(f"{transfer}/refuse"))
    assert "stays at your centre" in move.paris.get("/").text
    assert move.paris.get(move.patient).status_code == 200
    heir = {"heir": str(move.prague.actor.user_id)}
    assert move.manager.post(f"{transfer}/accept", heir).status_code == 409


def test_a_proposal_is_made_once_and_can_be_taken_back(site: TestSite) -> None:
    move = Move(site)
    transfer = move.propose()
    assert move.paris.post(f"{move.patient}/move", TO_PRAGUE).status_code == 409
    move.paris.follow(move.paris.post(f"{move.patient}/move/back"))
    heir = {"heir": str(move.prague.actor.user_id)}
    assert move.manager.post(f"{transfer}/accept", heir).status_code == 409
    assert move.paris.get(move.patient).status_code == 200
    assert move.propose() != transfer


def test_no_patient_moves_to_where_nobody_can_accept(site: TestSite) -> None:
    move = Move(site)
    for hcp in ("BE01", "FR00", "FR10", "XX99", ""):
        answer = move.paris.post(f"{move.patient}/move", TO_PRAGUE | {"hcp": hcp})
        assert answer.status_code == 422, hcp
        assert TO_PRAGUE["reason"] in answer.text


def test_both_centres_have_it_in_their_audit(site: TestSite) -> None:
    move = Move(site)
    move.accept()
    paris = site.person(Role.CENTRE_MANAGER)
    assert "moved to another centre" in paris.get("/audit").text
    with site.transaction() as session:
        tags = ("centre:patient:moved", "centre:transfer:accepted")
        wanted = select(AuditEvent.hcp_id).where(AuditEvent.tag.in_(tags))
        assert len(set(session.scalars(wanted))) == 2
