"""Where guests of panels are listed, and what they still see of what they did."""

from datetime import timedelta

import pytest

from cpms_core.actor import Role
from cpms_core.clock import clock
from tests.site import TestSite
from tests.web.test_guests import EMAIL, Guest
from tests.web.test_panel_pages import Panels, read


@pytest.fixture
def they(site: TestSite) -> Panels:
    return Panels(site).make()


@pytest.fixture
def guest(they: Panels) -> Guest:
    return Guest(they)


@pytest.mark.usefixtures("guest")
def test_the_guests_of_a_network_stand_under_its_coordinators_people(they: Panels) -> None:
    page = read(they.coordinator, "/people")
    guests = page.partition('id="guests"')[2]
    assert "Guests of your ERN's panels" in guests
    assert "Dr Nadia Berger" in guests and EMAIL in guests
    assert f'href="{they.panel}/members"' in guests and "security key" in guests
    assert 'id="guests"' not in read(they.coordinator, "/people?q=somebody+else")
    assert "Dr Nadia Berger" in read(they.coordinator, "/people?q=berger")
    elsewhere = they.site.person(Role.COORDINATOR, ern="epicare")
    manager = they.site.person(Role.CENTRE_MANAGER)
    for other in (elsewhere, manager):
        assert "Dr Nadia Berger" not in read(other, "/people")
    clock.offset += timedelta(days=16)
    later = they.site.sign_in_again(they.coordinator.actor.user_id)
    assert "time has ended" in read(later, "/people").partition('id="guests"')[2]
    clock.offset += timedelta(days=30)
    later = they.site.sign_in_again(they.coordinator.actor.user_id)
    assert 'id="guests"' not in read(later, "/people")


def test_whoever_was_a_guest_sees_the_own_acts_without_the_pseudonym(
    they: Panels, guest: Guest
) -> None:
    guest.browser.post(f"{they.panel}/answer", {"answer": "accept"})
    read(guest.browser, f"/cases/{they.case_id}")
    assert they.pseudonym in read(guest.browser, "/audit")
    assert (
        they.pseudonym in read(guest.browser, f"/audit?case={they.pseudonym}").partition("<tb")[2]
    )
    clock.offset += timedelta(days=16)
    browser = guest.sign_in_later()
    page = read(browser, "/audit")
    assert they.pseudonym not in page and "a case you can no longer open" in page
    assert "read a case" in page.partition("<tbody>")[2]
    found = read(browser, f"/audit?case={they.pseudonym}")
    assert "No event fits" in found, "a pseudonym can be tried out"
    coordinator = they.site.sign_in_again(they.coordinator.actor.user_id)
    assert they.pseudonym in read(coordinator, "/audit")
