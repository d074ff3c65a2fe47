"""A clinician outside the networks: approved at a country's guest access, with own patients."""

import re
from pathlib import Path

import pytest

from cpms_core.actor import Role
from cpms_core.cases.importing import import_files
from cpms_core.clock import clock
from cpms_core.datasets.records import as_form
from cpms_core.declarations import ImportedCase, Importer
from cpms_core.identity.models import User
from cpms_core.panels.outcome.outcomes import DATASET
from tests.core.panels.consultation import plain_opinion
from tests.site import TestSite
from tests.web.access import code_on, decide
from tests.web.attempts import CONSENT, PATIENT, REQUEST
from tests.web.key_person import Person
from tests.web.test_panel_pages import read

ASKED = {"ern": "ithaca", "centre": "CZ00", "guest": "on", "comment": "neuropaediatrics, Brno"}


class Sponsored:
    """A guest of Czechia, the coordinator who let them in, and another guest of that country."""

    def __init__(self, site: TestSite) -> None:
        self.site = site
        self.guest = site.person(None, hcp=None, name="Dr Hana Outside")
        self.coordinator = site.person(Role.COORDINATOR, name="Dr Coordinator")
        self.lead = site.person(hcp="NO01", name="Dr Lead")
        self.expert = site.person(hcp="BE01", name="Dr Ghent")
        asked = self.guest.post("/access/new", ASKED)
        self.request = asked.headers["location"]

    def let_in(self) -> "Sponsored":
        code = code_on(self.guest.get(self.request))
        assert decide(self.coordinator, self.request, "approve", code=code).status_code == 303
        return self

    def enrol(self) -> "Sponsored":
        done = self.guest.post("/centre/patients/new", PATIENT)
        assert done.status_code == 303, done.text[:3000]
        self.patient = done.headers["location"]
        form = {**CONSENT, "kind": "care"}
        assert self.guest.post(f"{self.patient}/consents", form).status_code == 303
        return self

    def open_case(self) -> "Sponsored":
        opened = self.guest.post(f"{self.patient}/cases")
        assert opened.status_code == 303, opened.text[:3000]
        self.case = opened.headers["location"]
        self.pseudonym = re.findall(r"[A-Z][a-z]+-\d{4}", read(self.guest, self.case))[0]
        self.save("core.request", **{**REQUEST, "_base": "0"})
        self.save("ithaca.findings", notes="Tall for the age", _base="0")
        return self

    def save(self, dataset: str, **form: str) -> None:
        saved = self.guest.post(f"{self.case}/records/{dataset}", form)
        assert saved.status_code == 303, saved.text[:3000]

    def send(self) -> None:
        sent = self.guest.post(f"{self.case}/submit", {"ern": "ithaca", "area": "undiagnosed"})
        assert sent.status_code == 303, sent.text[:3000]

    def triage(self) -> str:
        found = re.search(r'href="(/requests/[^"/]+)"', read(self.coordinator, "/erns/ithaca"))
        assert found
        return found[1]


@pytest.fixture
def they(site: TestSite) -> Sponsored:
    return Sponsored(site)


def seen(page: str) -> str:
    found = re.search(r'name="seen" value="(\d+)"', page)
    assert found, page[:3000]
    return found[1]


