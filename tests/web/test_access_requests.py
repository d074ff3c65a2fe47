"""Requests for access: what centre managers, coordinators and administrators do about them."""

from datetime import timedelta
from uuid import UUID

import pytest

from cpms_core.actor import Role
from cpms_core.clock import clock
from cpms_core.identity.models import AccessRequest
from tests import factories
from tests.site import Browser, TestSite
from tests.web.access import ask, code_on, decide, roles, seen_on, state_of


@pytest.fixture
def nadia(site: TestSite) -> Browser:
    return site.person(None, hcp=None, name="Dr Nadia Berger")


@pytest.fixture
def coordinator(site: TestSite) -> Browser:
    return site.person(Role.COORDINATOR, hcp="CZ01", ern="ithaca", name="Dr Cora Coordinator")


@pytest.fixture
def manager(site: TestSite) -> Browser:
    return site.person(Role.CENTRE_MANAGER, name="Max Manager")


def test_approval_with_the_code_opens_what_was_asked_for_at_once(
    nadia: Browser, coordinator: Browser, site: TestSite
) -> None:
    request = ask(nadia, dispatcher="on")
    assert "Dr Nadia Berger" in coordinator.get("/access/queue").text
    assert "1 request for access" in coordinator.get("/").text
    page = coordinator.get(request)
    assert not code_on(page)
    assert nadia.get("/centre").status_code == 403
    code = code_on(nadia.get(request))
    done = decide(coordinator, request, "approve", code=code.lower().replace("-", " "))
    assert "Approved." in coordinator.follow(done).text
    assert roles(site, nadia) == {"professional centre", "dispatcher ithaca"}
    assert nadia.get("/centre").status_code == 200
    assert nadia.get("/erns/ithaca").status_code == 200
    assert site.events().count("site:role:granted") == 2
    assert "approved" in nadia.get("/access").text
    assert not code_on(nadia.get(request))
    assert "Nobody waits" in coordinator.get("/access/queue").text


def test_approval_asks_for_a_touch_of_the_key(nadia: Browser, coordinator: Browser) -> None:
    request = ask(nadia)
    form = {"seen": "1", "code": code_on(nadia.get(request))}
    asked = coordinator.post(f"{request}/approve", form, touches=False)
    assert asked.status_code == 403
    assert "Confirm with your security key" in asked.text
    assert nadia.get("/centre").status_code == 403


def test_without_the_code_nothing_is_approved_and_the_fifth_wrong_one_ends_it(
    nadia: Browser, coordinator: Browser, site: TestSite
) -> None:
    request = ask(nadia)
    assert "told you" in decide(coordinator, request, "approve").text
    for _ in range(4):
        answer = decide(coordinator, request, "approve", code="AAAA-AAAA")
        assert answer.status_code == 422
        assert "This is not the person" in answer.text
        assert 'value="AAAA-AAAA"' in answer.text
    ended = decide(coordinator, request, "approve", code="AAAA-AAAA")
    assert ended.status_code == 409
    assert "Five wrong codes" in ended.text
    assert state_of(site) == "refused"
    assert "Five wrong codes" in nadia.get(request).text
    late = coordinator.post(f"{request}/approve", {"seen": "2", "code": "AAAA-AAAA"})
    assert late.status_code == 409
    assert roles(site, nadia) == set()
    assert site.events().count("site:access:code_wrong") == 5


def test_an_endorsement_with_the_code_spares_the_coordinator_asking(
    nadia: Browser, coordinator: Browser, manager: Browser, site: TestSite
) -> None:
    request = ask(nadia)
    assert decide(manager, request, "endorse", code="AAAA-AAAA").status_code == 422
    done = decide(manager, request, "endorse", code=code_on(nadia.get(request)))
    assert "Endorsed." in manager.follow(done).text
    assert "Endorsed by Max Manager" in nadia.get(request).text
    assert "Nobody waits" in manager.get("/access/queue").text
    page = coordinator.get(request).text
    assert "Max Manager has endorsed" in page
    assert 'name="code"' not in page
    assert decide(coordinator, request, "approve").status_code == 303
    assert roles(site, nadia) == {"professional centre"}


def test_a_question_waits_for_the_person_and_the_answer_goes_back(
    nadia: Browser, coordinator: Browser, site: TestSite
) -> None:
    request = ask(nadia)
    assert decide(coordinator, request, "ask").status_code == 422
    decide(coordinator, request, "ask", message="Which clinic?")
    assert "Which clinic?" in nadia.get("/").text
    assert "1 request for access" not in coordinator.get("/").text
    assert decide(nadia, request, "answer", comment=" ").status_code == 422
    page = nadia.follow(decide(nadia, request, "answer", comment="Outpatients, 3rd floor"))
    assert "Your answer is sent." in page.text
    told = coordinator.get(request).text
    for words in ("Asked: Which clinic?", "Answer: Outpatients, 3rd floor", "Approve"):
        assert words in told
    assert state_of(site) == "submitted"


def test_a_refusal_needs_a_reason_and_the_person_reads_it(
    nadia: Browser, coordinator: Browser, site: TestSite
) -> None:
    request = ask(nadia)
    assert decide(coordinator, request, "refuse", message="").status_code == 422
    decide(coordinator, request, "refuse", message="Nobody knows you there.")
    assert "Nobody knows you there." in nadia.get("/access").text
    assert roles(site, nadia) == set()
    ask(nadia)


