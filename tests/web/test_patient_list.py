"""All patients of a centre: found, narrowed, sorted; doubles, and making one of two."""

import re
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from cpms_core.actor import Role
from cpms_core.cases.models import Case
from cpms_core.clock import clock
from cpms_core.patients.models import Consent, Patient, TeamMember
from cpms_core.patients.service import Enrolment, enrol_patient
from cpms_core.patients.vault import Identity
from tests import factories
from tests.site import Browser, TestSite
from tests.web.test_patients import CARE

LIST = "/centre/patients"


def shown(page: str) -> list[str]:
    """The pseudonyms of the table, in its order."""
    return re.findall(r'<a href="/patients/[0-9a-f-]+"><strong>([^<]+)</strong></a> <span', page)


def enrol(site: TestSite, person: Browser, family: str = "Nováková", **values: Any) -> Patient:
    identity = Identity(given_name="Anna", family_name=family, birth_date=date(2020, 3, 4))
    hcp = values.pop("hcp", "FR10")
    with site.transaction() as session:
        return enrol_patient(
            session,
            person.actor,
            site.live.key,
            factories.hcp_id(session, hcp),
            Enrolment(identity=identity, sex="female", is_double_meant=True),
        )


def consent(site: TestSite, patient: Patient, person: Browser, **values: Any) -> None:
    with site.transaction() as session:
        session.add(
            Consent(
                patient_id=patient.id,
                kind=values.pop("kind", "care"),
                form_version="2024",
                language="fr",
                signer="parent",
                given_on=date(2026, 1, 1),
                original_at="paper file",
                recorded_by=person.actor.user_id,
                **values,
            )
        )


def test_patients_are_found_by_a_part_of_the_pseudonym(site: TestSite) -> None:
    clinician = site.person()
    with site.transaction() as session:
        for name in ("Wren-1111", "Wren-2222", "Heron-1111"):
            factories.make_patient(session, clinician.actor, pseudonym=name)
        factories.make_patient(session, clinician.actor, hcp="CZ01", pseudonym="Wren-9999")
    assert set(shown(clinician.get(f"{LIST}?q=wren").text)) == {"Wren-1111", "Wren-2222"}
    assert shown(clinician.get(f"{LIST}?q=%25").text) == []


def test_patients_are_sorted_by_pseudonym_and_by_enrolment(site: TestSite) -> None:
    clinician = site.person()
    names = ["Wren-1111", "avocet-1111", "Heron-1111"]
    with site.transaction() as session:
        for days, name in enumerate(names):
            when = clock.now() + timedelta(days=days)
            factories.make_patient(session, clinician.actor, pseudonym=name, created_at=when)
    by_name = ["avocet-1111", "Heron-1111", "Wren-1111"]
    assert shown(clinician.get(f"{LIST}?sort=pseudonym").text) == by_name
    assert shown(clinician.get(f"{LIST}?sort=oldest").text) == names
    assert shown(clinician.get(f"{LIST}?sort=%27%3B--").text) == names[::-1]


def test_the_list_is_narrowed_to_what_needs_somebody(site: TestSite) -> None:
    clinician = site.person()
    actor = clinician.actor
    with site.transaction() as session:
        factories.make_patient(session, actor, pseudonym="Wren-1001", consents=())
        factories.make_case(session, actor, pseudonym="Wren-1002")
        closed = factories.make_case(session, actor, pseudonym="Wren-1003")
        closed.closed_at = clock.now()
        asked = factories.make_patient(session, actor, pseudonym="Wren-1004")
        asked.consents[0].recontact_on = clock.today()
    for show, names in (
        ("no_consent", ["Wren-1001"]),
        ("open", ["Wren-1002"]),
        ("no_case", ["Wren-1004", "Wren-1001"]),
        ("ask_again", ["Wren-1004"]),
        ("restricted", []),
        ("nonsense", ["Wren-1004", "Wren-1003", "Wren-1002", "Wren-1001"]),
    ):
        assert shown(clinician.get(f"{LIST}?show={show}").text) == names, show


def test_long_lists_are_turned_page_by_page(site: TestSite) -> None:
    clinician = site.person()
    with site.transaction() as session:
        for _ in range(53):
            factories.make_patient(session, clinician.actor)
    first = clinician.get(LIST).text
    assert len(shown(first)) == 50 and "53 patients" in first
    rest = clinician.get(f"{LIST}?page=2").text
    assert len(shown(rest)) == 3
    assert not set(shown(first)) & set(shown(rest))
    assert len(shown(clinician.get(f"{LIST}?page=99").text)) == 3


