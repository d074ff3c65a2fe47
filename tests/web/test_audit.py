"""The audit page: who sees which events, filters, words, the chain."""

from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from sqlalchemy import select, text

from cpms_core import audit
from cpms_core.access import Standing
from cpms_core.actor import Role
from cpms_core.audit import AuditEvent, Event
from cpms_core.audit_queries import CHECKED_AT_ONCE
from cpms_core.auditing.chain import seal
from cpms_core.cases.models import Case
from cpms_core.cases.scope import end_share, share_with_ern, share_with_expert
from cpms_core.clock import clock
from cpms_core.patients.models import BrokenGlass
from cpms_web.audit_words import SOURCES, WORDS, in_words
from tests import factories
from tests.site import Browser, TestSite


def add_event(site: TestSite, browser: Browser, event: str = Event.CASE_READ, **ids: Any) -> None:
    with site.transaction() as session:
        audit.record(session, browser.actor, event, **ids)


def add_case(site: TestSite, browser: Browser, pseudonym: str) -> Any:
    with site.transaction() as session:
        case = factories.make_case(session, browser.actor, pseudonym=pseudonym)
        return case.id, case.hcp_id


def test_every_event_has_words() -> None:
    assert WORDS.keys() == set(Event)
    assert all(in_words(event) == words and " " in words for event, words in WORDS.items())
    assert len(set(WORDS.values())) == len(WORDS)
    assert {event.partition(":")[0] for event in Event} == SOURCES.keys()


def test_a_plugins_own_event_is_readable_too() -> None:
    assert in_words("reporting:table:exported") == "Reporting: table exported"


def test_everybody_sees_what_they_did_themselves_and_nothing_else(site: TestSite) -> None:
    ana, eva = site.person(name="Ana"), site.person(name="Eva Elsewhere")
    add_event(site, eva, Event.HOME_READ)
    ana.get("/help")
    page = ana.get("/audit").text
    assert "read the help" in page
    assert "opened Home" not in page
    assert "Eva Elsewhere" not in page
    assert "You see what you did." in page


def test_a_centre_manager_sees_what_happened_to_the_centre(site: TestSite) -> None:
    manager, ana, stranger = site.person(Role.CENTRE_MANAGER), site.person(), site.person()
    case, hcp = add_case(site, ana, "Wren-1")
    add_event(site, stranger, case_id=case, hcp_id=hcp)
    add_event(site, stranger, Event.REPORT_READ)
    page = manager.get("/audit").text
    assert "read a case" in page
    assert "Wren-1" in page
    assert stranger.actor.name in page
    assert "read a report" not in page


def test_a_coordinator_sees_what_happened_to_the_ern(site: TestSite) -> None:
    coordinator = site.person(Role.COORDINATOR, ern="ithaca")
    ana = site.person()
    add_event(site, ana, Event.REQUEST_SUBMITTED, ern_id="ithaca")
    add_event(site, ana, Event.REQUEST_DECLINED, ern_id="epicare")
    page = coordinator.get("/audit").text
    assert "sent a request to an ERN" in rows(page)
    assert "declined a request" not in rows(page)


def rows(page: str) -> str:
    """The table alone: the filter names every kind."""
    return unescape(page.partition("<tbody>")[2])


def test_a_role_that_was_taken_away_shows_nothing_more(site: TestSite) -> None:
    manager, ana = site.person(Role.CENTRE_MANAGER), site.person()
    case, hcp = add_case(site, ana, "Wren-1")
    add_event(site, ana, case_id=case, hcp_id=hcp)
    assert "Wren-1" in manager.get("/audit").text
    with site.transaction() as session:
        session.execute(text("UPDATE role_grant SET revoked_at = granted_at"))
    assert "Wren-1" not in manager.get("/audit").text


def test_the_own_log_names_a_case_only_while_one_may_open_it(site: TestSite) -> None:
    """Its own centre, an ERN it was sent to, an expert, and whoever broke the glass."""
    ana, eva = site.person(name="Ana"), site.person(hcp="NO01", name="Eva")
    dispatcher = site.person(Role.DISPATCHER, ern="ithaca", hcp="BE01")
    case, hcp = add_case(site, ana, "Wren-1")
    people = (ana, eva, dispatcher)
    for one in people:
        add_event(site, one, case_id=case, hcp_id=hcp)
    with site.transaction() as session:
        user = eva.actor.user_id
        share_with_expert(session, case, user, Standing.MEMBER, clock.now() + timedelta(hours=1))
        share_with_ern(session, case, "ithaca")
    assert ["Wren-1" in rows(one.get("/audit").text) for one in people] == [True] * 3
    with site.transaction() as session:
        end_share(session, case, user_id=eva.actor.user_id)
    assert ["Wren-1" in rows(one.get("/audit").text) for one in people] == [True, False, True]
    with site.transaction() as session:
        session.execute(text("UPDATE consent SET withdrawn_at = recorded_at"))
    assert ["Wren-1" in rows(one.get("/audit").text) for one in people] == [True, False, False]
    with site.transaction() as session:
        session.execute(text("UPDATE patient SET is_restricted = true"))
    pages = [rows(one.get("/audit").text) for one in people]
    assert all("a case you can no longer open" in page for page in pages)
    assert not any("Wren-1" in page for page in pages)
    with site.transaction() as session:
        patient = session.get_one(Case, case).patient_id
        until = clock.now() + timedelta(hours=1)
        session.add(
            BrokenGlass(
                patient_id=patient,
                user_id=ana.actor.user_id,
                opens="record",
                reason="seizure",
                until=until,
            )
        )
    assert "Wren-1" in rows(ana.get("/audit").text)


