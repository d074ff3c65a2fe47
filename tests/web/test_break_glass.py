"""Break the glass: who may, what it opens, who is told, and that it ends."""

from datetime import timedelta
from typing import Any

from httpx import Response
from sqlalchemy import select, update

from cpms_core.actor import Role
from cpms_core.audit import AuditEvent
from cpms_core.clock import clock
from cpms_core.identity.models import RoleGrant
from cpms_core.patients.models import BrokenGlass
from tests.site import Browser, TestSite
from tests.web.draft import ask
from tests.web.test_care_teams import pseudonym, restricted
from tests.web.test_centre import SOPHIE, enrol

WHY = "Seizure in the emergency room."
SOPHIE_BY_NAME = {
    "given_name": "zofie",
    "family_name": "Novakova Παπαδοπούλου",
    "birth_date": SOPHIE["birth_date"],
}


def break_glass(person: Browser, reason: str = WHY, **wanted: str) -> Response:
    return person.post("/centre/emergency", {"reason": reason, **wanted})


def open_case(clinician: Browser, patient: str) -> str:
    consent = {
        "kind": "care",
        "form_version": "2.1",
        "language": "French",
        "signer": "parent",
        "given_on": "2026-01-04",
        "original_at": "paper file",
    }
    clinician.post(f"{patient}/consents", consent)
    case = clinician.post(f"{patient}/cases").headers["location"]
    ask(clinician, case)
    return case


def let_pass(site: TestSite, time: timedelta) -> None:
    """As if every glass had been broken so long ago."""
    with site.transaction() as session:
        for glass in session.scalars(select(BrokenGlass)):
            glass.broken_at -= time
            glass.until -= time


def details(site: TestSite, tag: str) -> list[dict[str, Any]]:
    with site.transaction() as session:
        events = select(AuditEvent.detail).where(AuditEvent.tag == tag)
        return list(session.scalars(events.order_by(AuditEvent.id)))


def test_a_colleague_reads_one_restricted_patient_and_nothing_more(site: TestSite) -> None:
    clinician, doctor = site.person(), site.person()
    patient, other = restricted(clinician), restricted(clinician, given_name="Eva")
    case = open_case(clinician, patient)
    assert doctor.get(patient).status_code == 404
    page = doctor.follow(break_glass(doctor, pseudonym=pseudonym(site, patient).lower()))
    assert "Open to you for an hour" in page.text
    assert "nothing can be changed" in page.text
    assert doctor.get(case).status_code == 200
    assert doctor.get(other).status_code == 404
    for address in (f"{patient}/cases", f"{case}/export.json", f"{patient}/team/open"):
        assert doctor.post(address).status_code == 403, address
    assert ask(doctor, case, _base="1").status_code == 403
    assert doctor.get(f"{patient}/team").status_code == 403
    assert pseudonym(site, patient) not in doctor.get("/centre").text


def test_it_ends_by_itself(site: TestSite) -> None:
    clinician, doctor = site.person(), site.person()
    patient = restricted(clinician)
    break_glass(doctor, pseudonym=pseudonym(site, patient))
    let_pass(site, timedelta(minutes=59))
    assert doctor.get(patient).status_code == 200
    let_pass(site, timedelta(minutes=2))
    assert doctor.get(patient).status_code == 404


def test_it_ends_with_the_role_at_the_centre(site: TestSite) -> None:
    clinician, doctor = site.person(), site.person()
    patient = restricted(clinician)
    break_glass(doctor, pseudonym=pseudonym(site, patient))
    with site.transaction() as session:
        own = RoleGrant.user_id == doctor.actor.user_id
        session.execute(update(RoleGrant).where(own).values(revoked_at=clock.now()))
    assert doctor.get(patient).status_code in {403, 404}


def test_it_is_neither_repeated_nor_lengthened_and_a_later_one_is_told_again(
    site: TestSite,
) -> None:
    clinician, doctor = site.person(), site.person(name="Dr Doctor")
    patient = restricted(clinician)
    name = pseudonym(site, patient)
    break_glass(doctor, pseudonym=name)
    with site.transaction() as session:
        until = session.scalars(select(BrokenGlass.until)).one()
    answer = break_glass(doctor, pseudonym=name)
    assert answer.status_code == 409
    assert "not lengthened" in answer.text
    with site.transaction() as session:
        assert session.scalars(select(BrokenGlass.until)).one() == until
    let_pass(site, timedelta(hours=2))
    doctor.follow(break_glass(doctor, pseudonym=name))
    assert clinician.get("/").text.count("Dr Doctor opened") == 2


def test_a_reason_and_a_touch_of_the_key_are_needed(site: TestSite) -> None:
    clinician, doctor = site.person(), site.person()
    patient = restricted(clinician)
    name = pseudonym(site, patient)
    form = {"pseudonym": name, "reason": WHY}
    answer = doctor.post("/centre/emergency", form, touches=False)
    assert answer.status_code == 403
    assert "security key" in answer.text
    for reason in ("", "...........", "x" * 501):
        answer = break_glass(doctor, reason, pseudonym=name)
        assert answer.status_code == 422
        assert name in answer.text
    assert doctor.get(patient).status_code == 404


