"""A patient who is restricted to a care team, over HTTP."""

import re
from uuid import UUID

from sqlalchemy import select

from cpms_core.access import Standing
from cpms_core.actor import Role
from cpms_core.cases.models import Attachment
from cpms_core.cases.scope import share_with_expert
from cpms_core.clock import clock
from cpms_core.identity.models import User
from cpms_core.patients.models import Patient, TeamMember
from tests.site import Browser, TestSite
from tests.web.draft import ask, open_draft
from tests.web.test_centre import SOPHIE, enrol


def restricted(clinician: Browser, *others: Browser, **changes: str) -> str:
    """The address of a patient whom this clinician has restricted."""
    patient = enrol(clinician, **changes)
    team = {"team": [str(other.actor.user_id) for other in others]}
    clinician.follow(clinician.post(f"{patient}/team", team))
    return patient


def id_in(address: str) -> UUID:
    return UUID(re.findall(r"[0-9a-f-]{36}", address)[-1])


def pseudonym(site: TestSite, patient: str) -> str:
    with site.transaction() as session:
        return session.get_one(Patient, id_in(patient)).pseudonym


def test_restricting_tells_first_who_loses_sight(site: TestSite) -> None:
    clinician = site.person(name="Dr Clara")
    site.person(name="Dr Colleague")
    patient = enrol(clinician)
    assert "1 colleague" in clinician.get(patient).text
    preview = clinician.get(f"{patient}/team").text
    assert "loses sight" in preview and "Dr Colleague" in preview


def test_only_the_team_finds_a_restricted_patient(site: TestSite) -> None:
    clinician, colleague = site.person(), site.person()
    manager = site.person(Role.CENTRE_MANAGER)
    case = open_draft(site, clinician)
    ask(clinician, case)
    page = clinician.get(case).text
    found = re.search(r"/patients/[0-9a-f-]+", page)
    assert found
    patient = found[0]
    name = pseudonym(site, patient)
    assert name in colleague.get("/centre").text
    clinician.follow(clinician.post(f"{patient}/team"))
    for other in (colleague, manager):
        assert name not in other.get("/centre").text
        assert case not in other.get(f"/search?q={name}").text
        for address in (patient, case, f"{patient}/team", f"{case}/submit"):
            assert other.get(address).status_code == 404, address
        for address in (f"{patient}/cases", f"{patient}/team", f"{case}/export.json"):
            assert other.post(address).status_code == 404, address
        assert other.post(f"{patient}/identity").status_code in {403, 404}
        assert ask(other, case).status_code == 404
        assert name not in other.get("/audit/mine").text
    assert name in clinician.get("/centre").text
    assert case in clinician.get(f"/search?q={name}").text


def test_a_member_of_the_team_sees_the_patient_and_a_removed_one_does_not(site: TestSite) -> None:
    clinician, colleague = site.person(), site.person(name="Dr Colleague")
    patient = restricted(clinician, colleague)
    assert colleague.get(patient).status_code == 200
    page = clinician.follow(clinician.post(f"{patient}/team/{colleague.actor.user_id}/remove"))
    assert "closed to them" in page.text
    assert colleague.get(patient).status_code == 404
    again = {"person": str(colleague.actor.user_id)}
    assert clinician.post(f"{patient}/team/add", again).status_code == 303
    assert colleague.get(patient).status_code == 200
    for event in ("centre:patient:restricted", "centre:team:left", "centre:team:joined"):
        assert event in site.events()


def test_the_last_member_cannot_be_removed(site: TestSite) -> None:
    clinician, colleague = site.person(), site.person()
    patient = restricted(clinician, colleague)
    with site.transaction() as session:
        session.get_one(User, colleague.actor.user_id).disabled_at = clock.now()
    answer = clinician.post(f"{patient}/team/{clinician.actor.user_id}/remove")
    assert answer.status_code == 422
    assert "last member" in answer.text
    assert clinician.get(patient).status_code == 200


def test_whoever_leaves_the_team_loses_sight_at_once(site: TestSite) -> None:
    clinician, colleague = site.person(), site.person()
    patient = restricted(clinician, colleague)
    page = clinician.follow(clinician.post(f"{patient}/team/{clinician.actor.user_id}/remove"))
    assert "no longer on the team" in page.text
    assert clinician.get(patient).status_code == 404


