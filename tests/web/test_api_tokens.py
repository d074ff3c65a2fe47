"""Tokens for machines: who makes them, and when they are dead."""

import re
from datetime import timedelta
from typing import Any

import pytest
from httpx import Response
from sqlalchemy import select

from cpms_core.actor import Role
from cpms_core.audit import AuditEvent
from cpms_core.clock import clock
from cpms_core.identity.models import ApiToken, RoleGrant, User
from cpms_core.identity.people import replace_keys
from tests.site import Browser, TestSite
from tests.web.machines import Machine, case_of, machine_of

MADE = re.compile(r"cpms_[A-Za-z0-9_-]{43}")


def make(person: Browser, **typed: Any) -> Response:
    form = {"name": "Night export", "scopes": ["case.list", "case.export"], "days": "30", **typed}
    return person.post("/me/tokens", form)


def test_a_person_makes_a_token_with_a_touch_and_sees_it_once(site: TestSite) -> None:
    ana = site.person()
    asked = ana.post("/me/tokens", {"name": "Night export"}, touches=False)
    assert asked.status_code == 403 and "make a token for a machine" in asked.text
    page = make(ana).text
    found = MADE.search(page)
    assert found is not None
    case = case_of(site, ana)
    exported = Machine(site, found[0]).send(f"{case}/export.json", "POST")
    assert exported.status_code == 200 and exported.json()["format"] == "cpms-case"
    listed = ana.get("/me").text
    assert "Night export" in listed and "may list cases, take cases out of the site" in listed
    assert not MADE.search(listed)
    assert site.events().count("site:token:made") == 1


def test_the_store_holds_nothing_a_thief_could_use(site: TestSite) -> None:
    ana = site.person()
    found = MADE.search(make(ana).text)
    assert found is not None
    with site.transaction() as session:
        row = session.scalars(select(ApiToken)).one()
        told = f"{vars(row)} {session.scalars(select(AuditEvent.detail)).all()}"
        assert len(row.token_hash) == 32
        assert row.expires_at - row.made_at < timedelta(days=30, seconds=5)
    assert found[0] not in told and found[0].removeprefix("cpms_") not in told


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ({"name": " "}, "Give it a name"),
        ({"name": "x" * 61}, "Give it a name"),
        ({"name": "a\u202eb"}, "Give it a name"),
        ({"scopes": []}, "Choose what the machine may do"),
        ({"scopes": ["site.manage"]}, "Choose what the machine may do"),
        ({"days": "0"}, "from 1 to 365"),
        ({"days": "366"}, "from 1 to 365"),
        ({"days": "٣"}, "from 1 to 365"),
        ({"days": ""}, "from 1 to 365"),
    ],
)
def test_what_is_wrong_is_said_and_what_was_typed_is_kept(
    site: TestSite, typed: dict[str, Any], told: str
) -> None:
    page = make(site.person(), **typed)
    assert page.status_code == 422 and told in page.text
    assert 'value="case.list"' in page.text or "case.list" in page.text
    if "name" not in typed:
        assert 'value="Night export"' in page.text
    assert "site:token:made" not in site.events()


def test_nobody_has_more_than_twenty_living_tokens(site: TestSite) -> None:
    ana = site.person()
    for _ in range(20):
        machine_of(site, ana)
    assert "You have 20 tokens already" in make(ana).text


def test_somebody_without_a_role_makes_none(site: TestSite) -> None:
    joined = site.person(None, hcp=None)
    assert make(joined).status_code == 403
    assert "For machines" not in joined.get("/me").text


def test_only_what_the_own_roles_could_do_is_offered(site: TestSite) -> None:
    clinician = site.person().get("/me/tokens/new").text
    coordinator = site.person(Role.COORDINATOR).get("/me/tokens/new").text
    assert "report.export" not in clinician and "case.export" in clinician
    assert "report.export" in coordinator


# --- when it is dead ---


def refused(machine: Machine) -> bool:
    answer = machine.send("/api/cases")
    if answer.status_code == 200:
        return False
    assert answer.status_code == 401 and answer.json()["error"].startswith("This token is unknown")
    assert answer.headers["www-authenticate"].startswith("Bearer")
    return True