def test_the_manager_is_told_of_two_enrolments_of_one_person(site: TestSite) -> None:
    clinician, manager = site.person(), site.person(Role.CENTRE_MANAGER)
    one, other = enrol(site, clinician), enrol(site, clinician)
    enrol(site, clinician, "Dvořák")
    page = manager.get(LIST).text
    assert "May be the same person" in page
    assert f"/patients/{one.id}/merge/{other.id}" in page
    assert page.count("Compare and make one") == 1
    assert "May be the same person" not in clinician.get(LIST).text


def test_two_centres_never_learn_that_they_treat_the_same_person(site: TestSite) -> None:
    here, there = site.person(), site.person(hcp="CZ01")
    enrol(site, here)
    enrol(site, there, hcp="CZ01")
    for hcp in ("FR10", "CZ01"):
        page = site.person(Role.CENTRE_MANAGER, hcp=hcp).get(LIST).text
        assert "May be the same person" not in page


def two(site: TestSite) -> tuple[Browser, Patient, Patient]:
    """A manager, and two enrolments of one person; the other one has a case and a consent."""
    clinician, manager = site.person(), site.person(Role.CENTRE_MANAGER)
    keep, other = enrol(site, clinician), enrol(site, clinician)
    consent(site, other, clinician)
    with site.transaction() as session:
        factories.make_case(session, clinician.actor, session.get_one(Patient, other.id))
    return manager, keep, other


def test_making_one_of_two_moves_cases_and_consents_and_loses_no_history(site: TestSite) -> None:
    manager, keep, other = two(site)
    merge = f"/patients/{keep.id}/merge/{other.id}"
    page = manager.get(merge).text
    assert "same name and birth date" in page
    assert f"1 case of {other.pseudonym} go over to" in page
    assert "takes over the consents it lacks: care" in page
    assert "Nobody can undo it" in page
    page = manager.follow(manager.post(merge, {"pseudonym": other.pseudonym})).text
    assert "paper file" in page and "Draft" in page
    left = manager.get(f"/patients/{other.id}").text
    assert "was merged into another one" in left and f"/patients/{keep.id}" in left
    assert shown(manager.get(LIST).text) == [keep.pseudonym]
    assert manager.post(f"/patients/{other.id}/cases").status_code == 409
    assert manager.post(f"/patients/{other.id}/consents", CARE).status_code == 409
    audit = manager.get("/audit?kind=centre:patient:enrolled").text
    assert keep.pseudonym in audit and other.pseudonym in audit
    assert site.events().count("centre:patient:merged") == 2
    with site.transaction() as session:
        assert session.scalars(select(Case)).one().patient_id == keep.id


def test_a_merge_needs_the_pseudonym_the_right_role_and_happens_once(site: TestSite) -> None:
    manager, keep, other = two(site)
    merge = f"/patients/{keep.id}/merge/{other.id}"
    form = {"pseudonym": other.pseudonym}
    assert manager.post(merge, form, touches=False).status_code == 403
    answer = manager.post(merge, {"pseudonym": keep.pseudonym})
    assert answer.status_code == 422 and f"Type {other.pseudonym}" in answer.text
    assert site.person().post(merge, form).status_code == 403
    elsewhere = site.person(Role.CENTRE_MANAGER, hcp="CZ01")
    assert elsewhere.post(merge, form).status_code == 404
    assert manager.post(merge, form).status_code == 303
    assert manager.post(merge, form).status_code == 409
    back = f"/patients/{other.id}/merge/{keep.id}"
    assert manager.post(back, {"pseudonym": keep.pseudonym}).status_code == 409


@pytest.mark.parametrize("what", ["sex", "care", "team"])
def test_a_merge_that_would_show_more_than_was_agreed_to_is_refused(
    site: TestSite, what: str
) -> None:
    manager, keep, other = two(site)
    if what == "care":
        consent(site, keep, manager, classes=["text"])
    with site.transaction() as session:
        row = session.get_one(Patient, keep.id)
        if what == "sex":
            row.sex = "male"
        if what == "team":
            row.is_restricted = True
            session.add(seat(keep.id, manager))
    merge = f"/patients/{keep.id}/merge/{other.id}"
    assert "Not yet possible" in manager.get(merge).text
    assert manager.post(merge, {"pseudonym": other.pseudonym}).status_code == 409
    with site.transaction() as session:
        assert session.get_one(Patient, other.id).merged_into is None


def seat(patient_id: UUID, person: Browser) -> TeamMember:
    user = person.actor.user_id
    return TeamMember(patient_id=patient_id, user_id=user, added_by=user)
