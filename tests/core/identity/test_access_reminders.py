"""Requests for access that wait too long are marked once, and Home tells those who can help."""

from datetime import UTC, datetime, timedelta

import pytest

from cpms_core.actor import Role
from cpms_core.clock import clock
from cpms_core.identity.access_reminders import remind_of_requests, working_days_before
from cpms_core.identity.models import AccessRequest
from tests.site import Browser, TestSite
from tests.web.access import ask, decide

MONDAY = datetime(2026, 11, 23, 10, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def nadia(site: TestSite) -> Browser:
    go_to(MONDAY)
    return site.person(None, hcp=None, name="Dr Nadia Berger")


@pytest.fixture
def coordinator(nadia: Browser, site: TestSite) -> Browser:
    del nadia
    return site.person(Role.COORDINATOR, hcp="CZ01", ern="ithaca")


def go_to(moment: datetime) -> None:
    clock.offset = moment - datetime.now(UTC)


def again(site: TestSite, person: Browser) -> Browser:
    """After days, the session of before is over."""
    return site.sign_in_again(person.actor.user_id)


def remind(site: TestSite) -> int:
    with site.transaction() as session:
        return remind_of_requests(session)


@pytest.mark.parametrize(
    ("now", "before"),
    [
        ("2026-11-25T10:00", "2026-11-23T10:00"),  # Wednesday
        ("2026-11-24T10:00", "2026-11-20T10:00"),  # Tuesday: Friday
        ("2026-11-23T10:00", "2026-11-19T10:00"),  # Monday: Thursday
        ("2026-11-28T12:00", "2026-11-26T00:00"),  # Saturday: Thursday and Friday are over
        ("2026-11-29T23:00", "2026-11-26T00:00"),  # Sunday
        ("2026-11-27T23:59", "2026-11-25T23:59"),  # Friday
    ],
)
def test_saturdays_and_sundays_are_no_working_days(now: str, before: str) -> None:
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC)
    assert working_days_before(moment, 2) == datetime.fromisoformat(before).replace(tzinfo=UTC)


def test_a_request_is_marked_once_after_two_working_days(
    nadia: Browser, coordinator: Browser, site: TestSite
) -> None:
    ask(nadia)
    go_to(MONDAY + 2 * DAY - timedelta(minutes=5))
    assert remind(site) == 0
    assert "waited too long" not in again(site, coordinator).get("/").text
    go_to(MONDAY + 2 * DAY + timedelta(minutes=5))
    assert remind(site) == 1
    assert remind(site) == 0
    assert site.events().count("site:access:reminded") == 1
    page = again(site, coordinator).get("/").text
    assert "1 person has waited too long." in page
    assert "waiting since 23 Nov 2026" in page
    assert "waiting since 23 Nov 2026" in again(site, coordinator).get("/access/queue").text


def test_system_administrators_hear_of_what_others_left_undone(
    nadia: Browser, coordinator: Browser, site: TestSite
) -> None:
    del coordinator
    admin = site.person(Role.SYSTEM_ADMIN, hcp=None)
    ask(nadia)
    assert "for access" not in admin.get("/").text
    assert "Dr Nadia Berger" in admin.get("/access/queue").text, "they may look for it"
    go_to(MONDAY + 3 * DAY)
    remind(site)
    assert "1 person has waited too long." in again(site, admin).get("/").text


def test_system_administrators_hear_at_once_where_nobody_else_decides(
    nadia: Browser, site: TestSite
) -> None:
    admin = site.person(Role.SYSTEM_ADMIN, hcp=None)
    ask(nadia)
    assert "1 request for access" in admin.get("/").text


def test_the_person_is_reminded_of_the_question_after_a_week(
    nadia: Browser, coordinator: Browser, site: TestSite
) -> None:
    request = ask(nadia)
    assert decide(coordinator, request, "ask", message="Which clinic?").status_code == 303
    go_to(MONDAY + 6 * DAY)
    assert remind(site) == 0
    go_to(MONDAY + 7 * DAY + timedelta(minutes=5))
    assert remind(site) == 1
    page = again(site, nadia).get("/").text
    assert "asked 7 days ago" in page and "1 late" in page
    assert "waited too long" not in again(site, coordinator).get("/").text


def test_a_new_turn_has_its_own_time(nadia: Browser, coordinator: Browser, site: TestSite) -> None:
    request = ask(nadia)
    go_to(MONDAY + 3 * DAY)
    assert remind(site) == 1
    decide(again(site, coordinator), request, "ask", message="Which clinic?")
    with site.transaction() as session:
        row = session.query(AccessRequest).one()
        assert row.reminded_at is None
        assert row.waits_since is not None and row.waits_since >= MONDAY + 3 * DAY
    assert remind(site) == 0


def test_what_is_decided_is_never_late(
    nadia: Browser, coordinator: Browser, site: TestSite
) -> None:
    request = ask(nadia)
    decide(coordinator, request, "refuse", message="Unknown here.")
    go_to(MONDAY + 30 * DAY)
    assert remind(site) == 0
