from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from cpms_core.actor import Actor, Role
from cpms_core.clock import clock
from cpms_core.errors import ForbiddenError, NotFoundError
from cpms_core.panels import moves
from cpms_core.panels.clock.renewal import renew_panel
from cpms_core.panels.ern.panels import Filter
from cpms_core.panels.ern.queries import read_ern_page
from cpms_core.panels.home.home import HomePage, read_home
from cpms_core.panels.page.queries import read_panel
from cpms_core.panels.requests.triage import return_request
from cpms_core.panels.seats import members
from cpms_core.panels.stages import Stage
from tests.core.panels.consultation import REGISTRY, Consultation, act, fill_case
from tests.factories import make_case


def titles(session: Session, actor: Actor) -> list[str]:
    return [item.title.partition(":")[0] for item in home_of(session, actor).waiting]


def home_of(session: Session, actor: Actor) -> HomePage:
    return read_home(session, actor, REGISTRY, retention_years=15)


def test_the_ern_page_shows_requests_then_panels_with_their_clocks(session: Session) -> None:
    waiting = Consultation(session, urgency="urgent", urgency_reason="Fits.")
    waiting.submit()
    they = Consultation(session).assess()
    page = read_ern_page(session, they.coordinator, REGISTRY, "ithaca")
    (request,) = page.to_triage
    assert (request.is_urgent, request.area, request.origin) == (
        True,
        "Undiagnosed",
        "CZ01 Prague",
    )
    (panel,) = page.panels
    assert (panel.stage, panel.ball, panel.answered, panel.asked) == (
        "Assessment",
        "lead, Oslo",
        2,
        3,
    )
    assert panel.clock.words.startswith("outcome by")
    assert (page.counted, page.has_more, page.ended) == ((1, 0), False, ())


def test_the_ern_page_is_its_triages_own(session: Session) -> None:
    they = Consultation(session).assess()
    with pytest.raises(ForbiddenError):
        read_ern_page(session, they.lead, REGISTRY, "ithaca")
    with pytest.raises(NotFoundError):
        read_ern_page(session, they.coordinator, REGISTRY, "nowhere")


def test_panels_are_filtered_by_words_stage_and_lateness(session: Session) -> None:
    they = Consultation(session).assess()
    silent = Consultation(session)
    silent.submit()
    silent.name_lead()
    clock.offset += timedelta(days=8)

    def numbers(**chosen: object) -> list[str]:
        page = read_ern_page(session, they.coordinator, REGISTRY, "ithaca", Filter(**chosen))  # type: ignore[arg-type]  # keywords of a NamedTuple
        return [one.number for one in page.panels]

    # What is late comes first.
    assert numbers(search="prague undiag") == [silent.panel.number, they.panel.number]
    assert numbers(search=they.panel.number.lower()) == [they.panel.number]
    assert numbers(search="100%") == []
    assert numbers(stage="assessment") == [they.panel.number]
    assert numbers(only_late=True) == [silent.panel.number]


def test_without_the_consent_for_care_a_panel_leaves_every_list_of_others(
    session: Session,
) -> None:
    they = Consultation(session).assess()
    they.case.patient.consents[0].withdrawn_at = clock.now()
    session.flush()
    page = read_ern_page(session, they.coordinator, REGISTRY, "ithaca")
    assert page.panels == () and page.counted.open == 0
    assert titles(session, they.lead) == []
    with pytest.raises(NotFoundError):
        read_panel(session, they.ghent, REGISTRY, they.panel.id)


