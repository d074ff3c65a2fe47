"""A consultation through the pages, from the request to the signed outcome."""

import re
from uuid import UUID

import pytest
from sqlalchemy import select

from cpms_core.actor import Role
from cpms_core.cases.records import store_record
from cpms_core.datasets.records import as_form
from cpms_core.identity.models import User
from cpms_core.identity.people import new_ticket
from cpms_core.identity.sessions import actor_for
from cpms_core.panels.models import ConsultationRequest, Outcome, Panel
from cpms_core.panels.outcome.outcomes import DATASET
from cpms_core.panels.outcome.verify import verify_file
from cpms_core.panels.requests.request_form import KEY, RequestForm
from cpms_core.panels.requests.submission import submit_request
from tests import factories
from tests.core.panels.consultation import plain_opinion
from tests.journeys.people import Someone
from tests.site import Browser, TestSite


class Panels:
    """People with browsers around one request of a centre in Prague."""

    def __init__(self, site: TestSite) -> None:
        self.site = site
        self.submitter = site.person(hcp="CZ01", name="Dr Žofie Příhodová")
        self.coordinator = site.person(Role.COORDINATOR, name="Dr Coordinator")
        self.lead = site.person(hcp="NO01", name="Dr Lead")
        self.ghent = site.person(hcp="BE01", name="Dr Ghent")
        self.lyon = site.person(hcp="FR25", name="Dr Lyon")
        with site.transaction() as session:
            actor = self.submitter.actor
            case = factories.make_case(session, actor, hcp="CZ01")
            registry = site.live.registry
            asked = RequestForm(
                question_type="diagnosis",
                question="Which test next?",
                summary="Delay.",
                urgency="urgent",
                urgency_reason="Surgery is planned.",
            )
            store_record(session, actor, case, registry.datasets[KEY], asked)
            findings = registry.datasets["ithaca.findings"]
            value = findings.dataset.schema(notes="Tall")
            store_record(session, actor, case, findings, value)
            request = submit_request(session, actor, registry, case.id, "ithaca", "undiagnosed")
            self.case_id, self.request_id = case.id, request.id
            self.pseudonym = case.patient.pseudonym
        self.panel_id = UUID(int=0)

    @property
    def panel(self) -> str:
        return f"/panels/{self.panel_id}"

    def make(self) -> "Panels":
        answer = self.coordinator.post(
            f"/requests/{self.request_id}/lead",
            {
                "lead": str(self.lead.actor.user_id),
                "invite": [str(self.ghent.actor.user_id), str(self.lyon.actor.user_id)],
                "seen": "1",
            },
        )
        assert answer.status_code == 303, answer.text[:3000]
        self.panel_id = UUID(answer.headers["location"].rpartition("/")[2])
        return self

    def discuss(self) -> "Panels":
        for who in (self.ghent, self.lyon):
            given = who.post(f"{self.panel}/contributions", {"text": f"From {who.actor.name}"})
            assert given.status_code == 303, given.text[:3000]
        return self

    def seen(self, page: str) -> str:
        found = re.search(r'name="seen" value="(\d+)"', page)
        assert found, page[:5000]
        return found[1]

    def draft(self) -> "Panels":
        page = read(self.lead, self.panel)
        self.lead.post(f"{self.panel}/outcome/start", {"seen": self.seen(page)})
        return self

    def put(self) -> "Panels":
        page = read(self.lead, f"{self.panel}/outcome")
        form = as_form(DATASET, plain_opinion())
        answer = self.lead.post(
            f"{self.panel}/outcome", {**form, "seen": self.seen(page), "_then": "put"}
        )
        assert answer.status_code == 303, answer.text[:5000]
        return self


def read(browser: Browser, path: str) -> str:
    answer = browser.get(path)
    assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text[:3000]}"
    return answer.text


@pytest.fixture
def they(site: TestSite) -> Panels:
    return Panels(site)


def test_the_coordinator_finds_the_request_and_makes_the_panel(they: Panels) -> None:
    assert they.pseudonym in read(they.coordinator, "/")
    ern = they.coordinator.follow(they.coordinator.get("/erns"))
    assert they.pseudonym in ern.text and "Urgent" in ern.text
    page = read(they.coordinator, f"/requests/{they.request_id}")
    assert "Which test next?" in page and "Surgery is planned." in page
    they.make()
    page = read(they.coordinator, they.panel)
    assert "Dr Lead" in page and "From Dr Ghent" not in page


