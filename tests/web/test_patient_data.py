"""What is kept of a patient: put right, kept longer, looked at when its day has come."""

import re
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

import pytest

from cpms_core.actor import Role
from cpms_core.cases.retention import later
from cpms_core.clock import clock
from cpms_core.patients.models import Patient
from tests import factories
from tests.site import Browser, TestSite
from tests.web.test_centre import enrol
from tests.web.test_patient_list import LIST, shown
from tests.web.test_patients import patient_of

NAME = {
    "given_name": "Sofie",
    "family_name": "Nová",
    "birth_date": "2021-02-03",
    "local_record_number": "4711/88",
}


def test_the_manager_corrects_who_it_is_and_year_and_month_follow(site: TestSite) -> None:
    patient = enrol(site.person())
    manager = site.person(Role.CENTRE_MANAGER)
    page = manager.post(f"{patient}/identity").text
    assert "Correct it" in page and 'value="2020-07-03"' in page
    page = manager.follow(manager.post(f"{patient}/identity/correct", NAME)).text
    assert "was corrected" in page and "Nová" not in page
    assert "Feb 2021" in manager.get(patient).text
    page = manager.post(f"{patient}/identity").text
    assert "Nová" in page and "3 Feb 2021" in page and "Žofie" not in page


def test_the_audit_tells_who_corrected_what_and_never_what_stood_there(site: TestSite) -> None:
    patient = enrol(site.person())
    manager = site.person(Role.CENTRE_MANAGER)
    manager.post(f"{patient}/identity/correct", {**NAME, "birth_date": "2020-07-03"})
    audit = manager.get("/audit?kind=centre:patient:corrected").text
    assert re.search("what given.name family.name", audit, re.IGNORECASE)
    for text in ("Sofie", "Nová", "Žofie"):
        assert text not in audit


def test_a_corrected_name_is_found_when_the_person_is_enrolled_again(site: TestSite) -> None:
    clinician, manager = site.person(), site.person(Role.CENTRE_MANAGER)
    patient = enrol(clinician)
    manager.post(f"{patient}/identity/correct", NAME)
    again = clinician.post("/centre/patients/new", {**NAME, "sex": "female"})
    assert again.status_code == 409


def test_a_name_is_corrected_by_the_manager_alone_and_with_the_key(site: TestSite) -> None:
    clinician = site.person()
    patient = enrol(clinician)
    address = f"{patient}/identity/correct"
    assert clinician.post(address, NAME).status_code == 403
    assert site.person(Role.CENTRE_MANAGER, hcp="CZ01").post(address, NAME).status_code == 404
    manager = site.person(Role.CENTRE_MANAGER)
    assert manager.post(address, NAME, touches=False).status_code == 403
    answer = manager.post(address, {**NAME, "family_name": "", "birth_date": "2099-01-01"})
    assert answer.status_code == 422
    assert 'value="Sofie"' in answer.text and "2 things have" in answer.text
    assert manager.post(address, NAME).status_code == 303
    assert manager.post(address, NAME).status_code == 409


def test_an_imported_patient_can_be_given_a_name(site: TestSite) -> None:
    manager = site.person(Role.CENTRE_MANAGER)
    patient = patient_of(site, manager)
    assert "Enter who it is" in manager.get(f"{patient}/data").text
    assert manager.post(f"{patient}/identity/correct", NAME).status_code == 303
    assert "Nová" in manager.post(f"{patient}/identity").text


def test_sex_year_and_month_are_corrected_by_whoever_enrols(site: TestSite) -> None:
    clinician = site.person()
    patient = patient_of(site, clinician)
    form = {"sex": "male", "birth_year": "2018", "birth_month": "11"}
    page = clinician.follow(clinician.post(f"{patient}/facts", form)).text
    assert "Corrected" in page
    page = clinician.get(patient).text
    assert "Male" in page and "Nov 2018" in page
    assert site.events().count("centre:patient:corrected") == 1


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"sex": "both"}, "Choose one."),
        ({"birth_year": "2999"}, "Enter a year between"),
        ({"birth_month": "13"}, "Enter a number from 1 to 12."),
        ({"birth_month": "13x"}, "Enter a number."),
        ({"birth_year": ""}, "A month alone says nothing"),
    ],
)
def test_facts_that_cannot_be_are_refused(site: TestSite, wrong: dict[str, str], said: str) -> None:
    clinician = site.person()
    patient = patient_of(site, clinician)
    form = {"sex": "male", "birth_year": "2018", "birth_month": "11", **wrong}
    answer = clinician.post(f"{patient}/facts", form)
    assert answer.status_code == 422 and said in answer.text
    assert "centre:patient:corrected" not in site.events()


