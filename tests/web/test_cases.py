"""A case's page, its export, and its way to an ERN."""

import csv
import io
import json
import re
from uuid import UUID, uuid4

from cpms_core.access import Standing
from cpms_core.actor import Role
from cpms_core.cases.importing import import_case
from cpms_core.cases.models import Record
from cpms_core.cases.scope import share_with_ern, share_with_expert
from cpms_core.declarations import ImportedCase, Importer
from tests.core.terminology import store
from tests.site import Browser, TestSite
from tests.web.draft import ask, jpeg, open_draft, send_file

FINDINGS = {"_base": "0", "face": "Triangular face"}


def id_of(case: str) -> UUID:
    return UUID(case.rpartition("/")[2])


def invite(site: TestSite, case: str, standing: Standing = Standing.MEMBER) -> Browser:
    """An expert of another centre who sees this case."""
    expert = site.person(hcp="CZ01", name="Dr Příliš Žluťoučký")
    with site.transaction() as session:
        share_with_expert(session, id_of(case), expert.actor.user_id, standing)
    return expert


def test_a_draft_asks_for_the_question_first(site: TestSite) -> None:
    clinician = site.person()
    page = clinician.get(open_draft(site, clinician)).text
    assert "Write question and summary" in page
    assert "Not ready to send" in page
    assert "draft, seen by your centre only" in page


def test_a_case_shows_what_was_entered_and_who_sees_it(site: TestSite) -> None:
    clinician = site.person(name="Dr Clara Lindström")
    case = open_draft(site, clinician)
    ask(clinician, case)
    clinician.post(f"{case}/records/ithaca.findings", {**FINDINGS})
    page = clinician.get(case).text
    assert "which test next?" in page
    assert "Triangular face" in page
    assert "Dr Clara Lindström" in page
    assert "1 person" in page
    assert site.events()[-1] == "case:case:read"


def test_an_expert_sees_the_whole_case_and_changes_nothing(site: TestSite) -> None:
    clinician = site.person()
    case = open_draft(site, clinician)
    ask(clinician, case)
    clinician.post(f"{case}/records/ithaca.findings", {**FINDINGS})
    page = invite(site, case).get(case).text
    assert "Triangular face" in page
    assert ">Change<" not in page
    assert "data-upload" not in page
    assert "/patients/" not in page
    assert "Take it with you" not in page


def test_triage_sees_question_and_summary_only(site: TestSite) -> None:
    clinician = site.person()
    case = open_draft(site, clinician)
    ask(clinician, case)
    clinician.post(f"{case}/records/ithaca.findings", {**FINDINGS})
    send_file(clinician, case, jpeg())
    with site.transaction() as session:
        share_with_ern(session, id_of(case), "ithaca")
    coordinator = site.person(Role.COORDINATOR, hcp="CZ01", ern="ithaca")
    page = coordinator.get(case).text
    assert "which test next?" in page and "unrelated parents" in page
    assert "Triangular face" not in page
    assert "Photo" not in page
    assert "question and summary" in page
    assert coordinator.get(f"{case}/records/ithaca.findings/history").status_code == 403


def test_a_withdrawn_consent_hides_the_case_from_everybody_else_at_once(site: TestSite) -> None:
    clinician = site.person()
    case = open_draft(site, clinician)
    expert = invite(site, case)
    assert expert.get(case).status_code == 200
    patient = re.search(r"/patients/[0-9a-f-]+", clinician.get(case).text)
    assert patient
    withdraw = re.search(r"/patients/[^\"]*/withdraw", clinician.get(patient[0]).text)
    assert withdraw
    clinician.post(withdraw[0])
    assert expert.get(case).status_code == 404
    assert clinician.get(case).status_code == 200
    answer = ask(clinician, case)
    assert answer.status_code == 403
    assert "consent for care is missing" in answer.text


def test_a_foreign_or_unknown_case_is_not_there(site: TestSite) -> None:
    case = open_draft(site, site.person())
    for foreign in (site.person(hcp="CZ01"), site.person(Role.SYSTEM_ADMIN, hcp=None)):
        assert foreign.get(case).status_code in {403, 404}
    assert site.person().get(f"/cases/{uuid4()}").status_code == 404
    assert site.events().count("site:access:denied") == 3


def test_data_of_an_absent_plugin_are_shown_as_plain_fields(site: TestSite) -> None:
    clinician = site.person()
    case = open_draft(site, clinician)
    add_record(site, clinician, case, "gone.growth_curve", {"head_size": "47.5 cm"})
    page = clinician.get(case).text
    assert "Growth curve" in page and "Head size" in page and "47.5 cm" in page
    assert "switched off" in page
    assert clinician.get(f"{case}/records/gone.growth_curve").status_code == 404


def test_a_record_that_its_form_cannot_read_is_shown_as_plain_fields(site: TestSite) -> None:
    clinician = site.person()
    case = open_draft(site, clinician)
    add_record(site, clinician, case, "ithaca.findings", {"findings": "a text of old"})
    page = clinician.get(case)
    assert page.status_code == 200
    assert "a text of old" in page.text
    answer = clinician.get(f"{case}/records/ithaca.findings")
    assert answer.status_code == 409
    assert "It is kept and shown as plain fields" in answer.text


