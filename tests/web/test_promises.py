"""A network's promises: set by its coordinators, previewed, kept by clocks, told when late."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from cpms_core.actor import Role
from cpms_core.clock import clock
from cpms_core.identity.models import User
from cpms_core.panels.clock.escalation import escalate_panels
from cpms_core.panels.clock.late_triage import escalate_requests
from cpms_core.panels.models import ConsultationRequest, Panel
from tests.core.panels.consultation import Consultation
from tests.site import Browser, TestSite
from tests.web.attempts import PROMISES
from tests.web.world import World

PATH = "/directory/erns/ithaca/promises"
MONDAY = datetime(2026, 11, 23, 9, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def go_to(moment: datetime) -> None:
    clock.offset = moment - datetime.now(UTC)


@pytest.fixture
def world(site: TestSite) -> World:
    go_to(MONDAY)
    return World(site, "assessment")


def coordinator(site: TestSite) -> Browser:
    return site.person(Role.COORDINATOR, ern="ithaca")


def home(world: World, name: str) -> str:
    """After days, the session of before is over."""
    return world.site.sign_in_again(world.id_of(name)).get("/").text


def withdraw_consent(site: TestSite) -> None:
    with site.transaction() as session:
        request = session.query(ConsultationRequest).one()
        request.case.patient.consents[0].withdrawn_at = clock.now()


def escalate(site: TestSite) -> int:
    with site.transaction() as session:
        return escalate_panels(session)


def test_a_coordinator_sets_what_the_network_promises(site: TestSite) -> None:
    browser = coordinator(site)
    changed = {**PROMISES, "triage_hours": "6", "holidays": "2026-12-24 2026-12-31"}
    assert browser.post(PATH, changed).status_code == 303
    page = browser.get(PATH).text
    assert 'name="triage_hours" value="6"' in page
    assert "2026-12-24\n2026-12-31" in page
    assert site.events().count("ern:network:configured") == 1
    assert "within 6 working hours" in browser.get("/erns/ithaca").text


def test_it_says_what_other_promises_would_mean_before_they_are_saved(site: TestSite) -> None:
    go_to(MONDAY)
    browser = coordinator(site)
    asked = {**PROMISES, "zone": "UTC", "outcome_days": "8"}
    page = browser.get(PATH, params=asked).text
    assert "Tue 1 Dec, 09:00 UTC" in page, "the outcome"
    assert "Mon 23 Nov, 13:00 UTC" in page, "triage"
    assert 'value="14"' in browser.get(PATH).text, "nothing was saved"


def test_what_is_wrong_is_said_and_what_was_typed_is_kept(site: TestSite) -> None:
    wrong = {**PROMISES, "triage_hours": "soon", "closes": "08:00", "holidays": "Christmas"}
    for day in range(1, 6):
        del wrong[f"day_{day}"]
    answer = coordinator(site).post(PATH, wrong)
    assert answer.status_code == 422
    for said in ("from 1 to 200", "Close after opening", "“Christmas” is no day", "Tick one day"):
        assert said in answer.text, said
    assert 'value="soon"' in answer.text
    assert "ern:network:configured" not in site.events()


def test_running_clocks_follow_the_new_promises(world: World) -> None:
    site = world.site
    with site.transaction() as session:
        before = session.query(Panel).one().due_at
    answer = world["coordinator"].post(PATH, {**PROMISES, "outcome_days": "20"})
    assert answer.status_code == 303
    with site.transaction() as session:
        after = session.query(Panel).one().due_at
    assert before is not None and after is not None
    assert timedelta(days=5) < after - before < timedelta(days=8)


def test_every_list_and_page_says_by_when(world: World) -> None:
    told = re.compile(r"outcome</?\w*>? (promised )?by\s*<time|outcome by <time", re.IGNORECASE)
    for name, path in (
        ("coordinator", "/erns/ithaca"),
        ("lead", f"/panels/{world.values['panel_id']}"),
        ("professional", f"/cases/{world.values['case_id']}"),
    ):
        assert told.search(world[name].get(path).text), path


def test_a_late_panel_is_told_to_its_lead_then_to_the_coordinators(world: World) -> None:
    site = world.site
    assert escalate(site) == 0
    go_to(MONDAY + 14 * DAY + HOUR)
    assert "Late: " not in home(world, "lead")
    assert escalate(site) == 1
    assert escalate(site) == 0, "once"
    assert "Late: " in home(world, "lead")
    assert "Late: " not in home(world, "coordinator")
    go_to(MONDAY + 15 * DAY + HOUR)
    assert escalate(site) == 1
    assert escalate(site) == 0
    assert "Late: " in home(world, "coordinator")
    assert "leads it and has been told" in home(world, "coordinator")
    assert "Late: " not in home(world, "coordinator of another ERN")
    assert "Late: " not in home(world, "member")
    assert site.events().count("panel:clock:escalated") == 2


def test_many_late_panels_are_one_thing_for_a_coordinator(world: World) -> None:
    site = world.site
    with site.transaction() as session:
        for _ in range(4):
            they = Consultation(session)
            they.submit()
            they.name_lead()
    go_to(MONDAY + 30 * DAY)
    assert escalate(site) == 10
    page = home(world, "coordinator")
    assert page.count("Late: ") == 1
    assert "Late: 5 panels" in page and "/erns/ithaca?late=1" in page


def test_a_clock_that_gets_another_time_is_late_no_more(world: World) -> None:
    site = world.site
    go_to(MONDAY + 14 * DAY + HOUR)
    assert escalate(site) == 1
    browser = site.sign_in_again(world.id_of("coordinator"))
    assert browser.post(PATH, {**PROMISES, "outcome_days": "30"}).status_code == 303
    assert "Late: " not in home(world, "lead")
    with site.transaction() as session:
        assert session.query(Panel).one().escalated == 0


def test_who_no_longer_sees_a_case_is_not_told_that_it_is_late(world: World) -> None:
    withdraw_consent(world.site)
    go_to(MONDAY + 20 * DAY)
    assert escalate(world.site) == 0


# --- late triage ---


@pytest.fixture
def untriaged(site: TestSite) -> World:
    go_to(MONDAY)
    return World(site, "submitted")


def tell_of_triage(site: TestSite) -> int:
    with site.transaction() as session:
        return escalate_requests(session)


def test_a_late_triage_goes_up_from_the_dispatchers_to_the_administrators_once_each(
    untriaged: World,
) -> None:
    site, late = untriaged.site, "Late request"
    assert tell_of_triage(site) == 0
    go_to(MONDAY + 8 * HOUR)
    assert late not in home(untriaged, "dispatcher")
    assert (tell_of_triage(site), tell_of_triage(site)) == (1, 0), "once"
    assert late in home(untriaged, "dispatcher")
    assert late not in home(untriaged, "coordinator")
    go_to(MONDAY + DAY + 8 * HOUR)
    assert (tell_of_triage(site), tell_of_triage(site)) == (1, 0)
    page = home(untriaged, "coordinator")
    assert late in page and "triage late 2" in page
    ern = site.sign_in_again(untriaged.id_of("coordinator")).get("/erns/ithaca").text
    assert "the coordinators were told" in ern
    assert "to triage at" not in home(untriaged, "system administrator")
    go_to(MONDAY + 2 * DAY + 8 * HOUR)
    assert (tell_of_triage(site), tell_of_triage(site)) == (1, 0)
    page = home(untriaged, "system administrator")
    assert "Late: 1 request to triage at ERN ITHACA" in page
    assert "Which test next?" not in page, "nothing of the case"
    assert "to triage at" not in home(untriaged, "coordinator of another ERN")
    assert site.events().count("ern:request:escalated") == 3


def test_where_nobody_is_dispatcher_the_coordinators_are_told_at_once(untriaged: World) -> None:
    with untriaged.site.transaction() as session:
        user = session.get_one(User, untriaged.id_of("dispatcher"))
        user.disabled_at = clock.now()
    go_to(MONDAY + 8 * HOUR)
    assert tell_of_triage(untriaged.site) == 1
    assert "Late request" in home(untriaged, "coordinator")


def test_a_request_that_is_decided_is_late_no_more(untriaged: World) -> None:
    site = untriaged.site
    go_to(MONDAY + 8 * HOUR)
    assert tell_of_triage(site) == 1
    form = {"reason": "Photos, please.", "seen": "1"}
    browser = site.sign_in_again(untriaged.id_of("dispatcher"))
    path = f"/requests/{untriaged.values['request_id']}/return"
    assert browser.post(path, form).status_code == 303
    with site.transaction() as session:
        assert session.query(ConsultationRequest).one().escalated == 0
    go_to(MONDAY + 9 * DAY)
    assert tell_of_triage(site) == 0


def test_who_no_longer_sees_a_request_is_not_told_of_it(untriaged: World) -> None:
    withdraw_consent(untriaged.site)
    go_to(MONDAY + 9 * DAY)
    assert tell_of_triage(untriaged.site) == 0
