"""The own account: profile, keys, sessions."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import select

from cpms_core.actor import Role
from cpms_core.clock import clock
from cpms_core.identity.models import SecurityKey, SignInSession, User
from tests import factories
from tests.site import Browser, TestSite


def second_browser(site: TestSite, first: Browser) -> tuple[Browser, UUID]:
    with site.transaction() as session:
        user = session.get_one(User, first.actor.user_id)
        token = factories.make_session(session, user, "Firefox on the ward")
        newest = select(SignInSession.id).order_by(SignInSession.created_at.desc()).limit(1)
        return site.browser(token), session.scalars(newest).one()


def test_the_profile_tells_who_where_and_which_roles(site: TestSite) -> None:
    page = site.person(Role.COORDINATOR, name="Cora Žluťoučká", ern="ithaca").get("/me").text
    assert "Cora Žluťoučká" in page
    assert "coordinator of ERN ITHACA" in page
    assert "health professional at FR10" in page
    assert "FR10 ·" in page
    assert site.events() == ["site:profile:read"]


def test_another_session_can_be_ended(site: TestSite) -> None:
    ana = site.person()
    other, other_id = second_browser(site, ana)
    assert "Firefox on the ward" in ana.get("/me").text
    page = ana.follow(ana.post(f"/me/sessions/{other_id}/end")).text
    assert "That session is ended." in page
    assert "Firefox on the ward" not in page
    assert other.get("/me").status_code == 303
    assert ana.get("/me").status_code == 200
    assert "site:session:ended" in site.events()


def test_ending_this_session_signs_out(site: TestSite) -> None:
    ana = site.person()
    assert ana.actor.session_id is None
    with site.transaction() as session:
        own = session.scalars(select(SignInSession.id)).one()
    answer = ana.post(f"/me/sessions/{own}/end")
    assert answer.headers["location"] == "/sign-in"
    assert "cpms" not in ana.cookies


def test_nobody_ends_or_sees_somebody_elses_session(site: TestSite) -> None:
    ana, admin = site.person(), site.person(Role.SYSTEM_ADMIN, hcp=None)
    other, other_id = second_browser(site, ana)
    assert admin.post(f"/me/sessions/{other_id}/end").status_code == 404
    assert other.get("/me").status_code == 200
    assert "Firefox on the ward" not in admin.get("/me").text


def test_a_session_that_has_run_out_is_not_listed(site: TestSite) -> None:
    ana = site.person()
    second_browser(site, ana)
    clock.offset = timedelta(minutes=10)
    assert ana.get("/me").text.count("Another browser") == 1
    clock.offset = timedelta(minutes=20)
    assert "Another browser" not in ana.get("/me").text


def test_a_locked_key_is_shown_with_what_to_do(site: TestSite) -> None:
    ana = site.person()
    with site.transaction() as session:
        user = session.get_one(User, ana.actor.user_id)
        factories.make_key(session, user, label="The blue one", flagged_at=clock.now())
        factories.make_key(session, user, label="The old one", revoked_at=clock.now())
        assert session.scalars(select(SecurityKey.label)).all()
    page = ana.get("/me").text
    assert "The blue one is locked" in page
    assert "add another one in its place" in page
    assert "The old one" not in page


def test_help_is_there_for_everybody_who_is_signed_in(site: TestSite) -> None:
    page = site.person().get("/help").text
    assert "The six steps" in page
    assert "Pseudonym" in page
    assert site.events() == ["site:help:read"]
    assert site.browser().get("/help").status_code == 303