def test_each_finds_on_home_what_waits_for_them(session: Session) -> None:
    they = Consultation(session)
    assert titles(session, they.submitter)[0].startswith("Your case")
    they.submit()
    assert titles(session, they.coordinator) == ["New request"]
    they.name_lead()
    they.invite(they.ghent)
    assert titles(session, they.ghent) == ["Invitation"]
    assert titles(session, they.lead) == ["You lead the panel"]
    they.accept(they.ghent)
    assert titles(session, they.ghent) == ["Your opinion"]
    they.invite(they.lyon)
    they.contribute(they.ghent)
    they.contribute(they.lyon)
    assert titles(session, they.ghent) == []
    assert titles(session, they.lead) == ["Draft the outcome"]
    they.draft()
    assert titles(session, they.lead) == ["Finish the outcome"]
    they.put()
    assert titles(session, they.lead) == []
    assert titles(session, they.ghent) == ["Your word on the outcome"]
    they.judge(they.ghent)
    they.judge(they.lyon)
    assert titles(session, they.ghent) == []
    assert titles(session, they.lead) == ["Sign the outcome"]


def test_a_returned_request_waits_for_who_sent_it(session: Session) -> None:
    they = Consultation(session)
    they.submit()
    return_request(session, they.coordinator, they.request.id, "Photos?", 1)
    assert titles(session, they.submitter) == ["Returned to you"]
    assert titles(session, they.coordinator) == []


def test_home_is_urgent_first_and_lists_the_own_cases(session: Session) -> None:
    they = Consultation(session).assess()
    urgent = make_case(session, they.submitter, hcp="CZ01")
    fill_case(session, they.submitter, urgent, urgency="urgent", urgency_reason="Fits.")
    home = home_of(session, they.submitter)
    (case,) = home.cases
    assert (case.stage, case.answered, case.where) == ("Assessment", 2, "ERN ITHACA · Undiagnosed")
    assert home_of(session, they.ghent).year.contributions == 1


def test_the_discussion_tells_what_happened_in_order(session: Session) -> None:
    they = Consultation(session).assess()
    page = read_panel(session, they.lead, REGISTRY, they.panel.id)
    told = [entry.title or f"“{entry.who}”" for entry in page.timeline.entries]
    assert told.index("Lead named") < told.index("2 experts invited") < told.index("“Dr Ghent”")
    assert "Stage: Assessment" in told
    assert [step.state for step in page.steps] == ["done", "done", "current", "open", "open"]


def test_triage_sees_how_far_a_panel_is_but_not_what_is_said(session: Session) -> None:
    they = Consultation(session).assess()
    page = read_panel(session, they.coordinator, REGISTRY, they.panel.id)
    assert page.timeline.entries == () and len(page.members) == 3
    assert page.frame.summary == "Delay."


def test_of_three_hundred_contributions_the_newest_are_shown(session: Session) -> None:
    they = Consultation(session).assess()
    for number in range(300):
        they.contribute(they.ghent, f"Thought {number}")
    line = read_panel(session, they.lead, REGISTRY, they.panel.id).timeline
    assert [entry.text for entry in line.entries] == [f"Thought {n}" for n in range(280, 300)]
    assert line.earlier > 280
    whole = read_panel(session, they.lead, REGISTRY, they.panel.id, show=1000).timeline
    assert sum(bool(entry.text) for entry in whole.entries) == 302 and not whole.earlier


def test_the_clock_says_when_it_stands_still_is_late_or_is_done(session: Session) -> None:
    they = Consultation(session).assess()

    def clock_words() -> str:
        page = read_ern_page(session, they.coordinator, REGISTRY, "ithaca")
        return page.panels[0].clock.words

    clock.offset += timedelta(days=31)
    assert clock_words().startswith("outcome late")
    moves.move_stage(session, they.lead, they.panel.id, "data_completion", they.panel.row_version)
    assert clock_words() == "stopped for under a minute"
    they.panel.stage, they.panel.closed_at = Stage.CLOSED, clock.now()
    renew_panel(session, they.panel)
    page = read_ern_page(session, they.coordinator, REGISTRY, "ithaca")
    assert page.panels == ()
    assert page.ended[0].clock.words == "closed in 31 days"


def test_a_removed_expert_has_nothing_waiting(session: Session) -> None:
    they = Consultation(session).assess()
    guest = act(session, Role.GUEST)
    they.invite(guest)
    assert titles(session, guest) == ["Invitation"]
    members.remove_member(session, they.lead, they.panel.id, guest.user_id)
    assert titles(session, guest) == []
