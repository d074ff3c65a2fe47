"""Terms while somebody types, and the search of the top bar."""

from cpms_core.cases.models import CodedValue
from tests.core.terminology import store
from tests.site import TestSite
from tests.web.draft import open_draft
from tests.web.test_cases import id_of, invite


def add_code(site: TestSite, case: str, **values: object) -> None:
    values = {
        "dataset": "ithaca.findings",
        "field": "findings",
        "system": "hpo",
        "code": "HP:0000252",
        "label": "Microcephaly",
        "absent": False,
        **values,
    }
    with site.transaction() as session:
        session.add(CodedValue(case_id=id_of(case), **values))


def test_three_letters_find_terms(site: TestSite) -> None:
    store.fill(site.engine)
    answer = site.person().get("/terms?systems=hpo&q=microc")
    first = answer.json()["terms"][0]
    assert first["code"] == "HP:0000252" and first["label"] == "Microcephaly"
    assert site.events() == ["site:terms:searched"]


def test_the_order_of_systems_and_unknown_ones_do_no_harm(site: TestSite) -> None:
    store.fill(site.engine)
    answer = site.person().get("/terms?systems=orpha+omim+nonsense&q=kbg")
    assert {term["system"] for term in answer.json()["terms"]} == {"orpha", "omim"}
    assert site.person().get("/terms").json() == {"terms": []}
    assert site.person().get("/terms?systems=hpo&q=" + "x" * 5000).json() == {"terms": []}


def test_a_stranger_finds_no_terms(site: TestSite) -> None:
    answer = site.browser().get("/terms?q=mic", headers={"Accept": "application/json"})
    assert answer.status_code == 401


def test_a_case_is_found_by_its_pseudonym(site: TestSite) -> None:
    clinician = site.person()
    case = open_draft(site, clinician, pseudonym="Kookaburra-4455")
    for text in ("kooka", "4455", "Kookaburra-4455"):
        assert case in clinician.get(f"/search?q={text}").text
    assert case not in clinician.get("/search?q=%25").text
    assert site.events()[-1] == "site:search:made"


def test_a_case_is_found_by_a_finding_that_is_present(site: TestSite) -> None:
    clinician = site.person()
    with_it, without = open_draft(site, clinician), open_draft(site, clinician)
    add_code(site, with_it)
    add_code(site, without, absent=True)
    for text in ("microcephaly", "hp:0000252"):
        page = clinician.get(f"/search?q={text}").text
        assert with_it in page and without not in page


def test_only_cases_one_may_read_are_found(site: TestSite) -> None:
    clinician = site.person()
    case = open_draft(site, clinician, pseudonym="Kookaburra-4455")
    expert = invite(site, case)
    assert case in expert.get("/search?q=kooka").text
    assert case not in site.person(hcp="CZ01").get("/search?q=kooka").text
    no_consent = open_draft(site, clinician, pseudonym="Kookaburra-5566", consents=())
    other = invite(site, no_consent)
    assert no_consent not in other.get("/search?q=kooka").text
    assert no_consent in clinician.get("/search?q=kooka").text


def test_strange_searches_are_answered(site: TestSite) -> None:
    clinician = site.person()
    for text in ("", "a", "%F0%9F%98%80", "'%22--", "\\", "x" * 3000):
        assert clinician.get(f"/search?q={text}").status_code == 200


def test_a_person_is_found_by_the_beginning_of_a_name_without_accents(site: TestSite) -> None:
    clinician = site.person()
    site.person(hcp="CZ01", name="Dr Příliš Žluťoučký")
    page = clinician.get("/search?q=zlut").text
    assert "Dr Příliš Žluťoučký" in page and "@" not in page
    assert "Žluťoučký" not in clinician.get("/search?q=luto").text
