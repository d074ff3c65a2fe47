"""Invitations declined with a word and a deputy, and offers of those who follow an area."""

import re
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select

from cpms_core.actor import Role
from cpms_core.clock import clock
from cpms_core.identity.models import AreaInterest
from cpms_core.panels.models import Panel, PanelMember
from cpms_core.panels.scope import renew_share
from cpms_core.patients.models import Consent
from tests.site import Browser, TestSite
from tests.web.test_panel_pages import Panels, read


@pytest.fixture
def they(site: TestSite) -> Panels:
    return Panels(site).make()


@pytest.fixture
def rennes(they: Panels) -> Browser:
    """Follows the area of the case and was not asked."""
    return follower(they, hcp="FR30", name="Dr Rennes")


def follower(they: Panels, area: str = "undiagnosed", **values: str) -> Browser:
    person = they.site.person(**values)
    with they.site.transaction() as session:
        session.add(AreaInterest(user_id=person.actor.user_id, ern_id="ithaca", area=area))
    return person


def decline(they: Panels, who: Browser, reason: str = "On leave.", deputy: UUID | str = "") -> str:
    """The page of an answer that is not taken; empty if it is."""
    form = {"reason": reason, "deputy": str(deputy)}
    answer = who.post(f"{they.panel}/decline", form)
    assert answer.status_code in {303, 422}, answer.text[:3000]
    return answer.text if answer.status_code == 422 else ""


def offer(they: Panels, who: Browser, word: str = "I have seen two such children.") -> int:
    return who.post(f"{they.panel}/offer", {"word": word}).status_code


def answer_offer(they: Panels, by: Browser, who: Browser, answer: str = "accept") -> int:
    url = f"{they.panel}/offers/{who.actor.user_id}"
    return by.post(url, {"answer": answer}).status_code


def member(they: Panels, who: Browser) -> PanelMember | None:
    with they.site.transaction() as session:
        return session.scalar(
            select(PanelMember).where(
                PanelMember.panel_id == they.panel_id, PanelMember.user_id == who.actor.user_id
            )
        )


# --- proposals ---


def test_who_is_proposed_is_invited_in_one_step_and_nobody_is_ticked_beforehand(
    they: Panels, rennes: Browser
) -> None:
    follower(they, hcp="GR01", name="Dr Athens")
    page = read(they.coordinator, f"{they.panel}/members")
    card = page.partition('id="proposed"')[2].partition("</section>")[0]
    assert "Dr Rennes" in card and "follows this area" in card
    assert " checked" not in page
    assert member(they, rennes) is None, "looking at the page invites nobody"
    chosen = re.findall(r'name="invite" value="([^"]+)"', card.partition('class="card-foot"')[2])
    form = {"invite": chosen, "role": "member"}
    assert they.coordinator.post(f"{they.panel}/members", form).status_code == 303
    assert "Invitation:" in read(rennes, "/")
    assert 'id="proposed"' not in read(they.coordinator, f"{they.panel}/members")


def test_one_of_the_proposed_is_invited_alone_and_the_page_comes_back(
    they: Panels, rennes: Browser
) -> None:
    athens = follower(they, hcp="GR01", name="Dr Athens")
    form = {"invite": str(rennes.actor.user_id), "role": "member", "_then": "members"}
    answer = they.coordinator.post(f"{they.panel}/members", form)
    assert answer.headers["location"] == f"{they.panel}/members"
    assert member(they, rennes) and member(they, athens) is None


# --- deputies ---


def test_whoever_declines_names_a_deputy_who_is_invited_instead(they: Panels) -> None:
    athens = they.site.person(hcp="GR01", name="Dr Athens")
    assert "Dr Athens" in read(they.ghent, f"{they.panel}/decline")
    assert not decline(they, they.ghent, deputy=athens.actor.user_id)
    assert they.ghent.get(they.panel).status_code == 404
    assert "You are invited to this panel" in read(athens, they.panel)
    assert "Invitation:" in read(athens, "/")


def test_lead_and_triage_see_the_word_and_the_deputy(they: Panels) -> None:
    athens = they.site.person(hcp="GR01", name="Dr Athens")
    decline(they, they.ghent, deputy=athens.actor.user_id)
    for who in (they.lead, they.coordinator):
        page = read(who, f"{they.panel}/members")
        assert "“On leave.”" in page and "instead of Dr Ghent" in page


def test_a_deputy_may_name_another_one(they: Panels) -> None:
    athens, rome = (they.site.person(hcp=hcp, name=f"Dr {hcp}") for hcp in ("GR01", "IT01"))
    decline(they, they.ghent, deputy=athens.actor.user_id)
    decline(they, athens, "Not my field.", rome.actor.user_id)
    seat = member(they, rome)
    assert seat and (seat.state, seat.deputy_for) == ("invited", athens.actor.user_id)


