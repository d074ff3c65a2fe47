"""Who looked at my cases and my account: everybody sees it of the own, and nothing of others'."""

import re
from html import unescape
from typing import Any
from uuid import UUID

import pytest
from httpx import Response
from sqlalchemy import select, text

from cpms_core import audit
from cpms_core.actor import Role
from cpms_core.audit import AuditEvent, Event
from cpms_core.cases.models import Record
from cpms_core.db import new_id
from cpms_core.identity.models import User
from cpms_core.identity.people import disable_person, enable_person
from tests import factories
from tests.site import Browser, TestSite
from tests.web.key_person import Person
from tests.web.world import NAMES, World


def rows(answer: Response) -> str:
    """The table alone: the filter names every kind."""
    assert answer.status_code == 200, answer.text
    return unescape(answer.text.partition("<tbody>")[2].partition("</tbody>")[0])


def mine(browser: Browser, **query: str) -> str:
    return rows(browser.get("/audit/mine", params=query))


def add_case(site: TestSite, browser: Browser, hcp: str = "FR10", **values: Any) -> UUID:
    with site.transaction() as session:
        return factories.make_case(session, browser.actor, hcp=hcp, **values).id


def note(site: TestSite, browser: Browser | None, event: str, **ids: Any) -> None:
    with site.transaction() as session:
        audit.record(session, browser.actor if browser else None, event, **ids)


def test_whoever_opened_a_case_sees_who_read_it(site: TestSite) -> None:
    ana, eva = site.person(name="Ana Own"), site.person(name="Eva Colleague")
    case = add_case(site, ana, pseudonym="Wren-1")
    assert mine(ana) == ""
    assert eva.get(f"/cases/{case}").status_code == 200
    assert ana.get(f"/cases/{case}").status_code == 200
    page = mine(ana)
    assert "Eva Colleague" in page and "read a case" in page and "Wren-1" in page
    assert "Ana Own" not in page, "what she did herself stands on the other page"
    assert mine(eva) == ""


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (Event.CASE_EXPORTED, "exported a case"),
        (Event.RECORD_SAVED, "saved a form"),
        (Event.ATTACHMENT_READ, "opened a file"),
        (Event.IMAGES_VIEWED, "viewed images"),
        (Event.CASE_WITHDRAWN, "withdrew a case"),
    ],
)
def test_every_kind_of_act_on_the_own_case_is_shown(
    site: TestSite, event: Event, words: str
) -> None:
    ana, eva = site.person(), site.person(name="Eva Colleague", hcp="FR25")
    note(site, eva, event, case_id=add_case(site, ana))
    assert words in mine(ana) and "Eva Colleague" in mine(ana)


def test_the_patient_of_an_own_case_belongs_to_it(site: TestSite) -> None:
    ana, eva = site.person(), site.person(Role.CENTRE_MANAGER, name="Eva Manager")
    with site.transaction() as session:
        case = factories.make_case(session, ana.actor)
        patient = case.patient_id
    note(site, eva, Event.IDENTITY_READ, patient_id=patient)
    assert "looked up who a patient is" in mine(ana)


def test_who_wrote_in_a_case_or_sent_it_sees_it_too_and_who_only_read_does_not(
    site: TestSite,
) -> None:
    world = World(site, "submitted")
    case = UUID(world.values["case_id"])
    note(site, world["lead"], Event.CASE_READ, case_id=case)
    assert world["lead"].actor.name in mine(world["professional"])
    colleague = site.person(hcp="CZ01", name="Carl Colleague")
    assert colleague.get(f"/cases/{case}").status_code == 200
    assert mine(colleague) == ""
    with site.transaction() as session:
        values = {"dataset": "x", "revision": 1, "schema_version": 1, "data": {}}
        session.add(Record(case_id=case, author_id=colleague.actor.user_id, **values))
    assert world["lead"].actor.name in mine(colleague)


def test_who_left_the_centre_sees_no_more_of_its_cases(site: TestSite) -> None:
    ana, eva = site.person(), site.person(name="Eva Colleague")
    note(site, eva, Event.CASE_READ, case_id=add_case(site, ana, pseudonym="Wren-1"))
    assert "Wren-1" in mine(ana)
    with site.transaction() as session:
        session.execute(text("UPDATE role_grant SET revoked_at = granted_at"))
    assert "Wren-1" not in mine(ana)
    assert "Eva Colleague" not in mine(ana)


def test_an_author_on_a_panel_elsewhere_sees_no_readers_of_that_case(site: TestSite) -> None:
    """Contributing makes nobody the owner of another centre's case."""
    world = World(site, "assessment")
    note(site, world["member"], Event.CASE_READ, case_id=UUID(world.values["case_id"]))
    assert "read a case" not in mine(world["lead"])
    assert world["member"].actor.name not in mine(world["lead"])


def test_what_is_done_to_the_account_is_shown_to_its_person(site: TestSite) -> None:
    admin = site.person(Role.SYSTEM_ADMIN, hcp=None, name="Ada Admin")
    person = Person(site)
    with site.transaction() as session:
        audit.record(session, admin.actor, Event.LINK_RENEWED, subject_id=person.user_id)
        disable_person(session, admin.actor, person.user_id)
        enable_person(session, admin.actor, person.user_id)
    page = mine(site.sign_in_again(person.user_id))
    for words in ("enrolled a security key", "made a new enrolment link", "let a person back in"):
        assert words in page
    assert "ended a person's access" in page
    assert page.count("Ada Admin") == 3


def test_sign_ins_and_ended_sessions_are_shown_to_their_person_alone(site: TestSite) -> None:
    person, other = Person(site), site.person()
    browser = person.sign_in()
    page = mine(browser)
    assert "signed in" in page and "enrolled a security key" in page
    browser.post("/sign-out")
    assert "signed out, or ended a session" in mine(site.sign_in_again(person.user_id))
    assert mine(other) == ""