def test_the_team_and_the_manager_are_told_until_each_has_seen_it(site: TestSite) -> None:
    clinician, colleague = site.person(), site.person()
    doctor, manager = site.person(name="Dr Doctor"), site.person(Role.CENTRE_MANAGER)
    patient = restricted(clinician)
    name = pseudonym(site, patient)
    break_glass(doctor, pseudonym=name)
    for person in (clinician, manager):
        page = person.get("/").text
        assert f"Dr Doctor opened {name} in an emergency" in page
        assert WHY in page
    for person in (colleague, doctor, site.person(Role.CENTRE_MANAGER, hcp="CZ01")):
        assert "in an emergency" not in person.get("/").text
    assert WHY in clinician.get(patient).text
    with site.transaction() as session:
        told = f"/emergencies/{session.scalars(select(BrokenGlass.id)).one()}"
    assert WHY in manager.get(told).text
    assert colleague.get(told).status_code == 404
    assert colleague.post(f"{told}/seen").status_code == 404
    manager.follow(manager.post(f"{told}/seen"))
    assert "Dr Doctor opened" not in manager.get("/").text
    assert "Dr Doctor opened" in clinician.get("/").text


def test_the_patient_is_found_by_name_and_birth_date(site: TestSite) -> None:
    clinician, doctor = site.person(), site.person()
    patient = restricted(clinician)
    answer = break_glass(doctor, **SOPHIE_BY_NAME)
    assert answer.headers["location"] == patient
    assert doctor.get(patient).status_code == 200
    assert doctor.post(f"{patient}/identity").status_code == 403


def test_who_is_not_there_is_not_found_and_the_search_is_kept(site: TestSite) -> None:
    doctor = site.person()
    patient = restricted(site.person(hcp="CZ01"))
    for wanted in (SOPHIE_BY_NAME, {"pseudonym": pseudonym(site, patient)}):
        answer = break_glass(doctor, **wanted)
        assert answer.status_code == 422
        assert "No patient of your centre fits" in answer.text
    assert site.events().count("centre:emergency:sought") == 2
    assert doctor.get(patient).status_code == 404


def test_names_are_not_tried_one_after_the_other(site: TestSite) -> None:
    doctor = site.person()
    tries = [break_glass(doctor, pseudonym=f"Wren-{1000 + number}") for number in range(11)]
    assert [answer.status_code for answer in tries] == [422] * 10 + [429]


def test_others_may_not(site: TestSite) -> None:
    patient = restricted(site.person())
    for role in (Role.GUEST, Role.SYSTEM_ADMIN, Role.RESEARCHER):
        person = site.person(role, hcp="FR00" if role is Role.GUEST else None)
        assert break_glass(person, pseudonym=pseudonym(site, patient)).status_code == 403
        assert person.post(f"{patient}/emergency", {"reason": WHY}).status_code == 403


def test_an_identity_is_opened_in_an_emergency_and_the_enroller_is_told(site: TestSite) -> None:
    clinician, doctor = site.person(), site.person(name="Dr Doctor")
    patient = enrol(clinician)
    assert doctor.post(f"{patient}/identity").status_code == 403
    assert doctor.get(f"{patient}/emergency").status_code == 200
    doctor.follow(doctor.post(f"{patient}/emergency", {"reason": WHY}))
    assert "Žofie" in doctor.post(f"{patient}/identity").text
    assert "Dr Doctor opened who" in clinician.get("/").text
    assert details(site, "centre:identity:read") == [{"purpose": "BTG"}]
    let_pass(site, timedelta(hours=1))
    assert doctor.post(f"{patient}/identity").status_code == 403


def test_a_name_that_leads_to_an_open_patient_is_told_as_an_identity(site: TestSite) -> None:
    clinician, doctor = site.person(), site.person(name="Dr Doctor")
    patient = enrol(clinician)
    assert break_glass(doctor, **SOPHIE_BY_NAME).headers["location"] == patient
    assert "Dr Doctor opened who" in clinician.get("/").text
    manager = site.person(Role.CENTRE_MANAGER)
    assert break_glass(manager, **SOPHIE_BY_NAME).headers["location"] == patient
    with site.transaction() as session:
        assert session.scalars(select(BrokenGlass.opens)).all() == ["identity"]


def test_all_that_is_read_meanwhile_is_marked_in_the_audit(site: TestSite) -> None:
    clinician, doctor = site.person(), site.person()
    patient = restricted(clinician)
    case = open_case(clinician, patient)
    break_glass(doctor, pseudonym=pseudonym(site, patient))
    doctor.get(case)
    doctor.get(patient)
    assert details(site, "centre:emergency:begun") == [{"purpose": "BTG", "opens": "record"}]
    assert details(site, "case:case:read")[-1] == {"purpose": "BTG"}
    clinician.get(case)
    assert details(site, "case:case:read")[-1] == {}


def test_the_list_of_readers_names_whoever_broke_the_glass(site: TestSite) -> None:
    clinician, doctor = site.person(), site.person(name="Dr Doctor")
    patient = restricted(clinician)
    case = open_case(clinician, patient)
    break_glass(doctor, pseudonym=pseudonym(site, patient))
    assert "opened it in an emergency" in clinician.get(case).text
    let_pass(site, timedelta(hours=1))
    assert "opened it in an emergency" not in clinician.get(case).text
