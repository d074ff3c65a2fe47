"""Invitations that nobody answers are marked once; then the lead is told to invite others."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from cpms_core.clock import clock
from cpms_core.panels.models import ConsultationRequest, Panel, PanelMember
from cpms_core.panels.seats.reminders import remind_of_invitations, reminded
from cpms_core.patients.models import Consent
from tests.site import TestSite
from tests.web.test_panel_pages import Panels, read

HOUR = timedelta(hours=1)


@pytest.fixture
def they(site: TestSite) -> Panels:
    """Their request is urgent."""
    return Panels(site).make()


def asked_ago(they: Panels, age: timedelta, **values: Any) -> None:
    with they.site.transaction() as session:
        session.execute(
            update(PanelMember)
            .where(PanelMember.panel_id == they.panel_id)
            .values(invited_at=clock.now() - age, **values)
        )


def remind(they: Panels) -> int:
    with they.site.transaction() as session:
        return remind_of_invitations(session)


def make_routine(they: Panels) -> None:
    with they.site.transaction() as session:
        session.execute(update(ConsultationRequest).values(urgency="routine"))


def test_an_urgent_invitation_is_marked_once_after_a_day(they: Panels) -> None:
    asked_ago(they, 23 * HOUR)
    assert remind(they) == 0
    asked_ago(they, 25 * HOUR)
    assert remind(they) == 2, "Ghent and Lyon; the lead has accepted"
    assert remind(they) == 0
    assert they.site.events().count("panel:member:reminded") == 2


def test_another_one_after_three_days(they: Panels) -> None:
    make_routine(they)
    asked_ago(they, 71 * HOUR)
    assert remind(they) == 0
    asked_ago(they, 73 * HOUR)
    assert remind(they) == 2


def test_home_and_the_list_of_members_say_so(they: Panels) -> None:
    asked_ago(they, 25 * HOUR)
    remind(they)
    for who, path in ((they.ghent, "/"), (they.lead, f"{they.panel}/members")):
        assert "reminded today" in read(who, path)


@pytest.mark.parametrize(
    ("days", "said"), [(0, "reminded today"), (1, "reminded yesterday"), (9, "reminded on ")]
)
def test_the_day_of_a_reminder_is_said_in_words(days: int, said: str) -> None:
    assert reminded(clock.now() - timedelta(days=days)).startswith(said)
    assert reminded(None) == ""


def test_who_has_answered_is_not_reminded(they: Panels) -> None:
    they.ghent.post(f"{they.panel}/answer", {"answer": "accept"})
    they.lyon.post(f"{they.panel}/answer", {"answer": "decline"})
    asked_ago(they, 100 * HOUR)
    assert remind(they) == 0


@pytest.mark.parametrize("what", ["closed", "no consent", "guest's time over"])
def test_nobody_is_reminded_of_what_is_over(they: Panels, what: str) -> None:
    asked_ago(they, 100 * HOUR)
    with they.site.transaction() as session:
        if what == "closed":
            session.get_one(Panel, they.panel_id).stage = "closed"
        elif what == "no consent":
            session.execute(update(Consent).values(withdrawn_at=clock.now()))
        else:
            session.execute(update(PanelMember).values(until=clock.now() - HOUR))
    assert remind(they) == 0


def test_after_twice_that_time_the_lead_is_told_to_invite_others(they: Panels) -> None:
    asked_ago(they, 47 * HOUR)
    remind(they)
    assert "unanswered" not in read(they.lead, "/")
    asked_ago(they, 49 * HOUR)
    page = read(they.lead, "/")
    assert "2 invitations unanswered:" in page and "invite others" in page
    assert f'href="{they.panel}/members#invite"' in page
    assert "unanswered" not in read(they.ghent, "/")


def test_whoever_is_asked_again_has_the_whole_time_again(they: Panels) -> None:
    asked_ago(they, 100 * HOUR)
    remind(they)
    ghent = they.ghent.actor.user_id
    they.lead.post(f"{they.panel}/members/{ghent}/remove")
    they.lead.post(f"{they.panel}/members", {"invite": str(ghent), "role": "member"})
    with they.site.transaction() as session:
        seat = session.scalars(select(PanelMember).where(PanelMember.user_id == ghent)).one()
        assert seat.reminded_at is None
        assert clock.now() - seat.invited_at < HOUR
    assert remind(they) == 0
