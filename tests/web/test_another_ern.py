"""Another ERN for a case: forwarded, asked to join, and a panel that two of them share."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from cpms_core.clock import clock
from cpms_core.directory.models import Ern
from cpms_core.identity.models import User
from cpms_core.panels.models import ConsultationRequest, Panel
from cpms_core.patients.models import Consent
from tests.site import Browser, TestSite
from tests.web.test_panel_pages import read
from tests.web.two_erns import THERE, THIRD, WHY, TwoErns


@pytest.fixture
def they(site: TestSite) -> TwoErns:
    return TwoErns(site)


def forward(they: TwoErns, **form: str) -> tuple[int, str]:
    """What a forwarding that should not succeed is answered."""
    sent = {"ern": THERE, "reason": WHY, "seen": "1", **form}
    answer = they.coordinator.post(f"/requests/{they.request_id}/forward", sent)
    return answer.status_code, answer.text


def limit_consent(they: TwoErns, *erns: str) -> None:
    with they.site.transaction() as session:
        for consent in session.scalars(select(Consent).where(Consent.kind == "care")):
            consent.erns = list(erns)


# --- forwarding ---


def test_a_forwarded_request_asks_the_same_there_with_a_clock_of_its_own(they: TwoErns) -> None:
    clock.offset = timedelta(minutes=9)
    there = they.forward()
    with they.site.transaction() as session:
        here, new = (session.get_one(ConsultationRequest, one) for one in (they.request_id, there))
        assert (here.state, new.state, new.forwarded_from) == ("forwarded", "submitted", here.id)
        assert (new.question, new.urgency, new.submitted_by) == (
            *(here.question, here.urgency),
            they.submitter.actor.user_id,
        )
        assert new.submitted_at - here.submitted_at >= timedelta(minutes=8)
        assert new.due_at is not None and here.due_at is None
    assert {"ern:request:forwarded", "ern:request:submitted"} <= set(they.site.events())


def test_the_page_says_who_will_see_the_case_there_and_who_no_longer(they: TwoErns) -> None:
    page = read(they.coordinator, f"/requests/{they.request_id}/forward")
    assert "ERN EpiCARE" in page and "Will see" not in page, "first the ERN is chosen"
    page = read(they.coordinator, f"/requests/{they.request_id}/forward?ern={THERE}")
    gaining, losing = page.split('aria-label="No longer sees it"')
    assert "Dr There" in gaining and "Dr Coordinator" in losing


def test_the_first_ern_no_longer_sees_what_it_forwarded(they: TwoErns) -> None:
    there = they.forward()
    for path in (f"/requests/{they.request_id}", f"/cases/{they.case_id}", f"/requests/{there}"):
        assert they.coordinator.get(path).status_code == 404, path
    assert they.pseudonym not in read(they.coordinator, "/")
    page = read(they.there, f"/requests/{there}")
    assert "Which test next?" in page and f"ERN ITHACA forwarded this request: “{WHY}”" in page
    assert they.pseudonym in read(they.there, "/")


def test_what_was_done_is_said_where_two_redirects_lead(they: TwoErns) -> None:
    sent = {"ern": THERE, "reason": WHY, "seen": "1"}
    answer = they.coordinator.post(f"/requests/{they.request_id}/forward", sent)
    answer = they.coordinator.follow(answer)
    assert answer.headers["location"] == "/erns/ithaca"
    assert "Your ERN no longer sees the case." in they.coordinator.follow(answer).text


def test_a_quick_network_opens_what_is_forwarded_to_it_at_once(they: TwoErns) -> None:
    with they.site.transaction() as session:
        session.get_one(Ern, THERE).workflow = "quick"
    form = f"/requests/{they.request_id}/forward?ern={THERE}"
    assert "open to the experts there at once" in read(they.coordinator, form)
    there = they.forward()
    with they.site.transaction() as session:
        panel = session.scalars(select(Panel).where(Panel.request_id == there)).one()
        opened = (panel.workflow, panel.stage, panel.lead_id, panel.request.state)
        assert opened == ("quick", "open", they.there.actor.user_id, "accepted")
        path = f"/panels/{panel.id}"
    assert "Open to the experts" in read(they.there, "/")
    assert "Which test next?" in read(they.there, path)
    assert they.coordinator.get(path).status_code == 404, "whoever forwarded sees it no more"
    assert they.pseudonym in read(they.submitter, path)


def test_nobody_to_hold_what_is_forwarded_means_it_waits_for_triage(they: TwoErns) -> None:
    with they.site.transaction() as session:
        session.get_one(Ern, THERE).workflow = "quick"
        session.get_one(User, they.there.actor.user_id).disabled_at = clock.now()
    form = f"/requests/{they.request_id}/forward?ern={THERE}"
    assert "open to the experts there at once" not in read(they.coordinator, form)
    there = they.forward()
    with they.site.transaction() as session:
        assert session.get_one(ConsultationRequest, there).state == "submitted"
        assert session.scalar(select(Panel.id)) is None


def test_a_second_forwarding_of_it_finds_nothing(they: TwoErns) -> None:
    they.forward()
    assert forward(they, ern=THIRD)[0] == 404
    with they.site.transaction() as session:
        assert len(session.scalars(select(ConsultationRequest)).all()) == 2


def test_the_submitter_sees_the_forwarding_on_the_case_and_on_home(they: TwoErns) -> None:
    they.forward()
    page = read(they.submitter, f"/cases/{they.case_id}")
    assert "ERN ITHACA forwarded it to ERN-RND" in page and WHY in page
    home = read(they.submitter, "/")
    assert "ERN-RND · forwarded by ERN ITHACA" in home
    assert home.count(they.pseudonym) == 1, "one line for one case"


def test_forwarding_needs_a_reason_and_keeps_the_choice(they: TwoErns) -> None:
    status, page = forward(they, reason=" ")
    assert status == 422 and "Say why, in a sentence." in page
    assert f'name="ern" value="{THERE}"' in page
    assert "Which test next?" in read(they.coordinator, f"/requests/{they.request_id}")


def test_nothing_is_forwarded_to_a_network_that_has_ended(they: TwoErns) -> None:
    with they.site.transaction() as session:
        session.get_one(Ern, THERE).ends_on = clock.today() - timedelta(days=1)
    status, page = forward(they)
    assert status == 422 and "Nothing new is sent to it" in page
    assert "ERN-RND" not in read(they.coordinator, f"/requests/{they.request_id}/forward")


@pytest.mark.parametrize("ern", ["", "ithaca", "skin", "nowhere"])
def test_nothing_is_forwarded_to_itself_or_to_where_nobody_answers(they: TwoErns, ern: str) -> None:
    status, page = forward(they, ern=ern)
    assert status == 422 and "Choose the other ERN." in page


def test_nothing_is_forwarded_beyond_the_limits_of_the_consent(they: TwoErns) -> None:
    limit_consent(they, "ithaca", THIRD)
    page = read(they.coordinator, f"/requests/{they.request_id}/forward")
    assert "ERN-RND is not among those that the patient&#39;s consent for care names." in page
    assert forward(they)[0] == 422
    with they.site.transaction() as session:
        assert len(session.scalars(select(ConsultationRequest)).all()) == 1
    they.forward(THIRD)


def test_nothing_is_forwarded_to_an_ern_that_has_the_case(they: TwoErns) -> None:
    they.ask()
    status, page = forward(they)
    assert status == 422 and "ERN-RND has this case already." in page


def test_a_forwarded_request_does_not_come_back(they: TwoErns) -> None:
    there = they.forward()
    form = {"ern": "ithaca", "reason": "No, yours.", "seen": "1"}
    answer = they.there.post(f"/requests/{there}/forward", form)
    assert answer.status_code == 422 and "ERN ITHACA has forwarded this case." in answer.text


def test_only_triage_forwards_or_asks(they: TwoErns) -> None:
    they.make()
    for who, status in ((they.lead, 403), (they.submitter, 403), (they.there, 404)):
        for act in ("forward", "share", "join"):
            answer = who.post(f"/requests/{they.request_id}/{act}", {"ern": THIRD, "seen": "1"})
            assert answer.status_code == status, (who.actor.name, act)


def test_a_decision_on_an_older_page_forwards_nothing(they: TwoErns) -> None:
    status, page = forward(they, seen="7")
    assert status == 409 and "Somebody else changed this" in page
    assert they.there.get("/erns").status_code == 303
    assert they.pseudonym not in read(they.there, f"/erns/{THERE}")


# --- a panel that two share ---


def test_the_second_ern_is_asked_before_it_sees_the_panel(they: TwoErns) -> None:
    they.make()
    assert they.there.get(they.panel).status_code == 404
    there = they.ask()
    page = read(they.there, f"/requests/{there}")
    assert f"ERN ITHACA asks your ERN to join: “{WHY}”" in page
    assert "Join the panel of ERN ITHACA" in page and "Dr Lead" in page
    assert they.there.get(they.panel).status_code == 404, "asked is not yet joined"
    assert "ERN ITHACA asks ERN-RND to join." in read(they.submitter, f"/cases/{they.case_id}")


def test_a_shared_panel_is_seen_by_both_and_by_no_third(they: TwoErns) -> None:
    third = they.ask(THIRD)
    they.join()
    for who in (they.coordinator, they.there):
        assert "ERN ITHACA with ERN-RND" in read(who, they.panel), who.actor.name
    assert read(they.third, f"/requests/{third}"), "it has a request of its own"
    assert they.third.get(they.panel).status_code == 404
    assert "ern:panel:shared" in they.site.events()


def test_a_shared_panel_stands_on_the_pages_of_both(they: TwoErns) -> None:
    they.join()
    for ern_id, who in (("ithaca", they.coordinator), (THERE, they.there)):
        page = read(who, f"/erns/{ern_id}")
        assert page.count(f'href="{they.panel}"') == 1, ern_id
        assert "1 open panel" in page and "shared with ERN" in page


def test_an_expert_of_the_second_ern_is_offered_and_invited(they: TwoErns) -> None:
    they.make()
    assert "Dr Munich" not in read(they.coordinator, f"{they.panel}/members")
    there = they.ask()
    they.there.post(f"/requests/{there}/join", {"panel": str(they.panel_id), "seen": "1"})
    for who in (they.coordinator, they.there, they.lead):
        assert "Dr Munich" in read(who, f"{they.panel}/members"), who.actor.name
    form = {"invite": str(they.munich.actor.user_id), "role": "member"}
    assert they.there.post(f"{they.panel}/members", form).status_code == 303
    assert "You are invited to this panel" in read(they.munich, they.panel)
    assert "Invitation:" in read(they.munich, "/")


def test_a_shared_panel_is_one_line_of_the_submitters_list(they: TwoErns) -> None:
    they.join()
    home = read(they.submitter, "/")
    assert "ERN ITHACA with ERN-RND" in home and home.count(they.pseudonym) == 1


def test_the_second_ern_may_open_a_panel_of_its_own(they: TwoErns) -> None:
    they.make()
    there = they.ask()
    form = {"lead": str(they.munich.actor.user_id), "seen": "1"}
    answer = they.there.post(f"/requests/{there}/lead", form)
    assert answer.status_code == 303
    own = answer.headers["location"]
    assert they.coordinator.get(own).status_code == 404
    assert they.there.get(they.panel).status_code == 404
    with they.site.transaction() as session:
        assert len(session.scalars(select(Panel)).all()) == 2


def test_nobody_joins_twice_or_joins_what_has_ended(they: TwoErns) -> None:
    they.make()
    there = they.ask()
    form = {"panel": str(they.panel_id), "seen": "1"}
    with they.site.transaction() as session:
        session.get_one(Panel, they.panel_id).stage = "withdrawn"
    refused = they.there.post(f"/requests/{there}/join", form)
    assert refused.status_code == 422 and "cannot be joined" in refused.text
    with they.site.transaction() as session:
        session.get_one(Panel, they.panel_id).stage = "panel_selection"
    assert they.there.post(f"/requests/{there}/join", form).status_code == 303
    assert they.there.post(f"/requests/{there}/join", form).status_code == 422


def test_no_panel_of_another_case_is_joined(they: TwoErns, site: TestSite) -> None:
    other = TwoErns(site)
    other.make()
    there = they.ask()
    form = {"panel": str(other.panel_id), "seen": "1"}
    answer = they.there.post(f"/requests/{there}/join", form)
    assert answer.status_code == 422
    assert they.there.get(other.panel).status_code == 404


def test_whoever_declines_to_join_no_longer_sees_the_case(they: TwoErns) -> None:
    they.make()
    there = they.ask()
    form = {"reason": "Not ours.", "seen": "1"}
    assert they.there.post(f"/requests/{there}/decline", form).status_code == 303
    assert they.there.get(f"/requests/{there}").status_code == 404
    again = they.coordinator.post(
        f"/requests/{they.request_id}/share", {"ern": THERE, "reason": WHY}
    )
    assert again.status_code == 422 and "ERN-RND has declined this case." in again.text


def test_withdrawing_the_consent_closes_a_shared_panel_to_both(they: TwoErns) -> None:
    they.join()
    limit_consent(they, "ithaca")
    assert they.there.get(they.panel).status_code == 404
    assert read(they.coordinator, they.panel)
    with they.site.transaction() as session:
        for consent in session.scalars(select(Consent).where(Consent.kind == "care")):
            consent.withdrawn_at = clock.now()
    seen_by: tuple[Browser, ...] = (they.there, they.coordinator, they.lead)
    assert {who.get(they.panel).status_code for who in seen_by} == {404}