def test_a_key_that_was_locked_is_told_to_whose_it_is(site: TestSite) -> None:
    ana, eva = site.person(), site.person()
    with site.transaction() as session:
        user = session.get_one(User, ana.actor.user_id)
        key = factories.make_key(session, user).id
    note(site, None, Event.KEY_FLAGGED, subject_id=key)
    assert "a security key was locked" in mine(ana)
    assert "a security key was locked" not in mine(eva)


def test_an_event_about_somebody_that_is_not_the_account_is_not_shown(site: TestSite) -> None:
    ana, eva = site.person(), site.person()
    note(site, eva, Event.EXPERT_INVITED, subject_id=ana.actor.user_id)
    note(site, ana, Event.PERSON_DISABLED, subject_id=eva.actor.user_id)
    assert mine(ana) == ""


def test_reading_it_is_itself_an_event(site: TestSite) -> None:
    ana = site.person()
    ana.get("/audit/mine", params={"kind": "case:"})
    with site.transaction() as session:
        event = session.scalars(select(AuditEvent)).one()
    assert (event.tag, event.actor_id) == (Event.AUDIT_READ, ana.actor.user_id)
    assert event.detail == {"page": 1, "filters": "kind", "view": "own"}


def test_the_two_parts_lead_to_each_other_and_filters_stay_on_theirs(site: TestSite) -> None:
    ana, eva = site.person(), site.person()
    case = add_case(site, ana)
    for _ in range(60):
        note(site, eva, Event.CASE_READ, case_id=case)
    page = ana.get("/audit/mine").text
    assert 'href="/audit"' in page and 'action="/audit/mine"' in page
    assert 'page=2"' in page
    assert 'href="/audit/mine"' in ana.get("/audit").text
    assert "60 events" in page
    assert mine(ana, page="2").count("<tr>") == 10
    assert mine(ana, kind="report:") == ""


def test_an_address_cannot_be_guessed_letter_by_letter(site: TestSite) -> None:
    ana = site.person()
    eva = site.person(name="Eva Colleague", email="secret@hidden.example")
    note(site, eva, Event.CASE_READ, case_id=add_case(site, ana))
    assert "Eva Colleague" in mine(ana, person="Eva")
    assert mine(ana, person="secret@") == ""
    admin = site.person(Role.SYSTEM_ADMIN, hcp=None)
    assert "Eva Colleague" in rows(admin.get("/audit", params={"person": "secret@"}))


def shown(answer: Response) -> str:
    assert answer.status_code == 200
    return re.sub(r'nonce="[^"]*"|data-session-ends="\d+"', "", answer.text)


PAGES = ("/audit/mine", "/audit?kind=case:", "/audit?kind=centre:", "/audit?kind=ern:")


def add_foreign_events(site: TestSite) -> None:
    """At a centre and in an ERN nobody of the world has to do with, by and to strangers."""
    stranger, other = site.person(hcp="DE01", name="Fritz Foreign"), site.person(hcp="IT01")
    case = add_case(site, stranger, "DE01", pseudonym="Foreign-1")
    with site.transaction() as session:
        about: dict[str, Any] = {"case_id": case, "hcp_id": factories.hcp_id(session, "DE01")}
    for event in (Event.CASE_READ, Event.CASE_EXPORTED, Event.RECORD_SAVED, Event.CASE_OPENED):
        note(site, stranger, event, **about)
    note(site, other, Event.IDENTITY_READ, hcp_id=about["hcp_id"], patient_id=new_id())
    note(site, stranger, Event.REQUEST_SUBMITTED, ern_id="epicare", **about)
    note(site, other, Event.PERSON_DISABLED, subject_id=stranger.actor.user_id)
    note(site, None, Event.KEY_ENROLLED, subject_id=other.actor.user_id)
    note(site, stranger, Event.SIGNED_OUT, everywhere=True)
    note(site, stranger, Event.REPORT_EXPORTED)


def test_a_foreign_event_changes_no_byte_of_anybodys_page(quick_site: TestSite) -> None:
    world = World(quick_site, "assessment")
    people = [name for name in NAMES if name not in {"anonymous", "system administrator"}]
    before = {(one, page): shown(world[one].get(page)) for one in people for page in PAGES}
    add_foreign_events(quick_site)
    for (one, page), was in before.items():
        assert shown(world[one].get(page)) == was, f"{page} as {one}"
    admin = world["system administrator"]
    assert "Foreign-1" in rows(admin.get("/audit?kind=case:"))
    assert "Foreign-1" not in rows(admin.get("/audit/mine"))


def test_each_role_sees_its_own_part_of_one_consultation(quick_site: TestSite) -> None:
    """What stands on /audit: the centre's for its manager, the ERN's for its coordinators."""
    site = quick_site
    world = World(site, "assessment")
    with site.transaction() as session:
        hcp = factories.hcp_id(session, "CZ01")
    case = UUID(world.values["case_id"])
    note(site, world["lead"], Event.IMAGES_VIEWED, case_id=case, hcp_id=hcp)
    note(site, world["lead"], Event.REQUEST_DECLINED, case_id=case, ern_id="ithaca")
    everything = {name for name in NAMES if name != "anonymous"}
    seeing = {"centre manager", "system administrator", "lead"}
    assert with_words(world, everything, "viewed images") == seeing
    seeing = {"coordinator", "dispatcher", "system administrator", "lead"}
    assert with_words(world, everything, "declined a request") == seeing
    assert mine(world["researcher"]) == mine(world["guest"]) == ""


def with_words(world: World, people: set[str], words: str) -> set[str]:
    return {name for name in people if words in rows(world[name].get("/audit"))}
