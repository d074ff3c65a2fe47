"""Somebody leaves: nothing is orphaned by it, and who takes over is named in the same step."""

import re

import pytest
from sqlalchemy import select

from cpms_core.actor import Role
from cpms_core.cases.models import Case
from cpms_core.clock import clock
from cpms_core.identity.models import RoleGrant, User
from cpms_core.panels.models import ConsultationRequest, Panel, PanelMember
from cpms_core.patients.models import TeamMember
from tests.site import Browser, TestSite
from tests.web.draft import ask, open_draft
from tests.web.test_care_teams import id_in, restricted
from tests.web.world import World


def person_page(person: Browser) -> str:
    return f"/people/{person.actor.user_id}"


def selects(page: str) -> list[str]:
    return re.findall(r'<select id="([^"]+)"', page)


def hand_over(actor: Browser, address: str, page: str, heir: Browser) -> str:
    """Everything that is asked for, to this heir; the page that follows."""
    form = dict.fromkeys(selects(page), str(heir.actor.user_id))
    return actor.follow(actor.post(address, {"is_handed_over": "yes", **form})).text


def disabled(site: TestSite, person: Browser) -> bool:
    with site.transaction() as session:
        return session.get_one(User, person.actor.user_id).disabled_at is not None


def role_of(site: TestSite, person: Browser) -> str:
    with site.transaction() as session:
        own = RoleGrant.user_id == person.actor.user_id
        return f"/roles/{session.scalars(select(RoleGrant.id).where(own)).one()}"


def test_whom_nothing_waits_for_leaves_at_once(site: TestSite) -> None:
    clinician, manager = site.person(), site.person(Role.CENTRE_MANAGER)
    answer = manager.post(f"{person_page(clinician)}/disable")
    assert answer.status_code == 303
    assert disabled(site, clinician)


def test_open_cases_go_to_a_successor_in_the_same_step(site: TestSite) -> None:
    clinician, heir = site.person(name="Dr Leaving"), site.person()
    manager = site.person(Role.CENTRE_MANAGER)
    case = open_draft(site, clinician, pseudonym="Wren-1111")
    ask(clinician, case)
    answer = manager.post(f"{person_page(clinician)}/disable")
    assert answer.status_code == 409
    assert "1 open case" in answer.text and "Wren-1111" in answer.text
    assert not disabled(site, clinician)
    page = hand_over(manager, f"{person_page(clinician)}/leave", answer.text, heir)
    assert "can no longer sign in" in page
    assert disabled(site, clinician)
    assert case in heir.get("/").text
    assert {"case:case:handed_over", "site:handover:made"} <= set(site.events())


def test_a_successor_has_to_be_named_and_to_work_there(site: TestSite) -> None:
    clinician, foreign = site.person(), site.person(hcp="CZ01")
    manager = site.person(Role.CENTRE_MANAGER)
    open_draft(site, clinician)
    address = f"{person_page(clinician)}/leave"
    (name,) = selects(manager.get(address).text)
    for heir in ("", str(foreign.actor.user_id), str(clinician.actor.user_id), "nonsense"):
        answer = manager.post(address, {"is_handed_over": "yes", name: heir})
        assert answer.status_code == 422, heir
    assert not disabled(site, clinician)


def test_taking_a_role_away_asks_for_successors_too(site: TestSite) -> None:
    clinician, heir = site.person(), site.person()
    manager = site.person(Role.CENTRE_MANAGER)
    case = open_draft(site, clinician)
    ask(clinician, case)
    role = role_of(site, clinician)
    answer = manager.post(f"{role}/end")
    assert answer.status_code == 409
    assert clinician.get(case).status_code == 200
    hand_over(manager, f"{role}/hand-over", answer.text, heir)
    assert clinician.get(case).status_code in {403, 404}
    assert case in heir.get("/").text


def test_a_role_beside_another_at_the_same_centre_leaves_nothing_behind(site: TestSite) -> None:
    clinician, manager = site.person(), site.person(Role.CENTRE_MANAGER)
    open_draft(site, clinician)
    role = role_of(site, clinician)
    with site.transaction() as session:
        grant = session.scalars(
            select(RoleGrant).where(RoleGrant.user_id == manager.actor.user_id)
        ).one()
        session.add(
            RoleGrant(
                user_id=clinician.actor.user_id, role=Role.CENTRE_MANAGER, hcp_id=grant.hcp_id
            )
        )
    assert manager.post(f"{role}/end").status_code == 303


def test_closed_and_withdrawn_cases_wait_for_nobody(site: TestSite) -> None:
    clinician, manager = site.person(), site.person(Role.CENTRE_MANAGER)
    case = open_draft(site, clinician)
    with site.transaction() as session:
        session.get_one(Case, id_in(case)).withdrawn_at = clock.now()
    assert manager.post(f"{person_page(clinician)}/disable").status_code == 303


def test_the_last_of_a_care_team_is_followed_by_a_successor(site: TestSite) -> None:
    clinician, heir = site.person(), site.person()
    manager = site.person(Role.CENTRE_MANAGER)
    patient = restricted(clinician)
    address = f"{person_page(clinician)}/leave"
    page = manager.get(address).text
    assert "1 restricted patient" in page
    hand_over(manager, address, page, heir)
    assert heir.get(patient).status_code == 200
    assert manager.get(patient).status_code == 404
    assert "Nobody looks after" not in manager.get("/").text