def test_nobody_from_outside_the_ern_is_named_as_deputy(they: Panels) -> None:
    munich = they.site.person(hcp="DE01", name="Dr Munich")
    page = decline(they, they.ghent, "Ask in Munich.", munich.actor.user_id)
    assert "Choose a health professional of the list." in page and "Ask in Munich." in page
    assert member(they, munich) is None
    assert "You are invited" in read(they.ghent, they.panel), "the answer was not taken either"


def test_nobody_is_named_who_was_asked_already_or_has_asked(they: Panels) -> None:
    decline(they, they.lyon)
    for who in (they.lyon, they.lead, they.ghent):
        assert "asked already" in decline(they, they.ghent, deputy=who.actor.user_id)
    page = decline(they, they.ghent, deputy=they.submitter.actor.user_id)
    assert "The submitter takes part as such" in page
    assert "Dr Žofie" not in read(they.ghent, f"{they.panel}/decline").partition("<select")[2]


def test_a_manager_without_the_profession_is_no_deputy(they: Panels) -> None:
    manager = they.site.person(Role.CENTRE_MANAGER, hcp="GR01")
    assert "of the list" in decline(they, they.ghent, deputy=manager.actor.user_id)


def test_a_guest_names_no_deputy(they: Panels) -> None:
    athens = they.site.person(hcp="GR01", name="Dr Athens")
    guest = they.site.person(None, hcp=None, name="Dr Guest")
    with they.site.transaction() as session:
        until = clock.now() + timedelta(days=3)
        seat = PanelMember(user_id=guest.actor.user_id, role="member", until=until)
        seat.panel_id, seat.invited_by = they.panel_id, they.coordinator.actor.user_id
        session.add(seat)
        renew_share(session, they.case_id, guest.actor.user_id)
    assert "Dr Athens" not in read(guest, f"{they.panel}/decline")
    assert "cannot name a deputy" in decline(they, guest, deputy=athens.actor.user_id)
    assert not decline(they, guest)


def test_only_whoever_is_invited_declines(they: Panels) -> None:
    for who, status in ((they.lead, 403), (they.coordinator, 403)):
        assert who.get(f"{they.panel}/decline").status_code == status
    stranger = they.site.person(hcp="GR01")
    assert stranger.post(f"{they.panel}/decline", {"reason": ""}).status_code == 404


def test_a_word_that_is_too_long_comes_back_to_be_shortened(they: Panels) -> None:
    page = decline(they, they.ghent, "x" * 501)
    assert "at most 500 characters" in page and "x" * 501 in page


# --- offers ---


def test_whoever_follows_the_area_is_told_of_it_and_of_nothing_more(
    they: Panels, rennes: Browser
) -> None:
    for page in (read(rennes, "/"), read(rennes, f"{they.panel}/offer")):
        told = page.partition("<main")[2]
        for part in ("new case in your area", "Which test next?", "girl", "Czechia", "ITHACA"):
            assert part in told, part
        assert "Urgent" in told
        for hidden in (they.pseudonym, "Prague", "Delay.", "Dr Lead", "Žofie", str(they.case_id)):
            assert hidden not in told, hidden
    assert rennes.get(f"/cases/{they.case_id}").status_code == 404
    assert rennes.get(they.panel).status_code == 404


def test_an_offer_opens_nothing_until_it_is_accepted(they: Panels, rennes: Browser) -> None:
    assert offer(they, rennes) == 303
    assert rennes.get(they.panel).status_code == 404
    assert "new case in your area" not in read(rennes, "/")
    assert "Dr Rennes offers to take part" in read(they.lead, "/")
    page = read(they.lead, f"{they.panel}/members")
    assert "I have seen two such children." in page
    assert answer_offer(they, they.lead, rennes) == 303
    assert they.pseudonym in read(rennes, they.panel)
    assert "Your opinion:" in read(rennes, "/")
    events = they.site.events()
    assert {"panel:member:offered", "panel:offer:answered"} <= set(events)


def test_a_notice_that_is_not_for_me_ends_with_one_click_and_comes_back_with_another(
    they: Panels, rennes: Browser
) -> None:
    other = follower(they, hcp="GR01", name="Dr Athens")
    url = f"{they.panel}/offer"
    assert f'action="{url}/not-for-me"' in read(rennes, "/")
    for _ in range(2):  # a second click changes nothing
        ended = rennes.post(f"{url}/not-for-me")
        assert (ended.status_code, ended.headers["location"]) == (303, url)
    assert "new case in your area" not in read(rennes, "/")
    assert "new case in your area" in read(other, "/"), "it is the own notice"
    page = read(they.lead, f"{they.panel}/members")
    assert "Dr Rennes" not in page.partition('id="invite"')[0], "neither told nor proposed"
    assert "Dr Rennes" in page, "but can be invited"
    assert "Home no longer tells you of this case." in read(rennes, url)
    assert rennes.post(f"{url}/tell-me").headers["location"] == "/"
    assert "new case in your area" in read(rennes, "/")
    assert {"panel:notice:ended", "panel:notice:renewed"} <= set(they.site.events())


