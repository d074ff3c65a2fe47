"""The main job, end to end over HTTP: from the first administrator's link to a verified outcome.

Software keys do every ceremony; the images are a real MR series where it lies beside the project.
A second one goes on where a backup was restored in between.
"""

import re
from pathlib import Path

from cpms_core.auditing.chain import seal
from cpms_core.db import make_engine
from cpms_core.identity.people import first_admin, new_ticket
from cpms_core.keeping.backup import make_backup
from cpms_core.keeping.check import check_site
from cpms_core.keeping.restore import restore_backup
from cpms_core.keys import write_site_key
from cpms_core.panels.outcome.verify import verify_file
from cpms_core.plugins.enabled import site_file
from cpms_core.settings import read_site, write_settings
from tests.core.terminology.store import fill
from tests.journeys.people import Someone, link_and_code
from tests.site import ORIGIN, TestSite
from tests.web.draft import jpeg

FINDINGS = ("Microcephaly HP:0000252", "Global developmental delay HP:0001263")


def test_a_case_goes_from_enrolment_to_a_signed_outcome(site: TestSite, shared_data: Path) -> None:
    fill(site.engine)
    journey = Journey(site)
    journey.people()
    journey.case(sorted((shared_data / "dicom" / "nih_ge_mr").glob("*.dcm"))[:4])
    journey.panel()
    journey.outcome()
    journey.afterwards()


def test_a_case_goes_on_where_a_backup_was_restored(
    site: TestSite, shared_data: Path, tmp_path: Path
) -> None:
    fill(site.engine)
    journey = Journey(site)
    journey.people()
    journey.case(sorted((shared_data / "dicom" / "nih_ge_mr").glob("*.dcm"))[:4])
    journey.panel()
    key, backup = site.live.key, tmp_path / "site.tar"
    write_settings(tmp_path, site.live.settings)
    site_file(tmp_path)
    make_backup(read_site(tmp_path), site.engine, backup, key)
    there = restore_backup(backup, tmp_path / "there", key=key).site
    write_site_key(there.site_key_path, key)
    engine = make_engine(there.database_url)
    site.move_to(engine, there.data)
    for someone in journey.everybody:
        assert someone.browser.get("/").status_code == 303
        someone.sign_in()
    journey.outcome()
    journey.afterwards()
    seal(engine)
    assert check_site(there, engine).problems == []
    engine.dispose()