def test_two_coordinators_make_one_panel(they: Panels) -> None:
    they.make()
    again = they.coordinator.post(
        f"/requests/{they.request_id}/lead",
        {"lead": str(they.ghent.actor.user_id), "seen": "1"},
    )
    assert again.status_code == 409 and "accepted in the meantime" in again.text
    with they.site.transaction() as session:
        assert len(session.scalars(select(Panel.id)).all()) == 1


def test_a_panel_without_a_lead_is_refused_and_the_choice_is_kept(they: Panels) -> None:
    ghent = str(they.ghent.actor.user_id)
    answer = they.coordinator.post(
        f"/requests/{they.request_id}/lead", {"invite": ghent, "seen": "1"}
    )
    assert answer.status_code == 422 and "Choose one lead." in answer.text
    assert re.search(rf'name="invite" value="{ghent}" checked', answer.text)


def test_the_submitter_among_the_invited_undoes_the_whole_step(they: Panels) -> None:
    answer = they.coordinator.post(
        f"/requests/{they.request_id}/lead",
        {
            "lead": str(they.lead.actor.user_id),
            "invite": str(they.submitter.actor.user_id),
            "seen": "1",
        },
    )
    assert answer.status_code == 422
    with they.site.transaction() as session:
        assert session.scalar(select(Panel.id)) is None
        state = session.get_one(ConsultationRequest, they.request_id).state
    assert state == "submitted"


def test_a_returned_request_waits_for_its_submitter(they: Panels) -> None:
    form = {"reason": "Photos, please.", "seen": "1"}
    answer = they.coordinator.post(f"/requests/{they.request_id}/return", form)
    assert answer.status_code == 303
    home = read(they.submitter, "/")
    assert "Photos, please." in home and "Returned to you" in home


def test_the_invited_read_decline_or_contribute(they: Panels) -> None:
    they.make()
    assert "Invitation:" in read(they.ghent, "/")
    assert "You are invited to this panel" in read(they.ghent, they.panel)
    they.discuss()
    page = read(they.lead, they.panel)
    assert "From Dr Ghent" in page and "Draft the outcome" in page
    assert "Invitation:" not in read(they.ghent, "/")
    elsewhere = they.site.person(hcp="GR01")
    assert elsewhere.get(they.panel).status_code == 404


def test_declining_closes_the_case_again(they: Panels) -> None:
    they.make()
    assert they.ghent.post(f"{they.panel}/answer", {"answer": "decline"}).status_code == 303
    assert they.ghent.get(they.panel).status_code == 404
    assert they.pseudonym not in read(they.ghent, "/")


def test_a_refused_contribution_keeps_what_was_typed(they: Panels) -> None:
    they.make()
    form = {"text": "x" * 1_000_000, "certainty": "sure"}
    answer = they.ghent.post(f"{they.panel}/contributions", form)
    assert answer.status_code == 422 and "x" * 1_000_000 in answer.text


def test_a_contribution_sent_twice_is_given_once(they: Panels) -> None:
    they.make()
    form = {"text": "Once.", "_once": "abc"}
    first = they.ghent.post(f"{they.panel}/contributions", form)
    second = they.ghent.post(f"{they.panel}/contributions", form)
    assert first.headers["location"] == second.headers["location"]
    assert read(they.ghent, they.panel).count("Once.") == 1


def test_members_are_invited_and_removed_on_their_page(they: Panels) -> None:
    they.make()
    guest = they.site.person(Role.GUEST, hcp="FR25", name="Dr Guest")
    page = read(they.lead, f"{they.panel}/members")
    assert "Dr Guest" in page
    form = {"invite": str(guest.actor.user_id), "role": "observer"}
    assert they.lead.post(f"{they.panel}/members", form).status_code == 303
    assert read(guest, they.panel)
    removed = they.lead.post(f"{they.panel}/members/{guest.actor.user_id}/remove")
    assert removed.status_code == 303
    assert guest.get(they.panel).status_code == 404