def test_nobody_of_another_centre_is_put_on_a_team(site: TestSite) -> None:
    clinician, foreign = site.person(), site.person(hcp="CZ01")
    patient = restricted(clinician)
    answer = clinician.post(f"{patient}/team/add", {"person": str(foreign.actor.user_id)})
    assert answer.status_code == 422
    assert foreign.get(patient).status_code == 404


def test_a_manager_puts_nobody_on_the_team_not_even_the_manager(site: TestSite) -> None:
    clinician, manager = site.person(), site.person(Role.CENTRE_MANAGER)
    patient = restricted(clinician)
    own = {"person": str(manager.actor.user_id), "team": str(manager.actor.user_id)}
    for address in (f"{patient}/team/add", f"{patient}/new-team", f"{patient}/team/open"):
        assert manager.post(address, own).status_code == 404
    assert patient not in manager.get("/").text


def test_a_team_that_nobody_is_left_of_waits_for_the_manager(site: TestSite) -> None:
    clinician, heir = site.person(), site.person()
    manager = site.person(Role.CENTRE_MANAGER)
    patient = restricted(clinician)
    with site.transaction() as session:
        for grant in session.get_one(User, clinician.actor.user_id).roles:
            grant.revoked_at = clock.now()
    assert "Nobody looks after" in manager.get("/").text
    assert "Nobody looks after" not in heir.get("/").text
    assert heir.get(f"{patient}/new-team").status_code == 403
    assert manager.get(f"{patient}/new-team").status_code == 200
    assert manager.post(f"{patient}/new-team").status_code == 422
    chosen = {"team": str(heir.actor.user_id)}
    manager.follow(manager.post(f"{patient}/new-team", chosen))
    assert heir.get(patient).status_code == 200
    assert manager.get(patient).status_code == 404
    assert "Nobody looks after" not in manager.get("/").text
    assert "centre:team:renewed" in site.events()


def test_opening_it_again_shows_the_patient_to_the_centre(site: TestSite) -> None:
    clinician, colleague = site.person(), site.person()
    patient = restricted(clinician)
    clinician.follow(clinician.post(f"{patient}/team/open"))
    assert colleague.get(patient).status_code == 200
    with site.transaction() as session:
        living = select(TeamMember.id).where(TeamMember.ended_at.is_(None))
        assert session.scalars(living).all() == []


def test_enrolling_tells_nothing_of_a_restricted_patient(site: TestSite) -> None:
    clinician, colleague = site.person(), site.person()
    restricted(clinician)
    assert clinician.post("/centre/patients/new", SOPHIE).status_code == 409
    assert colleague.post("/centre/patients/new", SOPHIE).status_code == 303


def test_the_list_of_readers_names_the_team_only(site: TestSite) -> None:
    clinician = site.person(name="Dr Clara")
    site.person(name="Dr Colleague")
    case = open_draft(site, clinician)
    assert "Dr Colleague" in clinician.get(case).text
    with site.transaction() as session:
        patient = session.scalars(select(Patient)).one()
        address = f"/patients/{patient.id}"
    clinician.post(f"{address}/team")
    page = clinician.get(case).text
    assert "Dr Colleague" not in page and "care team" in page


def test_a_colleague_on_the_panel_sees_no_held_file_of_a_restricted_patient(
    site: TestSite,
) -> None:
    """Only as much as an expert from anywhere."""
    clinician, colleague = site.person(), site.person()
    case = open_draft(site, clinician)
    with site.transaction() as session:
        session.add(
            Attachment(
                case_id=id_in(case),
                sha256="0" * 64,
                size=1,
                media_type="application/pdf",
                viewer="document",
                name="Held file",
                held="It may name the patient.",
                added_by=clinician.actor.user_id,
            )
        )
        share_with_expert(session, id_in(case), colleague.actor.user_id, Standing.MEMBER)
        patient = session.scalars(select(Patient)).one()
        address = f"/patients/{patient.id}"
    assert "Held file" in colleague.get(case).text
    clinician.post(f"{address}/team")
    page = colleague.get(case)
    assert page.status_code == 200
    assert "Held file" not in page.text
    assert "Held file" in clinician.get(case).text
