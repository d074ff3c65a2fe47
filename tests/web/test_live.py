"""What a page hears of others' work while it is open, and what it fetches then."""

import re
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import delete, select

from cpms_core.actor import Role
from cpms_core.audit import AuditEvent
from cpms_core.clock import clock
from cpms_core.identity.models import SignInSession
from tests.site import Browser, TestSite
from tests.web.test_panel_pages import Panels, read

CHANGED = "event: changed"


@pytest.fixture
def they(site: TestSite) -> Panels:
    return Panels(site).make()


def now() -> int:
    return int(clock.now().timestamp() * 1000)


def later() -> int:
    """When all that happened so far is long over."""
    clock.offset += timedelta(minutes=1)
    return now()


def listen(they: Panels, who: Browser, since: int) -> str:
    answer = who.get(f"{they.panel}/live?since={since}")
    assert answer.status_code == 200, answer.text[:2000]
    return answer.text


def news(they: Panels, who: Browser, since: int) -> str:
    answer = who.get(f"{they.panel}/news?since={since}", headers={"HX-Request": "true"})
    assert answer.status_code == 200, answer.text[:2000]
    return answer.text


def test_the_page_of_a_panel_says_where_it_listens_and_since_when(they: Panels) -> None:
    before = now()
    page = read(they.lead, they.panel)
    found = re.search(r'data-live="([^"]*)" data-since="(\d+)"', page)
    assert found and found[1] == they.panel
    assert before <= int(found[2]) <= now()
    assert "data-live" not in read(they.coordinator, they.panel), "who reads no discussion"


def test_a_stream_is_never_stored_nor_gathered_on_its_way(they: Panels) -> None:
    answer = they.lead.get(f"{they.panel}/live?since={now()}")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-accel-buffering"] == "no"
    assert answer.text.startswith("retry: ")


def test_what_others_did_since_the_page_was_made_gives_a_sign_without_content(
    they: Panels,
) -> None:
    since = now()
    they.discuss()
    heard = listen(they, they.lead, since)
    assert heard.count(CHANGED) == 1
    assert "Ghent" not in heard and str(they.case_id) not in heard
    assert re.fullmatch(r"retry: \d+\n\nevent: changed\ndata: \n\n", heard)


def test_the_own_act_that_made_the_page_gives_no_sign(they: Panels) -> None:
    with they.site.transaction() as session:
        session.execute(delete(AuditEvent))  # that of making the panel, a moment ago
    they.ghent.post(f"{they.panel}/contributions", {"text": "Mine."})
    assert CHANGED not in listen(they, they.ghent, now())
    assert CHANGED in listen(they, they.lead, now()), "it may have been committed a moment ago"


def test_readings_give_no_sign(they: Panels) -> None:
    since = later()
    for who in (they.lead, they.coordinator):
        read(who, they.panel)
    assert CHANGED not in listen(they, they.submitter, since)


def test_the_news_are_what_is_new_and_say_by_whom(they: Panels) -> None:
    they.ghent.post(f"{they.panel}/contributions", {"text": "An old opinion."})
    clock.offset += timedelta(minutes=5)
    since = now()
    they.lyon.post(f"{they.panel}/contributions", {"text": "A new opinion."})
    told = news(they, they.lead, since)
    assert "A new opinion." in told and "An old opinion." not in told
    assert re.search(r'data-new="c-[^"]*" data-what="contribution" data-who="Dr Lyon"', told)
    assert not told.lstrip().startswith("<!doctype")
    whole = read(they.lead, f"{they.panel}/news?since={since}")
    assert "A new opinion." in whole and whole.lstrip().startswith("<!doctype")


def test_a_question_and_its_answer_are_news(they: Panels) -> None:
    since = now()
    they.lead.post(f"{they.panel}/questions", {"text": "Which kit?"})
    assert CHANGED in listen(they, they.submitter, since)
    told = news(they, they.submitter, since)
    assert "Which kit?" in told
    assert re.search(r'data-new="q-[^"]*" data-what="question" data-who="Dr Lead"', told)


@pytest.mark.parametrize("since", ["", "x", "-1", "1e9", "9" * 14, "9" * 300, "٣"])
def test_an_odd_moment_is_taken_for_now(they: Panels, since: str) -> None:
    later()
    assert CHANGED not in listen(they, they.lead, since)  # type: ignore[arg-type]  # odd on purpose
    assert "data-new=" in news(they, they.lead, 0)


def test_only_who_reads_the_discussion_can_listen(they: Panels) -> None:
    they.discuss()
    assert they.coordinator.get(f"{they.panel}/live").status_code == 403
    assert they.coordinator.get(f"{they.panel}/news").status_code == 403
    for stranger in (
        they.site.person(hcp="GR01"),
        they.site.person(Role.SYSTEM_ADMIN),
    ):
        assert stranger.get(f"{they.panel}/live").status_code == 404
        assert stranger.get(f"{they.panel}/news").status_code == 404
    assert they.site.browser().get(f"{they.panel}/live").status_code == 303
    they.lead.post(f"{they.panel}/members/{they.ghent.actor.user_id}/remove")
    assert they.ghent.get(f"{they.panel}/live").status_code == 404


def test_listening_neither_keeps_a_session_alive_nor_takes_a_message(they: Panels) -> None:
    said = they.lead.post(f"{they.panel}/contributions", {"text": "Given."})
    assert said.status_code == 303
    moved = back(they, they.lead.actor.user_id, minutes=10)
    listen(they, they.lead, now())
    news_of = they.lead.get(f"{they.panel}/news", headers={"X-Background": "true"})
    assert news_of.status_code == 200
    assert last_seen(they, they.lead.actor.user_id) == moved
    assert "Your contribution is given." in read(they.lead, they.panel)
    assert last_seen(they, they.lead.actor.user_id) != moved


def back(they: Panels, user_id: UUID, minutes: int) -> datetime:
    """As if the person had done nothing for so long."""
    with they.site.transaction() as session:
        own = SignInSession.user_id == user_id
        row = session.scalars(select(SignInSession).where(own)).one()
        row.last_seen_at -= timedelta(minutes=minutes)
        return row.last_seen_at


def last_seen(they: Panels, user_id: UUID) -> datetime:
    with they.site.transaction() as session:
        own = SignInSession.user_id == user_id
        return session.scalars(select(SignInSession.last_seen_at).where(own)).one()


def test_opening_a_stream_leaves_no_event_of_its_own(they: Panels) -> None:
    before = they.site.events()
    listen(they, they.lead, now())
    assert they.site.events() == before