def test_a_care_team_that_has_others_keeps_its_cases_to_itself(site: TestSite) -> None:
    clinician, colleague, outsider = site.person(), site.person(), site.person()
    manager = site.person(Role.CENTRE_MANAGER)
    patient = restricted(clinician, colleague)
    case = open_draft(site, clinician)
    with site.transaction() as session:
        session.get_one(Case, id_in(case)).patient_id = id_in(patient)
    address = f"{person_page(clinician)}/leave"
    page = manager.get(address).text
    assert selects(page) == []
    hand_over(manager, address, page, outsider)
    with site.transaction() as session:
        assert session.get_one(Case, id_in(case)).created_by == colleague.actor.user_id
        living = select(TeamMember.user_id).where(TeamMember.ended_at.is_(None))
        assert session.scalars(living).all() == [colleague.actor.user_id]
    assert outsider.get(patient).status_code == 404


def test_a_request_that_was_returned_is_answered_by_the_successor(site: TestSite) -> None:
    world = World(site, "submitted")
    coordinator, manager = world["coordinator"], world["centre manager"]
    request = f"/requests/{world.values['request_id']}"
    asked = {"reason": "Photos of the hands, please.", "seen": world.seen(ConsultationRequest)}
    coordinator.follow(coordinator.post(f"{request}/return", asked))
    address = f"{person_page(world['professional'])}/leave"
    page = manager.get(address).text
    assert "returned" in page
    hand_over(manager, address, page, manager)
    assert "Photos of the hands" in manager.get("/").text


def test_who_is_gone_without_a_handover_is_told_to_the_manager(site: TestSite) -> None:
    clinician, heir = site.person(name="Dr Gone"), site.person()
    manager = site.person(Role.CENTRE_MANAGER)
    case = open_draft(site, clinician)
    ask(clinician, case)
    with site.transaction() as session:
        session.get_one(User, clinician.actor.user_id).disabled_at = clock.now()
    assert "Dr Gone is no longer here" in manager.get("/").text
    address = f"{person_page(clinician)}/hand-over"
    assert heir.get(address).status_code == 403
    assert site.person(Role.CENTRE_MANAGER, hcp="CZ01").get(address).status_code == 404
    hand_over(manager, address, manager.get(address).text, heir)
    assert "Dr Gone" not in manager.get("/").text
    assert case in heir.get("/").text


def test_where_nobody_else_works_the_account_ends_and_the_cases_wait(site: TestSite) -> None:
    """A stolen key must be cut off whatever waits."""
    clinician = site.person(hcp="BE01", name="Dr Alone")
    admin = site.person(Role.SYSTEM_ADMIN, hcp=None)
    open_draft(site, clinician, hcp="BE01")
    address = f"{person_page(clinician)}/leave"
    page = admin.get(address).text
    assert "Nobody else works at this centre" in page
    admin.follow(admin.post(address, {"is_handed_over": "yes"}))
    assert disabled(site, clinician)
    assert "Dr Alone is no longer here" in admin.get("/").text


@pytest.fixture
def led(site: TestSite) -> World:
    return World(site, "assessment")


def panel(world: World) -> tuple[str, set[tuple[str, str]]]:
    """Who leads it, and who sits on it as what."""
    with world.site.transaction() as session:
        row = session.scalars(select(Panel)).one()
        names = {one.id: one.name for one in session.scalars(select(User))}
        seats = session.scalars(select(PanelMember).where(PanelMember.state == "accepted"))
        return names[row.lead_id], {(names[one.user_id], one.role) for one in seats}


def test_a_panel_in_a_foreign_ern_waits_for_its_coordinator(led: World, site: TestSite) -> None:
    manager = site.person(Role.CENTRE_MANAGER, hcp="NO01")
    address = f"{person_page(led['lead'])}/leave"
    page = manager.get(address).text
    assert "coordinators are told" in page
    assert selects(page) == []
    manager.follow(manager.post(address, {"is_handed_over": "yes"}))
    coordinator = led["coordinator"]
    assert "has no lead" in coordinator.get("/").text
    assert "has no lead" not in led["coordinator of another ERN"].get("/").text
    lead = f"/panels/{led.values['panel_id']}/lead"
    assert "Dr Member" in coordinator.get(lead).text
    assert coordinator.post(lead).status_code == 422
    chosen = {"lead": str(led.id_of("member"))}
    coordinator.follow(coordinator.post(lead, chosen))
    name, seats = panel(led)
    assert name == "Dr Member"
    assert ("Dr Member", "lead") in seats
    assert "Dr Lead" not in {who for who, _ in seats}
    assert "has no lead" not in coordinator.get("/").text
    assert f"/panels/{led.values['panel_id']}" in led["member"].get("/").text


def test_a_panel_that_has_a_lead_keeps_it(led: World) -> None:
    lead = f"/panels/{led.values['panel_id']}/lead"
    chosen = {"lead": str(led.id_of("member"))}
    assert led["coordinator"].post(lead, chosen).status_code == 409
    for name in ("lead", "member", "professional", "coordinator of another ERN"):
        assert led[name].post(lead, chosen).status_code in {403, 404}


def test_seats_on_panels_end_with_the_account(led: World, site: TestSite) -> None:
    manager = site.person(Role.CENTRE_MANAGER, hcp="BE01")
    manager.follow(manager.post(f"{person_page(led['member'])}/disable"))
    _, seats = panel(led)
    assert "Dr Member" not in {who for who, _ in seats}


def test_nobody_else_hands_over(site: TestSite) -> None:
    clinician, colleague = site.person(), site.person()
    open_draft(site, clinician)
    foreign = site.person(Role.CENTRE_MANAGER, hcp="CZ01")
    for person, status in ((colleague, 403), (foreign, 404)):
        for address in (f"{person_page(clinician)}/leave", f"{role_of(site, clinician)}/hand-over"):
            assert person.get(address).status_code == status
            assert person.post(address, {"is_handed_over": "yes"}).status_code == status
