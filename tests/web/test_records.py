"""The forms of a case: drafts, errors, versions, two people at once."""

import re

from tests.site import TestSite
from tests.web.draft import QUESTION, ask, open_draft
from tests.web.test_cases import invite
from tests.web.test_patients import CARE

FORM = "records/core.request"


def test_a_saved_form_is_a_version_and_the_same_again_is_none(site: TestSite) -> None:
    clinician = site.person()
    case = open_draft(site, clinician)
    assert "is saved" in clinician.follow(ask(clinician, case)).text
    ask(clinician, case, _base="1")
    ask(clinician, case, _base="1", question="And which gene?")
    page = clinician.get(f"{case}/{FORM}/history").text
    assert "Version 2" in page and "Version 3" not in page
    assert "And which gene?" in page and "which test next?" in page


def test_all_errors_come_at_once_and_what_was_typed_stays(site: TestSite) -> None:
    clinician = site.person()
    case = open_draft(site, clinician)
    answer = clinician.post(f"{case}/{FORM}", {"_base": "0", "expertise": "Γενετική"})
    assert answer.status_code == 422
    assert 'href="#f-question"' in answer.text and 'href="#f-summary"' in answer.text
    assert 'value="Γενετική"' in answer.text
    assert 'value="Γενετική"' in clinician.get(f"{case}/{FORM}").text
    assert "case:record:saved" not in site.events()


def test_typing_is_kept_and_comes_back(site: TestSite) -> None:
    clinician = site.person()
    case = open_draft(site, clinician)
    answer = clinician.post(f"{case}/{FORM}/draft", {"_base": "0", "question": "Half a sen"})
    assert answer.status_code == 200 and "kept_at" in answer.json()
    page = site.sign_in_again(clinician.actor.user_id).get(f"{case}/{FORM}").text
    assert "Half a sen" in page
    assert "It is not saved yet" in page
    assert "Half a sen" not in clinician.get(case).text


def test_a_draft_is_its_authors_alone(site: TestSite) -> None:
    clinician, colleague = site.person(), site.person()
    case = open_draft(site, clinician)
    clinician.post(f"{case}/{FORM}/draft", {"_base": "0", "question": "Half a sen"})
    assert "Half a sen" not in colleague.get(f"{case}/{FORM}").text


def test_a_draft_can_be_thrown_away(site: TestSite) -> None:
    clinician = site.person()
    case = open_draft(site, clinician)
    ask(clinician, case)
    clinician.post(f"{case}/{FORM}/draft", {"_base": "1", "question": "Half a sen"})
    page = clinician.follow(clinician.post(f"{case}/{FORM}/discard")).text
    assert "Half a sen" not in page and "which test next?" in page


def test_typing_that_is_back_at_what_is_saved_needs_no_draft(site: TestSite) -> None:
    clinician = site.person()
    case = open_draft(site, clinician)
    ask(clinician, case)
    clinician.post(f"{case}/{FORM}/draft", {**QUESTION, "_base": "1", "question": "x"})
    assert "not saved yet" in clinician.get(f"{case}/{FORM}").text
    clinician.post(
        f"{case}/{FORM}/draft", {**QUESTION, "_base": "1", "urgency_reason": "", "expertise": ""}
    )
    assert "not saved yet" not in clinician.get(f"{case}/{FORM}").text


def test_saving_ends_the_draft(site: TestSite) -> None:
    clinician = site.person()
    case = open_draft(site, clinician)
    clinician.post(f"{case}/{FORM}/draft", {"_base": "0", "question": "Half a sen"})
    ask(clinician, case)
    assert "not saved yet" not in clinician.get(f"{case}/{FORM}").text


def test_a_stale_save_shows_both_versions_and_loses_neither(site: TestSite) -> None:
    clinician, colleague = site.person(), site.person(name="Dr Ghent")
    case = open_draft(site, clinician)
    ask(colleague, case, question="Theirs?")
    answer = ask(clinician, case, question="Mine?")
    assert answer.status_code == 409
    assert "Dr Ghent saved this form after you had opened it" in answer.text
    assert "Theirs?" in answer.text and "Mine?" in answer.text
    assert "Theirs?" in clinician.get(case).text
    assert "Mine?" in clinician.get(f"{case}/{FORM}").text