@pytest.mark.parametrize(
    "text", ["", "cpms_", "cpms_" + "A" * 43, "x" * 6000, "\x7f", "ä".encode().decode("latin-1")]
)
def test_a_made_up_token_is_refused_and_leaves_no_trace(site: TestSite, text: str) -> None:
    headers: Any = {"Authorization": f"Bearer {text}".encode("latin-1")}
    for method, path in (("GET", "/api/cases"), ("GET", "/me"), ("POST", "/sign-out")):
        answer = site.browser()._send(method, path, headers=headers)
        assert answer.status_code == 401, path
        assert answer.headers["www-authenticate"].startswith("Bearer")
    assert site.events() == []


def test_a_token_ends_at_its_end(site: TestSite) -> None:
    ana = site.person()
    machine, _ = machine_of(site, ana, expires_at=clock.now() + timedelta(days=1))
    assert not refused(machine)
    clock.offset = timedelta(hours=23, minutes=59)
    assert not refused(machine)
    clock.offset = timedelta(days=1)
    assert refused(machine)
    assert "ended" in site.sign_in_again(ana.actor.user_id).get("/me").text


def test_the_own_token_is_revoked_at_once(site: TestSite) -> None:
    ana = site.person()
    machine, token_id = machine_of(site, ana)
    page = ana.follow(ana.post(f"/tokens/{token_id}/revoke"))
    assert "The token is revoked" in page.text and "Night export" not in page.text
    assert refused(machine)
    assert ana.post(f"/tokens/{token_id}/revoke").status_code == 404
    assert site.events().count("site:token:revoked") == 1


def test_an_administrator_revokes_the_token_of_a_person(site: TestSite) -> None:
    ana, admin = site.person(), site.person(Role.SYSTEM_ADMIN, hcp=None)
    machine, token_id = machine_of(site, ana)
    person = f"/people/{ana.actor.user_id}"
    assert "Night export" in admin.get(person).text
    assert site.person().post(f"/tokens/{token_id}/revoke").status_code == 404
    assert not refused(machine)
    answer = admin.post(f"/tokens/{token_id}/revoke")
    assert answer.headers["location"] == person
    assert refused(machine)


def test_a_lost_role_counts_at_the_next_request(site: TestSite) -> None:
    ana = site.person()
    case = case_of(site, ana)
    machine, _ = machine_of(site, ana)
    assert machine.send(f"{case}/export.json", "POST").status_code == 200
    with site.transaction() as session:
        own = RoleGrant.user_id == ana.actor.user_id
        session.scalars(select(RoleGrant).where(own)).one().revoked_at = clock.now()
    assert machine.send(f"{case}/export.json", "POST").status_code == 403
    assert machine.send("/api/cases").status_code == 403


def test_a_token_of_an_account_that_is_disabled_is_dead_even_if_nobody_revoked_it(
    site: TestSite,
) -> None:
    ana = site.person()
    machine, _ = machine_of(site, ana)
    with site.transaction() as session:
        session.get_one(User, ana.actor.user_id).disabled_at = clock.now()
    assert refused(machine)


def test_ending_somebodys_access_ends_the_tokens_for_good(site: TestSite) -> None:
    ana, admin = site.person(), site.person(Role.SYSTEM_ADMIN, hcp=None)
    machine, _ = machine_of(site, ana)
    person = f"/people/{ana.actor.user_id}"
    admin.post(f"{person}/disable")
    assert refused(machine)
    admin.post(f"{person}/enable")
    assert refused(machine), "whoever is let back in makes new ones"


def test_replacing_somebodys_keys_ends_the_tokens(site: TestSite) -> None:
    ana = site.person()
    machine, _ = machine_of(site, ana)
    with site.transaction() as session:
        user = session.get_one(User, ana.actor.user_id)
        replace_keys(session, site.live.key, user, by=None)
    assert refused(machine)


def test_no_use_is_kept_of_what_comes_from_another_time(site: TestSite) -> None:
    """A clock that was set back must bring no token of the future to life."""
    machine, _ = machine_of(site, site.person(), made_at=clock.now() + timedelta(hours=1))
    assert refused(machine)
