"""When what a network promises is due: its working days, hours and holidays, and what moves it."""

from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import update
from sqlalchemy.orm import Session

from cpms_core.clock import clock
from cpms_core.directory.models import Ern
from cpms_core.panels import moves
from cpms_core.panels.clock.promises import NetworkPromises, Promises
from cpms_core.panels.clock.renewal import renew_missing, renew_network, renew_panel
from cpms_core.panels.clock.working_time import Calendar, public_holidays
from cpms_core.panels.models import ConsultationRequest, Panel, PanelErn
from cpms_core.panels.requests import triage
from cpms_core.panels.scope import PanelScope, find_panel
from tests.core.panels.consultation import Consultation

FRIDAY_EVENING = datetime(2026, 11, 27, 18, 30, tzinfo=UTC)
MONDAY = datetime(2026, 11, 23, 9, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def network(**calendar: object) -> NetworkPromises:
    return NetworkPromises(Promises(), Calendar(**{"zone": "UTC", **calendar}))  # type: ignore[arg-type]  # as a test names them


def go_to(moment: datetime) -> None:
    clock.offset = moment - datetime.now(UTC)


def test_a_request_sent_on_friday_evening_is_due_on_monday() -> None:
    promised = network()
    assert promised.due("triage", "urgent", FRIDAY_EVENING) == datetime(
        2026, 11, 30, 13, tzinfo=UTC
    )
    assert promised.due("first answer", "urgent", FRIDAY_EVENING) == FRIDAY_EVENING + 3 * DAY
    assert promised.due("first answer", "routine", FRIDAY_EVENING) == FRIDAY_EVENING + 5 * DAY


def test_working_hours_run_from_opening_to_closing() -> None:
    promised = network()
    at_three = MONDAY.replace(hour=15)
    assert promised.due("triage", "routine", at_three) == (MONDAY + DAY).replace(hour=11)
    assert promised.due("triage", "routine", MONDAY.replace(hour=13)) == MONDAY.replace(hour=17)
    assert promised.due("triage", "routine", MONDAY.replace(hour=3)) == MONDAY.replace(hour=13)


def test_a_holiday_of_the_network_does_not_count() -> None:
    promised = network(holidays=(date(2026, 11, 24),))
    assert promised.due("first answer", "urgent", MONDAY) == MONDAY + 2 * DAY
    in_the_evening = MONDAY.replace(hour=16)
    assert promised.due("triage", "routine", in_the_evening) == datetime(
        2026, 11, 25, 12, tzinfo=UTC
    )


def test_the_public_holidays_of_its_country_do_not_count() -> None:
    before_christmas = datetime(2026, 12, 24, 12, tzinfo=UTC)  # a Thursday
    assert network(country="FR").due("first answer", "urgent", before_christmas) == datetime(
        2026, 12, 28, 12, tzinfo=UTC
    )
    assert date(2026, 12, 25) in public_holidays("FR", 2026)
    assert public_holidays("", 2026) == public_holidays("XX", 2026) == frozenset()


def test_an_outcome_is_due_after_days_and_never_on_a_free_one() -> None:
    promised = network(holidays=(date(2026, 12, 7),))
    assert promised.due("outcome", "routine", MONDAY) == datetime(2026, 12, 8, 9, tzinfo=UTC)
    assert promised.due("outcome", "routine", MONDAY + DAY) == MONDAY + 15 * DAY


def test_hours_are_those_of_the_networks_zone_also_when_summer_ends() -> None:
    in_paris = network(zone="Europe/Paris", opens=time(8), closes=time(12))
    friday = datetime(2026, 10, 23, 9, tzinfo=UTC)  # 11:00 there; on Monday it is winter
    assert in_paris.due("triage", "routine", friday) == datetime(2026, 10, 26, 10, tzinfo=UTC)


def test_a_network_may_work_around_the_clock() -> None:
    always = network(days=(1, 2, 3, 4, 5, 6, 7), opens=time(0), closes=time(0))
    assert always.due("triage", "urgent", FRIDAY_EVENING) == FRIDAY_EVENING + 4 * HOUR
    assert always.due("first answer", "urgent", FRIDAY_EVENING) == FRIDAY_EVENING + DAY


def test_each_step_stores_when_the_next_is_due(session: Session) -> None:
    go_to(MONDAY)
    they = Consultation(session)
    request = they.submit()
    assert about(request.due_at, MONDAY + 4 * HOUR)
    panel = they.name_lead()
    assert request.due_at is None
    assert about(panel.due_at, MONDAY + 3 * DAY)
    they.invite(they.ghent)
    they.contribute(they.ghent)
    assert about(panel.due_at, MONDAY + 14 * DAY)
    assert shared(session, panel).due_at == panel.due_at
    moves.move_stage(session, they.lead, panel.id, "data_completion", panel.row_version)
    assert panel.due_at is None and shared(session, panel).due_at is None
    go_to(MONDAY + 2 * DAY)
    moves.move_stage(session, they.lead, panel.id, "assessment", panel.row_version)
    assert about(panel.due_at, MONDAY + 16 * DAY)


def test_waiting_for_the_submitter_moves_the_promise(session: Session) -> None:
    go_to(MONDAY)
    they = Consultation(session)
    request = they.submit()
    triage.return_request(session, they.coordinator, request.id, "Photos?", request.row_version)
    assert request.due_at is None
    go_to(MONDAY + 2 * DAY)
    they.submit()
    assert about(request.due_at, MONDAY + 2 * DAY + 4 * HOUR)
    assert abs(request.paused_seconds - (2 * DAY).total_seconds()) < 60


def test_a_quick_panel_promises_its_first_answer_then_its_end(session: Session) -> None:
    session.get_one(Ern, "ithaca").workflow = "quick"
    go_to(MONDAY)
    they = Consultation(session, urgency="urgent", urgency_reason="Fits.")
    they.submit()
    panel = they.name_lead()
    assert panel.stage == "open"
    assert about(panel.due_at, MONDAY + DAY)
    they.invite(they.ghent)
    they.contribute(they.ghent)
    assert panel.stage == "answered"
    assert about(panel.due_at, MONDAY + 14 * DAY)


def test_a_panel_that_ended_has_no_clock_and_keeps_when_it_ended(session: Session) -> None:
    they = Consultation(session).assess()
    moves.take(session, they.submitter, scope_of(session, they), "withdraw")
    assert they.panel.due_at is None
    assert shared(session, they.panel).ended_at == they.panel.stage_at


def test_a_reopened_panel_is_counted_from_its_reopening(session: Session) -> None:
    go_to(MONDAY - 100 * DAY)
    they = Consultation(session).assess()
    they.panel.stage, they.panel.closed_at = "closed", clock.now()
    renew_panel(session, they.panel)
    before = they.request.paused_seconds
    go_to(MONDAY)
    moves.take(session, they.submitter, scope_of(session, they), "reopen", said="A new variant.")
    assert about(they.panel.due_at, MONDAY + 14 * DAY)
    assert shared(session, they.panel).ended_at is None
    moves.move_stage(session, they.lead, they.panel.id, "data_completion", they.panel.row_version)
    go_to(MONDAY + DAY)
    moves.move_stage(session, they.lead, they.panel.id, "assessment", they.panel.row_version)
    assert about(they.panel.due_at, MONDAY + 15 * DAY)
    assert they.request.paused_seconds == before, "figures count to the first closing"


def test_other_promises_of_the_network_move_every_running_clock(session: Session) -> None:
    go_to(MONDAY)
    they, waiting = Consultation(session).assess(), Consultation(session)
    request = waiting.submit()
    ern = session.get_one(Ern, "ithaca")
    ern.promises, ern.calendar = {"outcome_days": 21, "triage_hours": 2}, {"zone": "UTC"}
    assert renew_network(session, ern) == 2
    session.refresh(they.panel)
    session.refresh(request)
    assert about(they.panel.due_at, MONDAY + 21 * DAY)
    assert about(request.due_at, MONDAY + 2 * HOUR)
    assert shared(session, they.panel).due_at == they.panel.due_at


def test_clocks_of_an_older_version_get_their_times(session: Session) -> None:
    go_to(MONDAY)
    they, waiting = Consultation(session).assess(), Consultation(session)
    request = waiting.submit()
    stored = they.panel.due_at, request.due_at
    session.execute(update(Panel).values(due_at=None))
    session.execute(update(ConsultationRequest).values(due_at=None))
    assert renew_missing(session) == 2
    assert renew_missing(session) == 0
    session.refresh(they.panel)
    session.refresh(request)
    assert (they.panel.due_at, request.due_at) == stored


def scope_of(session: Session, they: Consultation) -> PanelScope:
    return find_panel(session, they.submitter, they.panel.id, "case.summary")


def about(found: datetime | None, expected: datetime) -> bool:
    """Within a minute, for a test's clock runs on."""
    assert found is not None
    assert abs(found - expected) < timedelta(minutes=1), found
    return True


def shared(session: Session, panel: Panel) -> PanelErn:
    return session.get_one(PanelErn, (panel.id, "ithaca"), populate_existing=True)