def test_my_version_can_be_kept_as_a_new_one(site: TestSite) -> None:
    clinician, colleague = site.person(), site.person()
    case = open_draft(site, clinician)
    ask(colleague, case, question="Theirs?")
    page = ask(clinician, case, question="Mine?").text
    again = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', page))
    assert again["_base"] == "1" and again["question"] == "Mine?"
    answer = clinician.post(f"{case}/{FORM}", again)
    assert "Mine?" in clinician.follow(answer).text
    assert "Theirs?" in clinician.get(f"{case}/{FORM}/history").text


def test_their_version_can_be_taken(site: TestSite) -> None:
    clinician, colleague = site.person(), site.person()
    case = open_draft(site, clinician)
    ask(colleague, case, question="Theirs?")
    ask(clinician, case, question="Mine?")
    page = clinician.follow(clinician.post(f"{case}/{FORM}/discard")).text
    assert "Theirs?" in page and "Mine?" not in page


def test_rows_are_added_and_removed_without_a_script(site: TestSite) -> None:
    clinician = site.person()
    case = open_draft(site, clinician)
    growth = f"{case}/records/ithaca.growth"
    form = {"_base": "0", "visits._rows": ["0"], "visits.0.weight": "12.5"}
    page = clinician.post(growth, {**form, "_add": "visits"}).text
    assert 'name="visits.1.weight"' in page and 'value="12.5"' in page
    page = clinician.post(growth, {**form, "_remove": "visits.0"}).text
    assert 'value="12.5"' not in page
    assert site.events()[-1] == "case:record:drafted"


def test_a_field_is_checked_on_leaving_it(site: TestSite) -> None:
    clinician = site.person()
    case = open_draft(site, clinician)
    check = f"{case}/records/ithaca.growth/check"
    form = {"_base": "0", "_field": "mother_height", "mother_height": "1.7"}
    answer = clinician.post(check, form, headers={"HX-Request": "true"})
    assert "60" in answer.text and "Error" in answer.text
    assert "<html" not in answer.text
    answer = clinician.post(check, {**form, "mother_height": "170"})
    assert answer.text.strip() == ""


def test_a_form_of_a_foreign_case_is_not_there(site: TestSite) -> None:
    case = open_draft(site, site.person())
    foreign = site.person(hcp="CZ01")
    assert foreign.get(f"{case}/{FORM}").status_code == 404
    assert ask(foreign, case).status_code == 404
    for act in ("draft", "check", "discard"):
        assert foreign.post(f"{case}/{FORM}/{act}", {"_base": "0"}).status_code == 404


def test_an_expert_may_look_back_and_not_write(site: TestSite) -> None:
    clinician = site.person()
    case = open_draft(site, clinician)
    ask(clinician, case)
    expert = invite(site, case)
    assert "Version 1" in expert.get(f"{case}/{FORM}/history").text
    assert ask(expert, case, _base="1").status_code == 403
    assert expert.post(f"{case}/{FORM}/draft", {"_base": "1"}).status_code == 403


def test_a_megabyte_of_text_is_refused_with_a_sentence(site: TestSite) -> None:
    clinician = site.person()
    case = open_draft(site, clinician)
    answer = ask(clinician, case, summary="x" * 1_000_000)
    assert answer.status_code == 422
    assert 'href="#f-summary"' in answer.text


def test_a_form_without_its_start_is_refused(site: TestSite) -> None:
    clinician = site.person()
    case = open_draft(site, clinician)
    for base in ("", "x", "-1", "٣"):
        assert ask(clinician, case, _base=base).status_code == 422


def test_what_no_store_can_hold_is_kept_as_something_else(site: TestSite) -> None:
    clinician = site.person()
    case = open_draft(site, clinician)
    answer = clinician.post(f"{case}/{FORM}/draft", {"_base": "0", "question": "a\0b"})
    assert answer.status_code == 200
    assert "a\ufffdb" in clinician.get(f"{case}/{FORM}").text


def test_what_was_typed_is_kept_when_the_consent_went_meanwhile(site: TestSite) -> None:
    clinician = site.person()
    case = open_draft(site, clinician)
    page = clinician.get(case).text
    patient = re.search(r"/patients/[0-9a-f-]+", page)
    assert patient
    withdrawal = re.search(r"/patients/[^\"]*/withdraw", clinician.get(patient[0]).text)
    assert withdrawal
    clinician.post(withdrawal[0])
    assert ask(clinician, case).status_code == 403
    assert clinician.get(f"{case}/{FORM}").status_code == 403
    clinician.post(f"{patient[0]}/consents", CARE)
    assert "which test next?" in clinician.get(f"{case}/{FORM}").text
