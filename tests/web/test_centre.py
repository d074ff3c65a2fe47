"""The centre's page and the enrolment of a patient."""

from cpms_core.actor import Role
from cpms_core.identity.models import User
from tests import factories
from tests.site import Browser, TestSite
from tests.web.draft import ask, open_draft

NEW = "/centre/patients/new"
SOPHIE = {
    "given_name": "Žofie",
    "family_name": "Nováková-Παπαδοπούλου",
    "birth_date": "2020-07-03",
    "sex": "female",
    "local_record_number": "4711/88",
}


def enrol(person: Browser, **changes: str) -> str:
    answer = person.post(NEW, {**SOPHIE, **changes})
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def test_an_empty_centre_says_what_to_do_first(site: TestSite) -> None:
    page = site.person().get("/centre").text
    assert "No case yet" in page
    assert f'href="{NEW}"' in page


def test_the_centre_lists_its_own_patients_and_cases_only(site: TestSite) -> None:
    clinician, elsewhere = site.person(), site.person(hcp="CZ01")
    ours = open_draft(site, clinician, pseudonym="Wren-1111")
    open_draft(site, elsewhere, pseudonym="Lark-2222", hcp="CZ01")
    ask(clinician, ours)
    page = clinician.get("/centre").text
    assert "Wren-1111" in page and ours in page
    assert "which test next?" in page
    assert "Lark-2222" not in page
    assert site.events()[-1] == "centre:patients:listed"


def test_a_patient_without_the_consent_for_care_is_marked(site: TestSite) -> None:
    clinician = site.person()
    with site.transaction() as session:
        factories.make_patient(session, clinician.actor, consents=())
    assert "No consent for care" in clinician.get("/centre").text


def test_enrolling_says_what_stays_and_what_others_see(site: TestSite) -> None:
    page = site.person().get(NEW).text
    assert "Stays at your centre, encrypted" in page
    assert "year and month of birth" in page


def test_an_enrolled_patient_goes_by_a_pseudonym(site: TestSite) -> None:
    clinician = site.person()
    page = clinician.get(enrol(clinician)).text
    assert "Enrolled as" in page
    assert "Jul 2020" in page
    for secret in ("Žofie", "Nováková", "4711", "3 Jul"):
        assert secret not in page
    assert "centre:patient:enrolled" in site.events()


def test_nothing_of_a_name_stands_in_the_store(site: TestSite) -> None:
    enrol(site.person())
    if site.engine.dialect.name == "sqlite":
        stored = b"".join(path.read_bytes() for path in site.folder.glob("cpms.sqlite3*"))
        assert b"SignInSession" not in stored  # the file is read at all
        assert "Nováková".encode() not in stored
        assert b"4711/88" not in stored


def test_all_errors_come_at_once_and_nothing_typed_is_lost(site: TestSite) -> None:
    answer = site.person().post(NEW, {"given_name": "Anna-Λυδία", "birth_date": "3 July"})
    assert answer.status_code == 422
    assert "3 things have" in answer.text
    for name in ("family_name", "birth_date", "sex"):
        assert f'href="#{name}"' in answer.text
    assert 'value="Anna-Λυδία"' in answer.text
    assert 'value="3 July"' in answer.text
    assert site.events() == []


def test_a_double_enrolment_asks_and_goes_on_when_confirmed(site: TestSite) -> None:
    clinician = site.person()
    enrol(clinician)
    again = {**SOPHIE, "given_name": "ZOFIE", "local_record_number": ""}
    answer = clinician.post(NEW, again)
    assert answer.status_code == 409
    assert "has enrolled a patient with this name and birth date before" in answer.text
    assert 'name="is_double_meant"' in answer.text
    assert 'value="ZOFIE"' in answer.text
    assert enrol(clinician, is_double_meant="yes")
    assert site.events().count("centre:patient:enrolled") == 2


def test_another_centre_learns_nothing_of_a_double(site: TestSite) -> None:
    enrol(site.person())
    assert site.person(hcp="CZ01").post(NEW, SOPHIE).status_code == 303


def test_who_works_at_two_centres_chooses_one(site: TestSite) -> None:
    clinician = site.person()
    with site.transaction() as session:
        user = session.get_one(User, clinician.actor.user_id)
        factories.give_role(session, user, Role.PROFESSIONAL, hcp="CZ01")
        prague = str(factories.hcp_id(session, "CZ01"))
    clinician = site.sign_in_again(clinician.actor.user_id)
    assert 'name="centre"' in clinician.get(NEW).text
    assert "Choose the centre" in clinician.post(NEW, SOPHIE).text
    enrol(clinician, centre=prague)
    assert "No patient yet" not in site.person(hcp="CZ01").get("/centre").text


def test_a_foreign_centre_cannot_be_chosen(site: TestSite) -> None:
    with site.transaction() as session:
        foreign = str(factories.hcp_id(session, "CZ01"))
    clinician = site.person()
    enrol(clinician, centre=foreign)
    assert "No patient yet" in site.person(hcp="CZ01").get("/centre").text