class Journey:
    """The six steps; each may be followed on its own by what a test wants to add."""

    def __init__(self, site: TestSite) -> None:
        self.site = site
        self.admin = Someone(site, "admin@example.org")
        self.clinician = Someone(site, "clinician@example.org")
        self.coordinator = Someone(site, "coordinator@example.org")
        self.lead = Someone(site, "lead@example.org")
        self.expert = Someone(site, "expert@example.org")
        self.everybody = (self.admin, self.clinician, self.coordinator, self.lead, self.expert)
        self.case_path = ""
        self.panel_path = ""

    def people(self) -> None:
        with self.site.transaction() as session:
            user = first_admin(session, self.admin.email, "First Administrator")
            ticket = new_ticket(session, self.site.live.key, user, created_by=None, with_code=False)
        self.admin.enrol(f"{ORIGIN}/enrol/{ticket.token}")
        self.admin.sign_in()
        self._invite(self.clinician, "Dr Camille Laurent", "professional", "FR10")
        self._invite(self.coordinator, "Claire Dubois", "coordinator", "FR10", "ithaca")
        self._invite(self.lead, "Prof. Ingrid Solberg", "professional", "NO01")
        self._invite(self.expert, "Δρ. Ελένη Παπαδοπούλου", "professional", "GR01")

    def case(self, images: list[Path]) -> None:
        clinician = self.clinician
        path = "/centre/patients/new"
        page = clinician.act(
            clinician.read(path),
            path,
            given_name="Ana",
            family_name="Nováková",
            birth_date="2020-07-14",
            sex="female",
        )
        patient = page.request.url.path
        assert "Nováková" not in page.text
        assert clinician.browser.post(f"{patient}/cases").status_code == 403
        for kind in ("care", "face_photos"):
            page = clinician.act(
                page.text,
                f"{patient}/consents",
                kind=kind,
                form_version="2024",
                language="French",
                signer="parent",
                given_on="2026-11-20",
                original_at="paper file, genetics",
                classes=["text", "imaging", "genome", "pedigree"],
            )
        self.case_path = clinician.act(page.text, f"{patient}/cases").request.url.path
        self.save(
            "core.request",
            question_type="diagnosis",
            question="Exome (trio) was negative. Which test next?",
            summary="Second child of unrelated parents. Global delay, macrodontia.",
            urgency="routine",
        )
        rows: dict[str, str | list[str]] = {"findings._rows": ["0", "1"], "findings.1.absent": "on"}
        terms = {f"findings.{row}.term": term for row, term in enumerate(FINDINGS)}
        self.save("ithaca.findings", **rows, **terms)
        self.upload("face.jpg", jpeg())
        for image in images:
            self.upload(f"Novakova_Ana/{image.name}", image.read_bytes())
        seen = clinician.read(f"{self.case_path}/submit?ern=ithaca")
        assert "Claire Dubois" in seen
        clinician.act(seen, f"{self.case_path}/submit", area="undiagnosed")

    def panel(self) -> None:
        page = self.coordinator.read("/erns/ithaca")
        request = _one(r'href="(/requests/[^"/]+)"', page)
        page = self.coordinator.read(request)
        lead = _one(r'value="([0-9a-f-]{36})"[^>]*>\s*(?:<[^>]*>\s*)*Prof. Ingrid Solberg', page)
        expert = _one(r'value="([0-9a-f-]{36})"[^>]*>\s*(?:<[^>]*>\s*)*Δρ. Ελένη', page)
        made = self.coordinator.act(page, f"{request}/lead", lead=lead, invite=expert)
        self.panel_path = made.request.url.path
        assert self.panel_path in self.expert.read("/")
        seen = self.expert.read(self.case_path)
        assert "Global delay, macrodontia" in seen
        assert "Nováková" not in seen
        self.expert.read(_one(r'href="(/x/dicom_viewer/[^"]+)"', seen))
        for who, text in ((self.expert, "KBG syndrome."), (self.lead, "Ask for MLPA of 16q24.3.")):
            page = who.read(self.panel_path)
            path = f"{self.panel_path}/contributions"
            who.act(page, path, text=text, certainty="fairly_sure")

    def outcome(self) -> None:
        path = f"{self.panel_path}/outcome"
        form = self.lead.act(self.lead.read(self.panel_path), f"{path}/start")
        fields = {
            "kind": "genetic test",
            "heading": "KBG syndrome is the working diagnosis",
            "answer": "MLPA of 16q24.3 next; the exome misses small deletions.",
            "certainty": "probable",
            "recommendations._rows": "0",
            "recommendations.0.kind": "genetic test",
            "recommendations.0.what": "MLPA of 16q24.3",
            "recommendations.0.strength": "strong",
        }
        self.lead.act(form.text, path, **fields, _then="put")
        text = self.expert.read(path)
        remark = "Only if the family wishes."
        self.expert.act(text, f"{path}/position", verdict="remark", remark=remark)
        self.lead.confirm(f"{path}/sign/begin", f"{path}/sign/finish")

    def afterwards(self) -> None:
        path = f"{self.panel_path}/outcome"
        assert "KBG syndrome is the working diagnosis" in self.clinician.read(path)
        pdf = self.clinician.browser.get(f"{path}/pdf").content
        proof = verify_file(pdf)
        assert proof.ok, [line.text for line in proof.lines]
        assert proof.signer is not None
        assert "Ingrid Solberg" in str(proof.signer)
        assert "holds" in self.lead.read(f"{path}/verify").lower()
        assert "ITH-" in self.coordinator.read("/x/reporting/closed")
        audit = self.admin.read("/audit")
        assert "Ingrid Solberg" in audit
        assert self.clinician.browser.post(f"{self.case_path}/files", {}).status_code in {409, 422}

    def save(self, dataset: str, **fields: str | list[str]) -> None:
        path = f"{self.case_path}/records/{dataset}"
        self.clinician.act(self.clinician.read(path), path, **fields)

    def upload(self, name: str, content: bytes) -> None:
        answer = self.clinician.browser.post(
            f"{self.case_path}/files",
            content=content,
            headers={
                "Content-Type": "application/octet-stream",
                "X-File-Name": name,
                "Accept": "application/json",
            },
        )
        assert answer.status_code == 200, answer.text[:2000]

    def _invite(self, someone: Someone, name: str, role: str, hcp: str, ern: str = "") -> None:
        answer = self.admin.browser.post(
            "/people/invite",
            {"name": name, "email": someone.email, "role": role, "hcp": hcp, "ern": ern},
        )
        link, code = link_and_code(answer.text)
        someone.enrol(link, code)
        someone.sign_in()


def _one(pattern: str, page: str) -> str:
    found = re.search(pattern, page)
    assert found, f"{pattern}\n{page[:6000]}"
    return found[1]