def test_the_draft_says_what_is_wrong_and_keeps_what_was_typed(they: Panels) -> None:
    they.make().discuss().draft()
    page = read(they.lead, f"{they.panel}/outcome")
    form = {"answer": "Half an answer", "seen": they.seen(page)}
    answer = they.lead.post(f"{they.panel}/outcome", form)
    assert answer.status_code == 422 and "Half an answer" in answer.text
    assert "Half an answer" in read(they.lead, f"{they.panel}/outcome")
    added = they.lead.post(f"{they.panel}/outcome", {**form, "_add": "recommendations"})
    assert added.status_code == 200 and "recommendations.0.what" in added.text


def test_a_stale_draft_is_shown_beside_the_saved_one(they: Panels) -> None:
    they.make().discuss().draft()
    old = they.seen(read(they.lead, f"{they.panel}/outcome"))
    first, second = (
        as_form(DATASET, plain_opinion(heading=heading)) | {"seen": [old]}
        for heading in ("First", "Second")
    )
    assert they.lead.post(f"{they.panel}/outcome", first).status_code == 303
    answer = they.lead.post(f"{they.panel}/outcome", second)
    assert answer.status_code == 409
    assert "First" in answer.text and "Second" in answer.text
    assert read(they.lead, f"{they.panel}/outcome")


def test_nobody_outside_the_panel_reads_an_unsigned_text(they: Panels) -> None:
    they.make().discuss().draft().put()
    heading = plain_opinion().heading
    assert heading in read(they.ghent, f"{they.panel}/outcome")
    for outside in (they.submitter, they.coordinator):
        assert heading not in read(outside, f"{they.panel}/outcome")
        assert outside.get(f"{they.panel}/outcome/pdf").status_code == 404


def test_from_the_text_to_the_signed_pdf(they: Panels) -> None:
    lead = Someone(they.site, "lead@example.org")
    with they.site.transaction() as session:
        user = factories.make_user(session, hcp="NO01", email=lead.email, name="Dr Signer")
        ticket = new_ticket(session, they.site.live.key, user, created_by=None)
    lead.enrol(f"/enrol/{ticket.token}", ticket.code)
    lead.sign_in()
    with they.site.transaction() as session:
        lead.browser._actor = actor_for(session, session.get_one(User, ticket.user_id))
    they.lead = lead.browser
    they.make().discuss().draft().put()
    url = f"{they.panel}/outcome"
    early = they.lead.post(f"{url}/sign/begin", json={}, headers={"Accept": "application/json"})
    assert early.status_code == 422 and "Dr Ghent" in early.json()["error"]
    they.ghent.post(f"{url}/position", {"verdict": "agree", "seen": "1"})
    form = {"verdict": "remark", "remark": "If wished.", "about": ["3"], "seen": "1"}
    they.lyon.post(f"{url}/position", form)
    assert "Sign with your security key" in read(they.lead, url)
    lead.confirm(f"{url}/sign/begin", f"{url}/sign/finish")
    for who in (they.submitter, they.coordinator, they.ghent, they.lead):
        page = read(who, url)
        assert "Signed with a security key" in page and "If wished." in page
    pdf = they.submitter.get(f"{url}/pdf")
    assert pdf.headers["content-type"] == "application/pdf"
    with they.site.transaction() as session:
        outcome = session.scalars(select(Outcome)).one()
    proof = verify_file(pdf.content, None, "http://localhost:8000")
    assert proof.ok and proof.outcome_sha256 == outcome.sha256
    assert "This is the outcome that Dr Signer" in read(they.submitter, f"{url}/verify")
    stranger = they.site.person(hcp="GR01")
    sent = stranger.post("/verify", files={"file": ("outcome.pdf", pdf.content)})
    assert sent.status_code == 200 and "This is the outcome that Dr Signer" in sent.text
    broken = stranger.post("/verify", files={"file": ("outcome.pdf", pdf.content[:-2000])})
    assert broken.status_code == 200 and "Not proved" in broken.text
    again = they.lead.post(f"{they.panel}/contributions", {"text": "One more thing"})
    assert again.status_code == 409 and "closed" in again.text
    tags = they.site.events()
    assert {"panel:outcome:signed", "panel:outcome:verified"} <= set(tags)
