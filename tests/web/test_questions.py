"""A panel asks the submitter for more data: the ball, the clock, and the way back."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID

import pytest
from httpx import Response
from sqlalchemy import select, update

from cpms_core.actor import Role
from cpms_core.clock import clock
from cpms_core.panels.discussion.models import PanelQuestion
from cpms_core.panels.models import ConsultationRequest, Panel, PanelMember
from cpms_core.panels.scope import renew_share
from tests.site import Browser, TestSite
from tests.web.test_panel_pages import Panels, read

ASKED = "Photos of the hands, please."


@pytest.fixture
def they(site: TestSite) -> Panels:
    """In the assessment: Ghent and Lyon have contributed."""
    return Panels(site).make().discuss()


def ask(they: Panels, who: Browser, **form: object) -> UUID:
    answer = who.post(f"{they.panel}/questions", {"text": ASKED, **form})
    assert answer.status_code == 303, answer.text[:3000]
    return newest(they)


def newest(they: Panels) -> UUID:
    with they.site.transaction() as session:
        found = session.scalars(select(PanelQuestion.id).order_by(PanelQuestion.id.desc()))
        return next(iter(found))


def one(they: Panels, question: UUID, act: str) -> str:
    return f"{they.panel}/questions/{question}/{act}"


def reply(they: Panels, question: UUID, text: str = "Both hands are added.") -> Response:
    form = {"answer": text, "say": "answered"}
    return they.submitter.post(one(they, question, "answer"), form)


def stage(they: Panels) -> str:
    with they.site.transaction() as session:
        return session.get_one(Panel, they.panel_id).stage


def paused(they: Panels) -> int:
    with they.site.transaction() as session:
        return session.get_one(ConsultationRequest, they.request_id).paused_seconds


def state(they: Panels, question: UUID) -> str:
    with they.site.transaction() as session:
        return session.get_one(PanelQuestion, question).state


def test_a_question_that_the_lead_waits_for_moves_the_ball_and_comes_back_by_itself(
    they: Panels,
) -> None:
    question = ask(they, they.lead, wait="on", wanted=["photo_hands", "growth"])
    assert stage(they) == "data_completion"
    home = read(they.submitter, "/")
    assert "The panel asks you" in home and ASKED in home and "clock stands still" in home
    case = read(they.submitter, f"/cases/{they.case_id}")
    assert ASKED in case and "Photo of the hands" in case and 'name="answer"' in case
    clock.offset += timedelta(hours=2)
    they.submitter = they.site.sign_in_again(they.submitter.actor.user_id)
    they.lead = they.site.sign_in_again(they.lead.actor.user_id)
    answered = reply(they, question)
    assert answered.status_code == 303
    assert "The panel goes on" in they.submitter.follow(answered).text
    assert stage(they) == "assessment"
    assert 7200 <= paused(they) < 7300
    assert ASKED not in read(they.submitter, "/")
    page = read(they.lead, they.panel)
    assert ASKED in page and "Both hands are added." in page


def test_a_question_that_nobody_waits_for_leaves_the_ball_where_it_is(they: Panels) -> None:
    question = ask(they, they.ghent)
    assert stage(they) == "assessment"
    assert ASKED in read(they.submitter, f"/cases/{they.case_id}")
    assert reply(they, question).status_code == 303
    assert stage(they) == "assessment" and paused(they) == 0


def test_a_member_proposes_to_wait_and_the_lead_decides_with_one_button(they: Panels) -> None:
    question = ask(they, they.ghent, wait="on")
    assert stage(they) == "assessment", "only the lead stops the clock"
    assert ASKED in read(they.submitter, "/"), "but the submitter has the question at once"
    assert "Dr Ghent would wait for the submitter" in read(they.lead, "/")
    assert "Wait for the answer" in read(they.lead, they.panel)
    assert "Wait for the answer" not in read(they.ghent, they.panel)
    assert they.ghent.post(one(they, question, "wait")).status_code == 403
    assert they.lead.post(one(they, question, "wait")).status_code == 303
    assert stage(they) == "data_completion"
    assert they.lead.post(one(they, question, "wait")).status_code == 409
    assert "would wait for the submitter" not in read(they.lead, "/")
    reply(they, question)
    assert stage(they) == "assessment"


def test_the_lead_who_waits_already_agrees_to_wait_for_another_answer_too(they: Panels) -> None:
    proposed = ask(they, they.ghent, wait="on")
    waited_for = ask(they, they.lead, wait="on", text="Which exome kit?")
    assert they.lead.post(one(they, proposed, "wait")).status_code == 303
    reply(they, waited_for)
    assert stage(they) == "data_completion"
    reply(they, proposed)
    assert stage(they) == "assessment"


def test_a_proposal_of_which_the_lead_said_nothing_holds_nobody_up(they: Panels) -> None:
    ask(they, they.ghent, wait="on")
    waited_for = ask(they, they.lead, wait="on", text="Which exome kit?")
    reply(they, waited_for)
    assert stage(they) == "assessment"


def test_the_panel_goes_on_with_the_last_answer_it_waits_for(they: Panels) -> None:
    first = ask(they, they.lead, wait="on")
    second = ask(they, they.lead, wait="on", text="Which exome kit?")
    reply(they, first)
    assert stage(they) == "data_completion"
    page = read(they.lead, they.panel)
    assert "Go on with the assessment" not in page
    form = {"to": "assessment", "seen": str(version(they))}
    assert they.lead.post(f"{they.panel}/stage", form).status_code == 422
    reply(they, second)
    assert stage(they) == "assessment"


def version(they: Panels) -> int:
    with they.site.transaction() as session:
        return session.get_one(Panel, they.panel_id).row_version


def test_what_cannot_be_had_is_refused_with_a_word(they: Panels) -> None:
    question = ask(they, they.lead, wait="on")
    path = one(they, question, "answer")
    silent = they.submitter.post(path, {"answer": " ", "say": "refused"})
    assert silent.status_code == 422 and "why it cannot be had" in silent.text
    form = {"answer": "The family wants no photos.", "say": "refused"}
    assert they.submitter.post(path, form).status_code == 303
    assert state(they, question) == "refused" and stage(they) == "assessment"
    page = read(they.ghent, f"{they.panel}/questions")
    assert "Cannot be had" in page and "The family wants no photos." in page


def test_an_answer_that_is_too_long_keeps_what_was_typed(they: Panels) -> None:
    question = ask(they, they.lead)
    long = "x" * 5000
    answer = reply(they, question, long)
    assert answer.status_code == 422 and long in answer.text
    assert state(they, question) == "open"


def test_what_is_typed_into_one_answer_survives_the_sending_of_another(they: Panels) -> None:
    first, second = (ask(they, they.lead, text=text) for text in ("One?", "Two?"))
    kept = they.submitter.post(one(they, second, "typing"), {"answer": "Half a thou"})
    assert kept.status_code == 200
    reply(they, first)
    for page in (f"/cases/{they.case_id}", f"{they.panel}/questions"):
        assert "Half a thou</textarea>" in read(they.submitter, page)
    colleague = they.site.person(hcp="CZ01", name="Dr Colleague")
    assert "Half a thou" not in read(colleague, f"/cases/{they.case_id}")
    reply(they, second)
    third = ask(they, they.lead, text="Three?")
    assert "Half a thou" not in read(they.submitter, f"/cases/{they.case_id}")
    assert they.ghent.post(one(they, third, "typing"), {"answer": "x"}).status_code == 403


def test_what_is_typed_into_a_question_is_found_again_until_it_is_asked(they: Panels) -> None:
    form = {"text": "Could you", "wanted": ["growth"], "wait": "on"}
    assert they.ghent.post(f"{they.panel}/questions/typing", form).status_code == 200
    page = read(they.ghent, f"{they.panel}/questions")
    assert "Could you</textarea>" in page and re.search(r'value="growth" checked', page)
    assert "Could you" not in read(they.lead, f"{they.panel}/questions")
    ask(they, they.ghent)
    assert "Could you</textarea>" not in read(they.ghent, f"{they.panel}/questions")


def test_a_question_that_cannot_be_sent_keeps_what_was_typed(they: Panels) -> None:
    form = {"text": "x" * 5000, "wanted": ["growth"], "wait": "on"}
    answer = they.lead.post(f"{they.panel}/questions", form)
    assert answer.status_code == 422 and "x" * 5000 in answer.text
    assert re.search(r'value="growth" checked', answer.text)
    assert re.search(r'name="wait" checked', answer.text)
    empty = they.lead.post(f"{they.panel}/questions", {"text": "", "wanted": ["secret"]})
    assert empty.status_code == 422 and stage(they) == "assessment"


def test_of_two_who_answer_at_once_one_is_told_and_keeps_the_text(they: Panels) -> None:
    question = ask(they, they.lead, wait="on")
    colleague = they.site.person(hcp="CZ01", name="Dr Colleague")
    assert "The panel asks Dr Žofie Příhodová" in read(colleague, "/")
    path = one(they, question, "answer")

    def send(who: Browser) -> Response:
        form = {"answer": f"From {who.actor.name}", "say": "answered"}
        return who.post(path, form)

    with ThreadPoolExecutor(2) as both:
        answers = list(both.map(send, (they.submitter, colleague)))
    assert sorted(one.status_code for one in answers) == [303, 409]
    late = next(one for one in answers if one.status_code == 409)
    who = they.submitter if late is answers[0] else colleague
    assert "has answered this question in the meantime" in late.text
    assert f"From {who.actor.name}</textarea>" in late.text
    assert they.site.events().count("panel:question:answered") == 1
    assert stage(they) == "assessment"


def test_two_last_answers_at_once_bring_the_panel_back_once(they: Panels) -> None:
    questions = [ask(they, they.lead, wait="on", text=text) for text in ("One?", "Two?")]
    colleague = they.site.person(hcp="CZ01", name="Dr Colleague")

    def send(given: tuple[Browser, UUID]) -> int:
        form = {"answer": "Here.", "say": "answered"}
        return given[0].post(one(they, given[1], "answer"), form).status_code

    pairs = zip((they.submitter, colleague), questions, strict=True)
    with ThreadPoolExecutor(2) as both:
        assert list(both.map(send, pairs)) == [303, 303]
    assert stage(they) == "assessment"


def test_the_asker_or_the_lead_takes_a_question_back_and_the_panel_goes_on(they: Panels) -> None:
    mine = ask(they, they.ghent)
    assert they.lyon.post(one(they, mine, "back")).status_code == 403
    assert they.ghent.post(one(they, mine, "back")).status_code == 303
    assert reply(they, mine).status_code == 409, "it needs no answer any more"
    waited_for = ask(they, they.lead, wait="on")
    assert they.lead.post(one(they, waited_for, "back")).status_code == 303
    assert stage(they) == "assessment" and state(they, waited_for) == "taken_back"
    assert ASKED not in read(they.submitter, "/")


def test_the_erns_triage_asks_and_sees_the_answer_to_its_own_question_only(they: Panels) -> None:
    question = ask(they, they.coordinator, text="Is the child still in hospital?")
    ask(they, they.ghent)
    reply(they, question, "No, since Monday.")
    page = read(they.coordinator, f"{they.panel}/questions")
    assert "No, since Monday." in page and ASKED not in page
    assert ASKED not in read(they.coordinator, they.panel)


def test_a_guest_asks_and_a_guest_who_leads_makes_the_panel_wait(they: Panels) -> None:
    guest = they.site.person(role=None, hcp=None, name="Dr Guest")
    seat(they, guest, "member")
    question = ask(they, guest, wait="on")
    assert stage(they) == "assessment"
    assert guest.post(one(they, question, "wait")).status_code == 403
    seat(they, guest, "lead")
    assert guest.post(one(they, question, "wait")).status_code == 303
    assert stage(they) == "data_completion"
    clock.offset += timedelta(days=8)
    guest = they.site.sign_in_again(guest.actor.user_id)
    assert guest.post(one(they, question, "back")).status_code == 404, "the guest's time is over"


def seat(they: Panels, guest: Browser, role: str) -> None:
    with they.site.transaction() as session:
        own = PanelMember.user_id == guest.actor.user_id
        member = session.scalar(select(PanelMember).where(own)) or PanelMember(
            panel_id=they.panel_id, user_id=guest.actor.user_id, invited_by=guest.actor.user_id
        )
        member.role, member.state = role, "accepted"
        member.until = clock.now() + timedelta(days=7)
        session.add(member)
        renew_share(session, they.case_id, guest.actor.user_id)


def test_a_closed_panel_asks_nothing_and_needs_no_answer(they: Panels) -> None:
    question = ask(they, they.ghent)
    with they.site.transaction() as session:
        session.execute(update(Panel).values(stage="closed", closed_at=clock.now()))
    again = they.ghent.post(f"{they.panel}/questions", {"text": "And the feet?"})
    assert again.status_code == 409 and "And the feet?" in again.text
    late = reply(they, question, "Too late?")
    assert late.status_code == 409 and "closed" in late.text
    assert they.ghent.post(one(they, question, "back")).status_code == 409
    assert ASKED not in read(they.submitter, "/")


def test_in_a_stage_that_does_not_wait_a_question_is_asked_without_waiting(they: Panels) -> None:
    they.draft()
    refused = they.lead.post(f"{they.panel}/questions", {"text": ASKED, "wait": "on"})
    assert refused.status_code == 422 and ASKED in refused.text
    ask(they, they.lead)
    assert stage(they) == "outcome"


def test_an_open_question_stands_between_the_panel_and_its_outcome(they: Panels) -> None:
    assert "Questions to the submitter answered" not in read(they.ghent, they.panel)
    question = ask(they, they.ghent)
    assert "Questions to the submitter answered" in read(they.ghent, they.panel)
    reply(they, question)
    assert "Questions to the submitter answered" not in read(they.ghent, they.panel)


def test_nobody_else_learns_of_a_question(they: Panels) -> None:
    question = ask(they, they.lead, wait="on")
    strangers = (
        they.site.person(hcp="GR01"),
        they.site.person(Role.CENTRE_MANAGER, hcp="GR01"),
        they.site.person(Role.COORDINATOR, ern="erknet"),
        they.site.person(Role.SYSTEM_ADMIN),
    )
    for stranger in strangers:
        assert ASKED not in read(stranger, "/")
        assert stranger.get(f"{they.panel}/questions").status_code in {403, 404}
        form = {"answer": "x", "say": "answered"}
        assert stranger.post(one(they, question, "answer"), form).status_code in {403, 404}
        sent = stranger.post(f"{they.panel}/questions", {"text": "x"})
        assert sent.status_code in {403, 404}
    assert they.ghent.post(one(they, question, "answer"), {"answer": "x"}).status_code == 403
    assert they.submitter.post(f"{they.panel}/questions", {"text": "x"}).status_code == 403
    assert state(they, question) == "open"


def test_a_question_of_another_panel_is_not_found_here(they: Panels) -> None:
    question = ask(they, they.ghent)
    other = Panels(they.site).make().discuss()
    path = f"{other.panel}/questions/{question}/answer"
    form = {"answer": "x", "say": "answered"}
    assert other.submitter.post(path, form).status_code == 404