def add_record(
    site: TestSite, person: Browser, case: str, dataset: str, data: dict[str, str]
) -> None:
    with site.transaction() as session:
        session.add(
            Record(
                case_id=id_of(case),
                dataset=dataset,
                revision=1,
                schema_version=1,
                data=data,
                author_id=person.actor.user_id,
            )
        )


def test_an_imported_case_shows_its_remarks_and_what_was_left_over(site: TestSite) -> None:
    clinician = site.person()
    found = ImportedCase(
        sex="male",
        remarks=("No birth date in the file.",),
        leftover={"measurements": [{"assay": "LOINC:3141-9"}]},
    )
    importer = Importer(key="x.y", title="Y", suffixes=(".y",), read=lambda _raw: found)
    with site.transaction() as session:
        case = import_case(
            session, clinician.actor, site.live.registry, importer, "PMID_1.json", found
        )
    page = clinician.get(f"/cases/{case.id}").text
    assert "No birth date in the file." in page
    assert "LOINC:3141-9" in page
    assert "Record the consent" in page


def test_the_json_export_holds_every_record_and_no_name(site: TestSite) -> None:
    clinician = site.person()
    case = open_draft(site, clinician)
    ask(clinician, case)
    add_record(site, clinician, case, "gone.plugin", {"kept": "yes"})
    answer = clinician.post(f"{case}/export.json")
    assert "attachment" in answer.headers["content-disposition"]
    found = json.loads(answer.content)
    assert found["records"]["core.request"]["data"]["question"].startswith("Exome")
    assert found["records"]["gone.plugin"]["data"] == {"kept": "yes"}
    assert found["case"]["birth_year"] == 2020
    assert site.events()[-1] == "case:case:exported"


def test_no_cell_of_the_csv_export_begins_like_a_formula(site: TestSite) -> None:
    clinician = site.person()
    for start in "=+-@\uff1d\uff0b\uff0d\uff20":
        case = open_draft(site, clinician)
        ask(clinician, case, question=f"{start}HYPERLINK(1)")
        text = clinician.post(f"{case}/export.csv").content.decode("utf-8-sig")
        rows = list(csv.DictReader(io.StringIO(text)))
        found = {row["value"] for row in rows if row["field"] == "question"}
        assert found == {f"'{start}HYPERLINK(1)"}


def test_only_the_own_centre_exports(site: TestSite) -> None:
    case = open_draft(site, site.person())
    for suffix in ("export.json", "export.csv", "exports/none"):
        assert invite(site, case).post(f"{case}/{suffix}").status_code == 403


def test_sending_shows_first_who_will_see_what(site: TestSite) -> None:
    site.person(Role.COORDINATOR, hcp="CZ01", ern="ithaca", name="Prof. Παπαδοπούλου")
    clinician = site.person()
    case = open_draft(site, clinician)
    assert "Not ready to send" in clinician.get(f"{case}/submit").text
    ask(clinician, case)
    clinician.post(f"{case}/records/ithaca.findings", {**FINDINGS})
    page = clinician.get(f"{case}/submit").text
    assert "Prof. Παπαδοπούλου" in page
    assert "Triangular" not in page and "Findings" in page
    assert "Undiagnosed multiple anomalies" in page


def test_a_sent_case_says_where_it_is(site: TestSite) -> None:
    clinician = site.person()
    case = open_draft(site, clinician)
    ask(clinician, case)
    clinician.post(f"{case}/records/ithaca.findings", {**FINDINGS})
    answer = clinician.post(f"{case}/submit", {"ern": "ithaca", "area": "undiagnosed"})
    page = clinician.follow(answer).text
    assert "A first answer is promised by " in page
    assert "ERN ITHACA" in page and "Submitted" in page
    assert "cannot be sent now" in clinician.get(f"{case}/submit").text
    assert "Submitted" in clinician.get("/centre").text


def test_an_incomplete_case_is_not_sent(site: TestSite) -> None:
    clinician = site.person()
    case = open_draft(site, clinician)
    answer = clinician.post(f"{case}/submit", {"ern": "ithaca"})
    assert answer.status_code == 422
    assert "Write and save the question" in answer.text
    assert clinician.post(f"{case}/submit", {"ern": "no-such-ern"}).status_code in {404, 422}
    assert "ern:request:submitted" not in site.events()


def test_findings_are_read_by_part_of_the_body(site: TestSite) -> None:
    store.fill(site.engine)
    clinician = site.person()
    case = open_draft(site, clinician)
    terms = ("Microcephaly", "Tumor", "Esophageal atresia", "Abnormality of the eye")
    form = {f"findings.{n}.term": term for n, term in enumerate(terms)}
    clinician.post(f"{case}/records/ithaca.findings", {"_base": "0", **form})
    page = clinician.get(case).text
    parts = re.findall(r'<h3 class="label">([^<]+)</h3>', page)
    assert parts == ["Head or neck", "Eye", "Other"]
    assert "4 things" not in page and page.count('data-state="present"') == 4