def test_reading_the_audit_is_itself_an_event(site: TestSite) -> None:
    ana = site.person()
    ana.get("/audit")
    ana.get("/audit", params={"person": "Ana", "kind": "site:"})
    assert site.events() == ["site:audit:read"] * 2
    with site.transaction() as session:
        details = session.scalars(select(AuditEvent.detail).order_by(AuditEvent.id)).all()
    assert details == [{"page": 1}, {"page": 1, "filters": "person kind"}]


def test_filters_by_case_person_kind_and_day(site: TestSite) -> None:
    admin, ana, eva = site.person(Role.SYSTEM_ADMIN, hcp=None), site.person(), site.person()
    case, hcp = add_case(site, ana, "Wren-1")
    add_event(site, ana, Event.CASE_READ, case_id=case, hcp_id=hcp)
    add_event(site, eva, Event.REPORT_READ)
    add_event(site, admin, Event.PERSON_DISABLED, subject_id=eva.actor.user_id)
    clock.offset = timedelta(days=-3)
    add_event(site, eva, Event.REPORT_EXPORTED)
    day = clock.today().isoformat()
    clock.offset = timedelta()
    all_words = ("read a case", "read a report", "exported a report", "ended a person's access")
    for given, expected in (
        ({"case": "wren-1"}, {"read a case"}),
        ({"case": str(case)}, {"read a case"}),
        ({"case": "Wren-2"}, set()),
        ({"person": eva.actor.name}, {all_words[1], all_words[2], all_words[3]}),
        ({"person": str(ana.actor.user_id)}, {"read a case"}),
        ({"kind": "report:"}, {"read a report", "exported a report"}),
        ({"kind": "case:case:read"}, {"read a case"}),
        ({"on": day}, {"exported a report"}),
        ({"on": day, "kind": "case:"}, set()),
        ({"person": "100%"}, set()),
    ):
        page = rows(admin.get("/audit", params=given).text)
        assert {words for words in all_words if words in page} == expected, given


@pytest.mark.parametrize("given", [{"on": "gestern"}, {"page": "x"}, {"page": "99999999"}])
def test_nonsense_in_the_address_is_no_fault(site: TestSite, given: dict[str, str]) -> None:
    answer = site.person().get("/audit", params=given)
    assert answer.status_code == 200
    assert ("Write a day such as" in answer.text) == ("on" in given)


def test_fifty_events_make_a_page_and_the_filter_stays(site: TestSite) -> None:
    ana = site.person()
    with site.transaction() as session:
        for number in range(120):
            audit.record(session, ana.actor, Event.REPORT_READ, number=number)
    first = ana.get("/audit", params={"kind": "report:"}).text
    assert "120 events" in first
    assert rows(first).count("<tr>") == 50
    assert "number 119" in first
    assert 'href="?kind=report%3A&amp;page=3"' in first
    last = ana.get("/audit?kind=report%3A&page=3").text
    assert rows(last).count("<tr>") == 20
    assert "number 0" in last


def test_administrators_see_how_the_chain_stands(site: TestSite) -> None:
    admin = site.person(Role.SYSTEM_ADMIN, hcp=None)
    add_event(site, admin)
    seal(site.engine)
    page = admin.get("/audit").text
    assert "Sealed to #1, the chain holds." in page
    with site.transaction() as session:
        session.execute(text("UPDATE audit_event SET tag = 'case:case:exported'"))
    assert "The chain breaks at #1" in admin.get("/audit").text
    assert "chain" not in site.person().get("/audit").text


def test_a_long_chain_is_checked_when_somebody_asks(
    site: TestSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert CHECKED_AT_ONCE > 0
    monkeypatch.setattr("cpms_core.audit_queries.CHECKED_AT_ONCE", 0)
    admin = site.person(Role.SYSTEM_ADMIN, hcp=None)
    add_event(site, admin)
    seal(site.engine)
    assert "check it now" in admin.get("/audit").text
    assert "the chain holds" in admin.get("/audit?check=yes").text


def test_names_in_the_audit_are_text(site: TestSite) -> None:
    admin = site.person(Role.SYSTEM_ADMIN, hcp=None, name="<img src=x onerror=alert(1)>")
    page = admin.get("/audit", params={"case": '"><script>', "person": "{{7*7}}"}).text
    assert "<script>" not in page.replace("<script defer", "")
    assert "<img" not in admin.get("/audit").text
    assert "{{7*7}}" in page
