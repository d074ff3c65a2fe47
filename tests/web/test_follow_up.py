"""What became of the advice: asked at three days, told with one tap, seen by whoever gave it."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from cpms_core.clock import clock
from cpms_core.panels.after.follow_up_plan import asked_on
from cpms_core.panels.after.models import FollowUp, FollowUpAnswer
from tests.site import TestSite
from tests.web.closed_panel import ClosedPanel, taps, text_of
from tests.web.test_panel_pages import read
from tests.web.test_quick import Quick


@pytest.fixture
def they(site: TestSite) -> ClosedPanel:
    return ClosedPanel(site)


def test_closing_plans_a_question_for_three_weeks_three_months_and_a_year(
    they: ClosedPanel,
) -> None:
    with they.site.transaction() as session:
        rows = session.scalars(select(FollowUp).order_by(FollowUp.due_on)).all()
        planned = {one.kind: one.due_on for one in rows}
    assert {**asked_on(clock.today())}.items() <= planned.items()
    assert "What became of the advice" not in read(they.submitter, "/")


def test_one_tap_on_home_is_saved_at_once_and_the_experts_see_it(they: ClosedPanel) -> None:
    they.later(21)
    home = read(they.submitter, "/")
    assert f"What became of the advice for {they.pseudonym}?" in home
    assert "What became of the advice" not in read(they.lead, "/")
    first, *_ = taps(home)
    tap = {"number": "1", "said": "done", "_back": "home"}
    back = they.submitter.post(first, tap)
    assert back.status_code == 303 and back.headers["location"].startswith("/#follow-up-")
    tap = {"number": "2", "said": "not_done", "why": "not available here", "_back": "home"}
    line = they.submitter.post(first, tap, headers={"HX-Request": "true"})
    assert line.status_code == 200 and line.text.strip().startswith("<li")
    assert 'aria-pressed="true"' in line.text and "not available here" in line.text
    for who in (they.ghent, they.lead):
        told = text_of(read(who, "/"))
        assert "What became of your advice" in told
        assert "1 done, 1 not done (not available here)" in told
    page = text_of(read(they.ghent, they.url))
    assert "What became of this advice" in page and "“not available here”" in page


def test_a_question_that_is_answered_is_asked_no_more_and_the_last_word_counts(
    they: ClosedPanel,
) -> None:
    they.later(22)
    first, *_ = taps(read(they.submitter, "/"))
    for number in ("1", "2", "3"):
        they.submitter.post(first, {"number": number, "said": "planned"})
    assert "What became of the advice" not in read(they.submitter, "/")
    assert they.submitter.post(first, {"number": "2", "said": "done"}).status_code == 303
    with they.site.transaction() as session:
        rows = session.scalars(select(FollowUpAnswer).order_by(FollowUpAnswer.number))
        assert [one.said for one in rows] == ["planned", "done", "planned"]
        asked = session.scalars(select(FollowUp).where(FollowUp.kind == "day_21")).one()
        assert asked.state == "answered"


def test_a_tap_that_says_nothing_known_or_comes_from_elsewhere_is_refused(
    they: ClosedPanel,
) -> None:
    they.later(22)
    first, *_ = taps(read(they.submitter, "/"))
    assert they.submitter.post(first, {"number": "1", "said": "perhaps"}).status_code == 422
    assert they.submitter.post(first, {"number": "9", "said": "done"}).status_code == 409
    assert they.ghent.post(first, {"number": "1", "said": "done"}).status_code == 403
    stranger = they.site.person(hcp="GR01")
    assert stranger.post(first, {"number": "1", "said": "done"}).status_code == 404
    with they.site.transaction() as session:
        assert session.scalar(select(FollowUpAnswer.number)) is None


def test_a_question_ends_by_itself_and_says_so(they: ClosedPanel) -> None:
    they.later(21 + 61)
    assert they.tidy() == 0
    assert "What became of the advice" not in read(they.submitter, "/")
    page = text_of(read(they.submitter, they.url))
    assert "not answered in time" in page and "you can still tell" in page


def test_the_patients_state_is_told_in_a_sentence(they: ClosedPanel) -> None:
    they.later(22)
    first, *_ = taps(read(they.submitter, "/"))
    note = first.replace("/answer", "/note")
    assert they.submitter.post(note, {"note": "Walks without help."}).status_code == 303
    assert "Walks without help." in read(they.lyon, they.url)
    assert "Walks without help." in read(they.lyon, "/")


def test_a_quick_panel_asks_too_and_is_told_in_a_sentence(site: TestSite) -> None:
    they = Quick(site)
    they.send()
    they.answer(they.ghent)
    assert they.close(they.submitter, "We sequence ANKRD11.") == 303
    clock.offset += timedelta(days=22)
    submitter = site.sign_in_again(they.submitter.actor.user_id)
    ghent = site.sign_in_again(they.ghent.actor.user_id)
    found = re.search(r'action="(/follow-ups/[^"]+/note)"', read(submitter, "/"))
    assert found
    assert submitter.post(found[1], {"note": "It was KBG.", "_back": "home"}).status_code == 303
    assert "What became of the advice" not in read(submitter, "/")
    page = read(ghent, f"{they.panel}/outcome")
    assert "We sequence ANKRD11." in page and "It was KBG." in page
    assert "It was KBG." in read(ghent, "/")
