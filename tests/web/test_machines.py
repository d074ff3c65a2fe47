"""What a machine with a token can do: exactly what is declared, audited, and so often."""

import logging
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from cpms_core.actor import Actor, Role
from cpms_core.audit import AuditEvent
from cpms_core.cases.exporting import export_case
from cpms_core.clock import clock
from cpms_core.http.limits import RATES
from cpms_core.identity.models import ApiToken, SignInSession, User
from cpms_core.views import CaseView
from tests.site import TestSite
from tests.web.attempts import ATTEMPTS, Attempt, name_of
from tests.web.logs import every_line
from tests.web.machines import case_of, machine_of
from tests.web.matrix import Matrix, allowed


def test_a_machine_finds_its_persons_cases_page_by_page(
    site: TestSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cpms_core.panels.case_list.PAGE", 2)
    ana = site.person()
    cases = [case_of(site, ana) for _ in range(3)]
    elsewhere = case_of(site, site.person(hcp="CZ01"), hcp="CZ01")
    machine, _ = machine_of(site, ana, "case.list")
    found, address = [], "/api/cases"
    while address:
        answer = machine.send(address)
        assert answer.status_code == 200, answer.text
        found += answer.json()["cases"]
        address = answer.json()["next"]
    assert [f"/cases/{one['id']}" for one in found] == cases
    assert elsewhere not in {f"/cases/{one['id']}" for one in found}
    assert set(found[0]) == {"id", "pseudonym", "numbers", "state", "changed"}
    assert found[0]["state"] == "draft" and found[0]["numbers"] == []
    assert machine.send("/api/cases?after=nonsense").status_code == 422


def test_the_list_names_the_numbers_that_erns_gave(quick_site: TestSite) -> None:
    world = Matrix(quick_site, "assessment").world
    for name in ("professional", "lead"):
        machine, _ = machine_of(quick_site, world[name], "case.list")
        (case,) = machine.send("/api/cases").json()["cases"]
        assert case["state"] == "sent" and case["numbers"][0].startswith("ITH-")
    machine, _ = machine_of(quick_site, world["removed from the panel"], "case.list")
    assert machine.send("/api/cases").json()["cases"] == []


def test_a_machine_never_gets_a_cookie_and_needs_no_form_token(site: TestSite) -> None:
    ana = site.person()
    case = case_of(site, ana)
    machine, _ = machine_of(site, ana)
    for method, path in (("GET", "/api/cases"), ("POST", f"{case}/export.csv"), ("GET", "/me")):
        assert "set-cookie" not in machine.send(path, method).headers


def test_a_cookie_and_a_token_at_once_are_refused(site: TestSite) -> None:
    ana = site.person()
    machine, _ = machine_of(site, ana)
    both = ana.get("/api/cases", headers={"Authorization": f"Bearer {machine.text}"})
    assert both.status_code == 400 and "not both" in both.json()["error"]
    twice = [("Authorization", f"Bearer {machine.text}")] * 2
    answer = site.browser().client.request("GET", "/api/cases", headers=twice)
    assert answer.status_code in {400, 401}, "the client may send them as one"
    assert site.events() == []


def test_another_kind_of_authorization_is_none_of_ours(site: TestSite) -> None:
    ana = site.person()
    assert ana.get("/me", headers={"Authorization": "Basic YTpi"}).status_code == 200


def test_a_token_in_the_address_or_a_form_opens_nothing(site: TestSite) -> None:
    machine, _ = machine_of(site, site.person())
    stranger = site.browser()
    assert stranger.get(f"/api/cases?access_token={machine.text}").status_code == 303
    assert stranger.post("/me/tokens", {"access_token": machine.text}).status_code == 401


def test_what_the_token_is_not_for_is_denied_once_in_the_audit(site: TestSite) -> None:
    ana = site.person()
    case = case_of(site, ana)
    machine, token_id = machine_of(site, ana, "case.list")
    for method, path in (("POST", f"{case}/export.json"), ("GET", "/me"), ("GET", "/sign-in")):
        before = len(site.events())
        refused = machine.send(path, method)
        assert refused.status_code == 403 and "other things" in refused.json()["error"]
        assert site.events()[before:] == ["site:access:denied"]
    with site.transaction() as session:
        for event in session.scalars(select(AuditEvent)):
            assert event.detail["token"] == str(token_id)
            assert event.actor_id == ana.actor.user_id and event.session_id is None


def test_every_use_is_audited_under_the_person_with_the_token(site: TestSite) -> None:
    ana = site.person()
    case = case_of(site, ana)
    machine, token_id = machine_of(site, ana)
    machine.send(f"{case}/export.json", "POST")
    assert site.events() == ["case:case:exported"]
    with site.transaction() as session:
        event = session.scalars(select(AuditEvent)).one()
        assert event.detail == {"format": "json", "token": str(token_id)}
        assert event.actor_id == ana.actor.user_id and event.roles == "professional"
    assert f"token …{str(token_id)[-6:]}" in ana.get("/audit").text
    assert f"…{str(token_id)[-6:]} in the audit" in ana.get("/me").text


def declared(matrix: Matrix) -> Iterator[tuple[str, str | None, Attempt, bool]]:
    for owner, route in matrix.site.live.registry.routes:
        name = name_of(owner, route)
        is_theirs = route.api is not None and "professional" in allowed(name, route)
        yield name, route.api, ATTEMPTS.get(name, Attempt()), is_theirs


EXPECTED = {
    "GET /api/cases",
    "POST /cases/{case_id}/export.json",
    "POST /cases/{case_id}/export.csv",
    "POST /cases/{case_id}/exports/{key}",
    "GET /cases/{case_id}/files/{attachment_id}",
    "GET /x/reporting/{name}/export.csv",
}
"""Reviewed: what machines may do at all. Whoever adds to this list says why."""


def test_a_token_opens_exactly_what_is_declared(quick_site: TestSite) -> None:
    matrix = Matrix(quick_site, "assessment")
    machine, _ = machine_of(quick_site, matrix.world["professional"])
    stored = matrix.contents()
    opened = set()
    for name, api, attempt, is_theirs in declared(matrix):
        wanted = re.findall(r"\{(\w+)\}", name)
        anything = {key: str(uuid4()) for key in wanted if key not in matrix.world.values}
        method, path = matrix.address(name, attempt, anything | dict(attempt.values))
        quick_site.live.limiter.clear()
        options: dict[str, Any] = {}
        if method == "POST":
            options = dict(attempt.options) or {"data": dict(attempt.form_for(matrix.world))}
        answer = machine.send(path, method, **options)
        assert "set-cookie" not in answer.headers, name
        assert answer.headers["content-type"].startswith("application/json") or api, name
        if api is None or not is_theirs:
            assert answer.status_code == 403, f"{name}: {answer.status_code}"
        else:
            assert answer.status_code == 200, f"{name}: {answer.text}"
        if api:
            opened.add(name)
    assert opened == EXPECTED
    after = matrix.contents()
    for contents in (stored, after):
        contents.pop("api_token")
    assert after == stored, "a machine changed something"


def test_the_store_lets_no_machine_write_whatever_the_page_does(
    site: TestSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    ana = site.person()
    case = case_of(site, ana)
    machine, _ = machine_of(site, ana)

    def rename(session: Session, actor: Actor, *rest: Any) -> CaseView:
        session.execute(update(User).values(name="renamed"))
        return export_case(session, actor, *rest)

    monkeypatch.setattr("cpms_web.pages_case.export_case", rename)
    assert machine.send(f"{case}/export.json", "POST").status_code == 500
    with site.transaction() as session:
        assert session.get_one(User, ana.actor.user_id).name != "renamed"
    assert "case:case:exported" not in site.events()
    assert ana.post(f"{case}/export.json").status_code == 200, "a person may"


def test_a_report_is_opened_by_its_own_scope_alone(site: TestSite) -> None:
    coordinator = site.person(Role.COORDINATOR)
    path = "/x/reporting/stages/export.csv"
    right, _ = machine_of(site, coordinator, "report.export")
    wrong, _ = machine_of(site, coordinator, "case.export")
    assert right.send(path).status_code == 200
    assert wrong.send(path).status_code == 403
    assert site.events() == ["report:report:exported", "site:access:denied"]


def test_each_token_has_a_bucket_of_its_own(
    site: TestSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(RATES, "page", (3, 0.01))
    ana = site.person()
    first, _ = machine_of(site, ana)
    second, _ = machine_of(site, ana)
    assert second.send("/api/cases").status_code == 200
    answers = [first.send("/api/cases").status_code for _ in range(6)]
    assert answers[0] == 200 and answers[-1] == 429
    assert second.send("/api/cases").status_code == 200


def test_the_last_use_is_noted_at_most_once_a_minute(site: TestSite) -> None:
    machine, token_id = machine_of(site, site.person())

    def used_at() -> Any:
        with site.transaction() as session:
            return session.get_one(ApiToken, token_id).last_used_at

    assert used_at() is None
    machine.send("/api/cases")
    first = used_at()
    assert first is not None
    clock.offset = timedelta(seconds=50)
    machine.send("/api/cases")
    assert used_at() == first
    clock.offset = timedelta(seconds=70)
    machine.send("/api/cases")
    assert used_at() > first


def test_a_token_is_in_no_log(
    site: TestSite,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(logging.DEBUG)
    machine, _ = machine_of(site, site.person())
    machine.send("/api/cases")
    machine.send("/me")

    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr("cpms_web.pages_api.list_cases", fail)
    assert machine.send("/api/cases").status_code == 500
    lines = every_line(caplog, capfd)
    assert any("unexpected" in line for line in lines)
    assert not [line for line in lines if machine.text.removeprefix("cpms_") in line]


def test_a_machine_starts_no_session(site: TestSite) -> None:
    ana = site.person()
    machine, _ = machine_of(site, ana)
    machine.send("/api/cases")
    with site.transaction() as session:
        assert session.scalar(select(func.count()).select_from(SignInSession)) == 1