def test_a_stale_decision_is_told_what_happened_meanwhile(
    nadia: Browser, coordinator: Browser, site: TestSite
) -> None:
    other = site.person(Role.COORDINATOR, hcp="BE01", ern="ithaca")
    request = ask(nadia)
    seen = seen_on(other.get(request))
    decide(coordinator, request, "approve", code=code_on(nadia.get(request)))
    late = decide(other, request, "refuse", seen=seen, message="No.")
    assert late.status_code == 409
    assert "meanwhile the request was approved by Dr Cora Coordinator" in late.text
    assert state_of(site) == "approved"
    withdrawn = nadia.post(f"{request}/withdraw", {"seen": seen})
    assert withdrawn.status_code == 409


def test_an_endorsement_meanwhile_is_told_too(
    nadia: Browser, coordinator: Browser, manager: Browser
) -> None:
    request = ask(nadia)
    decide(manager, request, "endorse", code=code_on(nadia.get(request)))
    late = decide(coordinator, request, "refuse", seen="1", message="Nobody knows you.")
    assert "was endorsed by Max Manager" in late.text
    assert "Nobody knows you." in late.text


# --- who may what ---


@pytest.mark.parametrize(
    ("role", "act"),
    [
        *((Role.COORDINATOR, act) for act in ("approve", "refuse", "ask")),
        *((Role.SYSTEM_ADMIN, act) for act in ("approve", "refuse", "ask")),
        (Role.CENTRE_MANAGER, "endorse"),
    ],
)
def test_nobody_decides_about_the_own_request(site: TestSite, role: Role, act: str) -> None:
    person = site.person(role, hcp="FR10", name="Own Self")
    held = roles(site, person)
    centre = "FR10" if role is Role.CENTRE_MANAGER else "FR20"
    request = ask(person, dispatcher="on", centre=centre)
    form = {"seen": "1", "code": code_on(person.get(request)), "message": "me"}
    assert person.post(f"{request}/{act}", form).status_code == 403
    assert "Nobody waits" in person.get("/access/queue").text
    assert "for access" not in person.get("/").text
    assert (state_of(site), roles(site, person)) == ("submitted", held)


def test_each_queue_holds_what_is_its_own(nadia: Browser, site: TestSite) -> None:
    request = ask(nadia)
    strangers = (
        site.person(Role.CENTRE_MANAGER, hcp="FR20"),
        site.person(Role.COORDINATOR, ern="rnd"),
    )
    for stranger in strangers:
        assert "Nadia" not in stranger.get("/access/queue").text
        assert stranger.get(request).status_code == 404
    for act in ("endorse", "approve", "refuse", "ask"):
        for stranger in strangers:
            form = {"seen": "1", "message": "x", "code": code_on(nadia.get(request))}
            assert stranger.post(f"{request}/{act}", form).status_code in {403, 404}
    for role in (Role.PROFESSIONAL, Role.DISPATCHER, Role.RESEARCHER):
        other = site.person(role)
        assert other.get("/access/queue").status_code == 403
        assert other.get(request).status_code == 404
    assert state_of(site) == "submitted"


def test_a_manager_endorses_and_decides_nothing(
    nadia: Browser, manager: Browser, site: TestSite
) -> None:
    request = ask(nadia)
    form = {"seen": "1", "message": "x", "code": code_on(nadia.get(request))}
    for act in ("approve", "refuse", "ask"):
        assert manager.post(f"{request}/{act}", form).status_code == 403
    assert state_of(site) == "submitted"


def test_an_administrator_decides_where_nobody_else_can(nadia: Browser, site: TestSite) -> None:
    admin = site.person(Role.SYSTEM_ADMIN, hcp=None)
    request = ask(nadia, ern="skin", coordinator="on")
    assert "ERN without a coordinator" in admin.get("/access/queue").text
    code = code_on(nadia.get(request))
    assert decide(admin, request, "approve", code=code).status_code == 303
    assert roles(site, nadia) == {"professional centre", "coordinator skin"}


def test_nothing_is_granted_to_a_disabled_account(
    nadia: Browser, coordinator: Browser, site: TestSite
) -> None:
    request = ask(nadia)
    code = code_on(nadia.get(request))
    admin = site.person(Role.SYSTEM_ADMIN, hcp=None)
    admin.post(f"/people/{nadia.actor.user_id}/disable")
    assert "Nadia" not in coordinator.get("/access/queue").text
    assert decide(coordinator, request, "approve", code=code).status_code == 422
    assert roles(site, nadia) == set()


def test_the_queue_says_how_long_somebody_waits(nadia: Browser, coordinator: Browser) -> None:
    ask(nadia)
    with_time = clock.offset
    clock.offset = timedelta(minutes=12)
    assert "waiting 12 min" in coordinator.get("/access/queue").text
    clock.offset = with_time


def test_a_long_queue_has_pages(coordinator: Browser, site: TestSite) -> None:
    with site.transaction() as session:
        for number in range(51):
            user = factories.make_user(session, role=None, hcp=None, name=f"Nr {number:02}")
            session.add(
                AccessRequest(
                    user_id=user.id,
                    ern_id="ithaca",
                    hcp_id=factories.hcp_id(session, "FR10"),
                    roles=["professional"],
                )
            )
            session.flush()
    assert "Nr 49" in coordinator.get("/access/queue").text
    assert "Nr 50" not in coordinator.get("/access/queue").text
    assert "Nr 50" in coordinator.get("/access/queue?page=2").text


def test_somebody_elses_request_is_not_there(nadia: Browser, site: TestSite) -> None:
    request = ask(nadia)
    other = site.person(None, hcp=None)
    assert other.get(request).status_code == 404
    assert other.get(f"/access/{UUID(int=7)}").status_code == 404
    for act in ("answer", "withdraw"):
        assert other.post(f"{request}/{act}", {"seen": "1", "comment": "x"}).status_code == 404
    assert state_of(site) == "submitted"