def test_a_guest_goes_from_the_request_for_access_to_a_signed_outcome(they: Sponsored) -> None:
    guest = they.guest
    assert guest.get("/centre").status_code == 403
    they.let_in()
    assert "Enrol a patient" in read(guest, "/")
    they.enrol()
    revealed = guest.post(f"{they.patient}/identity")
    assert revealed.status_code == 200 and "Eliška" in revealed.text
    they.open_case()
    assert "seen by you only" in read(guest, they.case)
    assert "Dr Coordinator" in read(guest, f"{they.case}/submit?ern=ithaca")
    they.send()
    request = they.triage()
    page = read(they.coordinator, request)
    assert "Guest access, Czechia" in page and "Eliška" not in page
    back = {"reason": "Is there a family history?", "seen": seen(page)}
    assert they.coordinator.post(f"{request}/return", back).status_code == 303
    home = read(guest, "/")
    assert "Returned to you" in home and "Is there a family history?" in home
    answered = {**REQUEST, "summary": "Delay of speech. No family history.", "_base": "1"}
    they.save("core.request", **answered)
    they.send()
    form = {
        "lead": str(they.lead.actor.user_id),
        "invite": str(they.expert.actor.user_id),
        "seen": seen(read(they.coordinator, request)),
    }
    panel = they.coordinator.post(f"{request}/lead", form).headers["location"]
    for one in (they.lead, they.expert):
        assert "Tall for the age" in read(one, they.case)
        assert one.post(f"{panel}/contributions", {"text": "KBG."}).status_code == 303
    assert "KBG." in read(guest, panel)
    they.lead.post(f"{panel}/outcome/start", {"seen": seen(read(they.lead, panel))})
    text = as_form(DATASET, plain_opinion())
    version = seen(read(they.lead, f"{panel}/outcome"))
    they.lead.post(f"{panel}/outcome", {**text, "seen": version, "_then": "put"})
    they.expert.post(f"{panel}/outcome/position", {"verdict": "agree", "seen": "1"})
    assert plain_opinion().heading not in read(guest, f"{panel}/outcome")
    assert "Sign with your security key" in read(they.lead, f"{panel}/outcome")


def test_the_outcome_of_a_guests_case_is_signed_and_read(site: TestSite) -> None:
    they = Sponsored(site).let_in().enrol().open_case()
    they.send()
    signer = Person(site, "lead@example.org")
    lead = signer.sign_in()
    form = {
        "lead": str(signer.user_id),
        "invite": str(they.expert.actor.user_id),
        "seen": seen(read(they.coordinator, they.triage())),
    }
    panel = they.coordinator.post(f"{they.triage()}/lead", form).headers["location"]
    for one in (lead, they.expert):
        one.post(f"{panel}/contributions", {"text": "KBG."})
    lead.post(f"{panel}/outcome/start", {"seen": seen(read(lead, panel))})
    text = as_form(DATASET, plain_opinion())
    version = seen(read(lead, f"{panel}/outcome"))
    lead.post(f"{panel}/outcome", {**text, "seen": version, "_then": "put"})
    they.expert.post(f"{panel}/outcome/position", {"verdict": "agree", "seen": "1"})
    begun = lead.post(f"{panel}/outcome/sign/begin", json={}).json()
    answer = {
        "ceremony": begun["ceremony"],
        "credential": signer.key.sign_in(begun["publicKey"]),
    }
    assert lead.post(f"{panel}/outcome/sign/finish", json=answer).status_code == 200
    assert plain_opinion().heading in read(they.guest, f"{panel}/outcome")
    assert they.guest.get(f"{panel}/outcome/pdf").content.startswith(b"%PDF")
    assert f"{panel}/outcome" in read(they.guest, "/")


def test_another_guest_of_the_country_sees_nothing_of_it(they: Sponsored) -> None:
    they.let_in().enrol().open_case()
    they.send()
    other = they.site.person(Role.GUEST, hcp="CZ00", name="Dr Other Guest")
    hidden = [they.pseudonym, they.case, they.patient, "Tall for the age", "Dr Hana Outside"]
    for page in ("/", "/centre", "/search?q=tall", "/audit", "/audit/mine"):
        assert not [one for one in hidden if one in read(other, page)], page
    assert "No case that you may see fits" in read(other, f"/search?q={they.pseudonym}")
    assert 'Patients <span class="dim">0</span>' in read(other, "/centre")
    assert 'Cases <span class="dim">0</span>' in read(other, "/centre")
    for path in (they.patient, they.case, f"{they.case}/submit", they.triage()):
        assert other.get(path).status_code == 404, path
    for path in (f"{they.patient}/identity", f"{they.patient}/cases", f"{they.case}/export.json"):
        assert other.post(path).status_code == 404, path
    # Nor does the form for a patient of the same name tell that there is one.
    assert other.post("/centre/patients/new", PATIENT).status_code == 303
    assert 'Patients <span class="dim">1</span>' in read(they.guest, "/centre")


