"""A case is withdrawn from its page: first what it does, then everything under way ends with it."""

import pytest
from sqlalchemy import select

from cpms_core.panels.models import ConsultationRequest, Panel
from tests.site import TestSite
from tests.web.closed_panel import ClosedPanel, text_of
from tests.web.test_panel_pages import Panels, read


@pytest.fixture
def they(site: TestSite) -> Panels:
    return Panels(site)


def withdraw_page(they: Panels) -> str:
    path = f"/cases/{they.case_id}/withdraw"
    assert f'href="{path}"' in read(they.submitter, f"/cases/{they.case_id}")
    return text_of(read(they.submitter, path))


def withdraw(they: Panels) -> None:
    answer = they.submitter.post(f"/cases/{they.case_id}/withdraw")
    assert answer.status_code == 303


def test_the_page_says_who_loses_what_before_anything_happens(they: Panels) -> None:
    they.make().discuss()
    page = withdraw_page(they)
    assert "3 experts" in page and "ERN ITHACA" in page and "no longer see anything" in page
    assert "ends without an outcome" in page
    assert read(they.ghent, they.panel), "looking changed nothing"


def test_withdrawing_ends_the_panel_and_closes_the_case_to_others(they: Panels) -> None:
    they.make().discuss()
    withdraw(they)
    with they.site.transaction() as session:
        assert session.get_one(Panel, they.panel_id).stage == "withdrawn"
    for who in (they.ghent, they.lead, they.coordinator):
        assert who.get(they.panel).status_code == 404
    assert "was withdrawn" in read(they.submitter, f"/cases/{they.case_id}")
    assert they.submitter.post(f"/cases/{they.case_id}/withdraw").status_code == 409
    assert "case:case:withdrawn" in they.site.events()


def test_a_request_that_nobody_has_taken_is_withdrawn_too(they: Panels) -> None:
    assert "The request to" in withdraw_page(they)
    withdraw(they)
    with they.site.transaction() as session:
        assert session.scalars(select(ConsultationRequest.state)).one() == "withdrawn"
    assert they.pseudonym not in read(they.coordinator, "/")


def test_a_signed_outcome_survives_the_withdrawal(site: TestSite) -> None:
    they = ClosedPanel(site)
    assert "stays signed, and counts" in withdraw_page(they)
    withdraw(they)
    assert they.stage() == "closed"
    assert "Signed with a security key" in read(they.submitter, they.url)
    assert they.ghent.get(they.url).status_code == 404


def test_only_the_own_centre_withdraws(they: Panels) -> None:
    they.make()
    for who in (they.lead, they.coordinator):
        assert who.get(f"/cases/{they.case_id}/withdraw").status_code == 403
        assert who.post(f"/cases/{they.case_id}/withdraw").status_code == 403
    stranger = they.site.person(hcp="GR01")
    assert stranger.post(f"/cases/{they.case_id}/withdraw").status_code == 404
