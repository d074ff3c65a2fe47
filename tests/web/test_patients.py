"""A patient's page: consents, who it is, and new cases."""

import re
from typing import Any
from uuid import uuid4

from cpms_core.actor import Role
from cpms_core.clock import clock
from tests import factories
from tests.site import Browser, TestSite
from tests.web.draft import open_draft
from tests.web.test_centre import enrol

CARE = {
    "kind": "care",
    "form_version": "2.1 of 2024",
    "language": "French",
    "signer": "parent",
    "given_on": "2026-01-04",
    "original_at": "paper file, ward 3",
}


def patient_of(site: TestSite, person: Browser, **values: Any) -> str:
    with site.transaction() as session:
        return f"/patients/{factories.make_patient(session, person.actor, **values).id}"


def withdrawal_in(page: str) -> str:
    found = re.search(r"/patients/[^\"]*/withdraw", page)
    assert found
    return found[0]


def test_no_case_without_the_consent_for_care(site: TestSite) -> None:
    clinician = site.person()
    patient = patient_of(site, clinician, consents=())
    assert "once the consent for care is recorded" in clinician.get(patient).text
    answer = clinician.post(f"{patient}/cases")
    assert answer.status_code == 403
    assert "consent for care" in answer.text


def test_a_recorded_consent_opens_the_way_to_a_case(site: TestSite) -> None:
    clinician = site.person()
    patient = patient_of(site, clinician, consents=())
    page = clinician.follow(clinician.post(f"{patient}/consents", CARE)).text
    assert "paper file, ward 3" in page and "4 Jan 2026" in page
    answer = clinician.post(f"{patient}/cases")
    assert "The case is open" in clinician.follow(answer).text
    assert "centre:consent:recorded" in site.events() and "case:case:opened" in site.events()


def test_an_incomplete_consent_names_every_gap_and_keeps_the_rest(site: TestSite) -> None:
    clinician = site.person()
    patient = patient_of(site, clinician, consents=())
    answer = clinician.post(
        f"{patient}/consents", {"kind": "care", "language": "Ελληνικά", "given_on": "2099-01-01"}
    )
    assert answer.status_code == 422
    assert "4 things have" in answer.text
    assert 'value="Ελληνικά"' in answer.text
    assert "This day has not come yet." in answer.text


def test_a_consent_of_long_ago_is_a_slip_of_the_pen(site: TestSite) -> None:
    clinician = site.person()
    patient = patient_of(site, clinician, consents=())
    earliest = clock.today().year - 120
    answer = clinician.post(f"{patient}/consents", {**CARE, "given_on": f"{earliest - 1}-12-31"})
    assert answer.status_code == 422
    assert f"Enter a date between {earliest} and today." in answer.text
    assert 'value="paper file, ward 3"' in answer.text
    answer = clinician.post(f"{patient}/consents", {**CARE, "given_on": f"{earliest}-01-01"})
    assert answer.status_code == 303


def test_one_kind_of_consent_is_recorded_once(site: TestSite) -> None:
    clinician = site.person()
    answer = clinician.post(f"{patient_of(site, clinician)}/consents", CARE)
    assert answer.status_code == 422
    assert "already recorded" in answer.text


def test_a_form_sent_twice_opens_one_case(site: TestSite) -> None:
    clinician = site.person()
    patient = patient_of(site, clinician)
    first = clinician.post(f"{patient}/cases", {"_once": "abc"}).headers["location"]
    assert clinician.post(f"{patient}/cases", {"_once": "abc"}).headers["location"] == first
    assert site.events().count("case:case:opened") == 1


def test_withdrawing_shows_its_effect_first(site: TestSite) -> None:
    clinician = site.person()
    case = open_draft(site, clinician)
    patient = re.search(r"/patients/[0-9a-f-]+", clinician.get(case).text)
    assert patient
    preview = withdrawal_in(clinician.get(patient[0]).text)
    page = clinician.get(preview).text
    assert "1 case of this patient can no longer be changed or sent" in page
    assert "nobody loses sight" in page
    page = clinician.follow(clinician.post(preview)).text
    assert "Receipt: a consent was withdrawn" in page
    page = clinician.get(patient[0]).text
    assert "withdrawn" in page
    assert "No case" in page or "once the consent for care is recorded" in page
    assert "consent for care is missing" in clinician.get(case).text
    assert clinician.get(preview).status_code == 409


def test_the_centre_manager_looks_up_a_name_and_the_audit_knows(site: TestSite) -> None:
    patient = enrol(site.person())
    manager = site.person(Role.CENTRE_MANAGER)
    answer = manager.post(f"{patient}/identity")
    for part in ("Žofie", "Nováková-Παπαδοπούλου", "3 Jul 2020", "4711/88"):
        assert part in answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert site.events()[-1] == "centre:identity:read"
    assert "Žofie" not in manager.get(patient).text


def test_a_professional_does_not_look_up_names(site: TestSite) -> None:
    clinician = site.person()
    patient = enrol(clinician)
    assert "Only your centre manager" in clinician.get(patient).text
    assert clinician.post(f"{patient}/identity").status_code == 403
    assert "centre:identity:read" not in site.events()


def test_another_centre_finds_no_such_patient(site: TestSite) -> None:
    patient = enrol(site.person())
    for role in (Role.PROFESSIONAL, Role.CENTRE_MANAGER):
        foreign = site.person(role, hcp="CZ01")
        assert foreign.get(patient).status_code == 404
        assert foreign.post(f"{patient}/consents", CARE).status_code == 404
        assert foreign.post(f"{patient}/cases").status_code == 404
    assert (
        site.person(Role.CENTRE_MANAGER, hcp="CZ01").post(f"{patient}/identity").status_code == 404
    )


def test_an_unknown_patient_and_an_unknown_consent_are_not_there(site: TestSite) -> None:
    clinician = site.person()
    patient = patient_of(site, clinician)
    assert clinician.get(f"/patients/{uuid4()}").status_code == 404
    assert clinician.get(f"{patient}/consents/{uuid4()}/withdraw").status_code == 404
    assert clinician.post(f"{patient}/consents/{uuid4()}/withdraw").status_code == 404