def test_the_same_patient_enrolled_twice_is_the_guests_own_double(they: Sponsored) -> None:
    they.let_in().enrol()
    again = they.guest.post("/centre/patients/new", PATIENT)
    assert again.status_code == 409 and "You have enrolled a patient with this name" in again.text


def test_a_guest_reads_who_the_own_patient_is_and_the_audit_tells_it(they: Sponsored) -> None:
    they.let_in().enrol()
    assert "Show the identity" in read(they.guest, they.patient)
    assert "Nováková" in they.guest.post(f"{they.patient}/identity").text
    assert "looked up who a patient is" in read(they.guest, "/audit")


def test_a_guest_sees_no_people_no_requests_no_reports_and_leads_nothing(they: Sponsored) -> None:
    they.let_in()
    for page in ("/people", "/people/invite", "/erns", "/erns/ithaca", "/x/reporting/", "/plugins"):
        assert they.guest.get(page).status_code == 403, page
    assert they.guest.get("/access/queue").status_code == 403
    found = read(they.guest, "/search?q=Lead")
    assert "Dr Lead" not in found


def test_the_pages_of_a_guest_do_not_speak_of_a_centre(they: Sponsored) -> None:
    recap = read(they.guest, "/access/new/recap?ern=ithaca&centre=CZ00&guest=on")
    pages = [recap, read(they.guest, they.request)]
    they.let_in()
    pages += [read(they.guest, page) for page in ("/centre", "/centre/patients/new")]
    they.enrol().open_case()
    pages += [read(they.guest, page) for page in (they.patient, they.case, f"{they.case}/submit")]
    for page in pages:
        text = page.partition("<main")[2]
        assert not re.search("(?i)your centre|own centre", text), text[:6000]
    assert "Guest access, Czechia" in pages[2]
    assert "country's guest access" in pages[-1].replace("&#39;", "'")


def test_who_lets_a_guest_in_reads_what_that_opens(they: Sponsored) -> None:
    page = read(they.coordinator, they.request)
    assert "A guest enrols own patients" in page


def test_every_country_has_its_guest_access(they: Sponsored) -> None:
    countries = read(they.guest, "/access/new/country?ern=ithaca")
    found = re.findall(r"ern=ithaca&amp;country=([A-Z]{2})", countries)
    assert len(set(found)) == 28
    for country in found:
        centres = read(they.guest, f"/access/new/centre?ern=ithaca&country={country}")
        assert f"centre={country}00" in centres


def test_a_guest_whose_role_was_taken_sees_the_own_patients_no_more(they: Sponsored) -> None:
    they.let_in().enrol().open_case()
    with they.site.transaction() as session:
        user = session.get_one(User, they.guest.actor.user_id)
        for grant in user.roles:
            grant.revoked_at = clock.now()
    assert they.guest.get("/centre").status_code == 403
    assert they.guest.get(they.patient).status_code == 403
    assert they.guest.get(they.case).status_code == 404
    assert they.pseudonym not in read(they.guest, "/")


def test_a_guest_imports_cases_as_the_own(they: Sponsored, tmp_path: Path) -> None:
    they.let_in()
    found = ImportedCase(sex="female", birth_year=2020, birth_month=5, records={})
    importer = Importer(key="test.note", title="Note", suffixes=(".txt",), read=lambda _: found)
    (tmp_path / "one.txt").write_text("x")
    guest = they.site.sign_in_again(they.guest.actor.user_id)
    registry = they.site.live.registry
    done = import_files(they.site.engine, guest.actor, registry, importer, tmp_path)
    assert (done.imported, done.refused) == (1, [])
    other = they.site.person(Role.GUEST, hcp="CZ00")
    assert 'Cases <span class="dim">1</span>' in read(guest, "/centre")
    assert 'Cases <span class="dim">0</span>' in read(other, "/centre")


def test_the_top_bar_calls_it_what_it_is(they: Sponsored) -> None:
    they.let_in()
    bar = they.guest.get("/").text.partition('class="topbar-nav"')[2].partition("</nav>")[0]
    assert ">Guest access</a>" in bar and ">Centre</a>" not in bar
    bar = they.lead.get("/").text.partition('class="topbar-nav"')[2].partition("</nav>")[0]
    assert ">Centre</a>" in bar and "Guest access" not in bar