def test_who_put_a_notice_aside_can_still_offer_or_be_invited(
    they: Panels, rennes: Browser
) -> None:
    assert rennes.post(f"{they.panel}/offer/not-for-me").status_code == 303
    form = {"invite": str(rennes.actor.user_id), "role": "member"}
    assert they.lead.post(f"{they.panel}/members", form).status_code == 303
    assert "Invitation:" in read(rennes, "/")
    athens = follower(they, hcp="GR01", name="Dr Athens")
    assert athens.post(f"{they.panel}/offer/not-for-me").status_code == 303
    assert offer(they, athens) == 303
    assert answer_offer(they, they.lead, athens, "decline") == 303
    assert "Your offer was not needed" in read(athens, "/")


def test_nobody_ends_a_notice_of_a_case_they_must_not_know_of(they: Panels) -> None:
    stranger = they.site.person(hcp="GR01")
    for act in ("not-for-me", "tell-me"):
        assert stranger.post(f"{they.panel}/offer/{act}").status_code == 404


def test_triage_accepts_an_offer_too(they: Panels, rennes: Browser) -> None:
    offer(they, rennes)
    assert answer_offer(they, they.coordinator, rennes) == 303
    assert read(rennes, they.panel)


def test_a_declined_offer_stays_closed_and_says_so(they: Panels, rennes: Browser) -> None:
    offer(they, rennes)
    assert answer_offer(they, they.lead, rennes, "decline") == 303
    assert rennes.get(they.panel).status_code == 404
    assert "Your offer was not needed" in read(rennes, "/")
    assert "has enough experts" in read(rennes, f"{they.panel}/offer")
    assert offer(they, rennes) == 409
    assert answer_offer(they, they.lead, rennes) == 409, "answered once"


def test_nobody_offers_twice(they: Panels, rennes: Browser) -> None:
    assert offer(they, rennes) == 303
    assert offer(they, rennes) == 409
    with they.site.transaction() as session:
        found = session.scalars(select(PanelMember).where(PanelMember.state == "offered")).all()
    assert len(found) == 1


def test_nobody_offers_who_follows_another_area_or_works_outside_the_ern(they: Panels) -> None:
    others = (
        they.site.person(hcp="FR30"),
        follower(they, "prenatal", hcp="FR30"),
        follower(they, hcp="DE01"),
        follower(they, hcp="CZ01"),  # of the centre of the case, where everybody sees it
    )
    for who in others:
        assert who.get(f"{they.panel}/offer").status_code == 404
        assert offer(they, who) == 404
        assert "new case in your area" not in read(who, "/")


def test_somebody_who_declined_or_was_removed_does_not_come_back_by_an_offer(
    they: Panels,
) -> None:
    with they.site.transaction() as session:
        for who in (they.ghent, they.lyon):
            user_id = who.actor.user_id
            session.add(AreaInterest(user_id=user_id, ern_id="ithaca", area="undiagnosed"))
    they.lead.post(f"{they.panel}/members/{they.ghent.actor.user_id}/remove")
    decline(they, they.lyon)
    for who in (they.ghent, they.lyon):
        assert offer(they, who) == 404


def test_nobody_is_told_of_a_case_that_is_closed_old_or_taken_back(
    they: Panels, rennes: Browser
) -> None:
    with they.site.transaction() as session:
        panel = session.get_one(Panel, they.panel_id)
        panel.triaged_at -= timedelta(days=15)
    assert offer(they, rennes) == 404
    with they.site.transaction() as session:
        panel = session.get_one(Panel, they.panel_id)
        panel.triaged_at += timedelta(days=15)
        panel.stage = "closed"
    assert offer(they, rennes) == 404
    with they.site.transaction() as session:
        session.get_one(Panel, they.panel_id).stage = "assessment"
        consent = session.scalars(select(Consent).where(Consent.kind == "care")).one()
        consent.withdrawn_at = clock.now()
    assert "new case in your area" not in read(rennes, "/")
    assert rennes.get(f"{they.panel}/offer").status_code == 404


def test_only_lead_and_triage_answer_an_offer(they: Panels, rennes: Browser) -> None:
    offer(they, rennes)
    they.ghent.post(f"{they.panel}/answer", {"answer": "accept"})
    assert answer_offer(they, they.ghent, rennes) == 403
    assert answer_offer(they, rennes, rennes) == 404
    assert answer_offer(they, they.lead, they.submitter) == 404, "has not offered"
    assert rennes.get(they.panel).status_code == 404


def test_an_offer_can_be_met_by_an_invitation(they: Panels, rennes: Browser) -> None:
    offer(they, rennes)
    form = {"invite": str(rennes.actor.user_id), "role": "observer"}
    assert they.lead.post(f"{they.panel}/members", form).status_code == 303
    assert "You are invited to this panel" in read(rennes, they.panel)