def test_year_and_month_of_a_named_patient_follow_the_birth_date_only(site: TestSite) -> None:
    clinician = site.person()
    patient = enrol(clinician)
    assert 'name="birth_year"' not in clinician.get(f"{patient}/data").text
    form = {"sex": "male", "birth_year": "1990", "birth_month": "1"}
    clinician.post(f"{patient}/facts", form)
    assert "Jul 2020" in clinician.get(patient).text


def move_clock_to(day: date, at: time = time(12)) -> None:
    then = datetime.combine(day, at, UTC)
    clock.offset += then - clock.now()


def due(manager: Browser) -> list[str]:
    return shown(manager.get(f"{LIST}?show=due").text)


def test_exactly_those_whose_day_has_come_are_to_be_looked_at(site: TestSite) -> None:
    manager = site.person(Role.CENTRE_MANAGER)
    today = clock.today()
    with site.transaction() as session:
        for name, day in (
            ("Wren-1001", later(today, -15)),
            ("Wren-1002", later(today, -15) + timedelta(days=1)),
            ("Wren-1003", later(today, -15) - timedelta(days=1)),
        ):
            when = datetime.combine(day, time(23, 59), UTC)
            factories.make_patient(
                session, manager.actor, pseudonym=name, consents=(), created_at=when
            )
        set_by_hand = factories.make_patient(session, manager.actor, pseudonym="Wren-1004")
        set_by_hand.retain_until = today
        later_on = factories.make_patient(session, manager.actor, pseudonym="Wren-1005")
        later_on.retain_until = today + timedelta(days=1)
    assert set(due(manager)) == {"Wren-1001", "Wren-1003", "Wren-1004"}
    assert "To look at" in manager.get(LIST).text


def test_what_happens_in_a_case_makes_the_time_begin_anew(site: TestSite) -> None:
    manager = site.person(Role.CENTRE_MANAGER)
    long_ago = clock.now() - timedelta(days=16 * 366)
    with site.transaction() as session:
        patient = factories.make_patient(
            session, manager.actor, pseudonym="Wren-1001", created_at=long_ago
        )
        case = factories.make_case(session, manager.actor, patient)
        case.created_at = long_ago
    assert due(manager) == ["Wren-1001"]
    with site.transaction() as session:
        session.get_one(type(case), case.id).closed_at = clock.now()
    assert due(manager) == []


def test_the_manager_decides_to_keep_on_and_can_go_back_to_the_rule(site: TestSite) -> None:
    manager = site.person(Role.CENTRE_MANAGER)
    patient = patient_of(site, manager, pseudonym="Wren-1001")
    with site.transaction() as session:
        row = session.get_one(Patient, UUID(patient.rpartition("/")[2]))
        row.retain_until = clock.today()
    assert due(manager) == ["Wren-1001"]
    until = later(clock.today(), 5)
    page = manager.follow(manager.post(f"{patient}/keep", {"retain_until": until.isoformat()})).text
    assert "as your centre has set it" in page
    assert due(manager) == []
    page = manager.follow(manager.post(f"{patient}/keep", {"retain_until": ""})).text
    assert "15 years after the last thing" in page
    assert site.events().count("centre:retention:changed") == 2


def test_a_day_that_is_over_or_beyond_all_measure_is_refused(site: TestSite) -> None:
    manager = site.person(Role.CENTRE_MANAGER)
    patient = patient_of(site, manager)
    for day in (clock.today().isoformat(), "9999-12-31", "soon"):
        answer = manager.post(f"{patient}/keep", {"retain_until": day})
        assert answer.status_code == 422, day
    assert site.person().post(f"{patient}/keep", {"retain_until": ""}).status_code == 403


def test_home_tells_the_manager_whom_to_look_at_and_whom_to_ask_again(site: TestSite) -> None:
    manager, clinician = site.person(Role.CENTRE_MANAGER), site.person()
    with site.transaction() as session:
        kept = factories.make_patient(session, clinician.actor)
        kept.retain_until = clock.today()
        grown = factories.make_patient(session, clinician.actor)
        grown.consents[0].recontact_on = clock.today()
    home = manager.get("/").text
    assert "1 patient to look at" in home and f"{LIST}?show=due" in home
    home = clinician.get("/").text
    assert "to look at" not in home
    assert re.search(r"1 patient to be asked again", home) and f"{LIST}?show=ask_again" in home
