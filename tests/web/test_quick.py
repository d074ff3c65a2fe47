"""The quick workflow through the pages: sent, open to the experts at once, answered, closed."""

import re
from uuid import UUID

import pytest
from sqlalchemy import select

from cpms_core.actor import Role
from cpms_core.cases.records import store_record
from cpms_core.directory.models import Ern
from cpms_core.identity.models import AreaInterest, User
from cpms_core.panels.models import Panel, PanelMember
from cpms_core.panels.requests.request_form import KEY, RequestForm
from tests import factories
from tests.site import Browser, TestSite


class Quick:
    """A submitter in Prague, and a network whose requests are answered without a triage."""

    def __init__(self, site: TestSite, *, has_holder: bool = True) -> None:
        self.site = site
        self.submitter = site.person(hcp="CZ01", name="Dr Žofie Příhodová")
        self.ghent = site.person(hcp="BE01", name="Dr Ghent")
        self.lyon = site.person(hcp="FR25", name="Dr Lyon")
        if has_holder:
            self.coordinator = site.person(Role.COORDINATOR, name="Dr Coordinator")
        with site.transaction() as session:
            session.get_one(Ern, "ithaca").workflow = "quick"
            session.add(
                AreaInterest(user_id=self.ghent.actor.user_id, ern_id="ithaca", area="undiagnosed")
            )
            actor, registry = self.submitter.actor, site.live.registry
            case = factories.make_case(session, actor, hcp="CZ01")
            asked = RequestForm(
                question_type="diagnosis", question="Which test next?", summary="Delay."
            )
            store_record(session, actor, case, registry.datasets[KEY], asked)
            findings = registry.datasets["ithaca.findings"]
            value = findings.dataset.schema(notes="Tall")
            store_record(session, actor, case, findings, value)
            self.case_id = case.id
        self.panel = ""

    def send(self) -> None:
        form = {"ern": "ithaca", "area": "undiagnosed"}
        assert self.submitter.post(f"/cases/{self.case_id}/submit", form).status_code == 303
        with self.site.transaction() as session:
            found = session.scalar(select(Panel.id).where(Panel.case_id == self.case_id))
        self.panel = f"/panels/{found}" if found else ""

    def answer(self, who: Browser, text: str = "Sequence ANKRD11.") -> None:
        given = who.post(f"{self.panel}/contributions", {"text": text})
        assert given.status_code == 303, given.text[:2000]

    def close(self, who: Browser, note: str, seen: str = "") -> int:
        seen = seen or _seen(who.get(self.panel).text)
        return int(who.post(f"{self.panel}/close", {"note": note, "seen": seen}).status_code)


def _seen(page: str) -> str:
    found = re.search(r'/close">.*?name="seen" value="(\d+)"', page, re.DOTALL)
    assert found, page[:5000]
    return found[1]


@pytest.fixture
def they(site: TestSite) -> Quick:
    return Quick(site)


def test_a_request_to_a_quick_network_is_open_to_those_who_follow_the_area_at_once(
    they: Quick,
) -> None:
    they.send()
    assert "Which test next?" in they.ghent.get("/").text
    assert "Which test next?" not in they.lyon.get("/").text
    assert "Open to the experts" in they.coordinator.get("/").text
    assert they.lyon.get(they.panel).status_code == 404


def test_the_first_answer_gives_the_ball_to_the_submitter(they: Quick) -> None:
    they.send()
    they.answer(they.ghent)
    assert "1 expert answered" in they.submitter.get("/").text
    page = they.submitter.get(they.panel).text
    assert "Sequence ANKRD11." in page and "Close the consultation" in page
    assert "Close the consultation" not in they.ghent.get(they.panel).text


def test_the_submitter_closes_it_with_a_note_that_the_experts_read(they: Quick) -> None:
    they.send()
    they.answer(they.ghent)
    assert they.close(they.submitter, "We sequence ANKRD11.") == 303
    page = they.ghent.get(they.panel).text
    assert "We sequence ANKRD11." in page and "Closed" in page
    assert they.ghent.post(f"{they.panel}/contributions", {"text": "More."}).status_code == 409


def test_it_is_not_closed_without_a_note_or_without_an_answer(they: Quick) -> None:
    they.send()
    assert they.close(they.submitter, "Done.", seen="1") == 409
    they.answer(they.ghent)
    assert they.close(they.submitter, "  ") == 422


def test_a_submitter_who_needs_more_asks_again_and_the_experts_see_it(they: Quick) -> None:
    they.send()
    they.answer(they.ghent)
    seen = _seen(they.submitter.get(they.panel).text)
    form = {"again": "And if it is negative?", "seen": seen}
    assert they.submitter.post(f"{they.panel}/ask-again", form).status_code == 303
    assert "And if it is negative?" in they.ghent.get(they.panel).text
    assert "Close the consultation" not in they.submitter.get(they.panel).text
    they.answer(they.ghent, "Then KBG is unlikely.")
    assert they.close(they.submitter, "Thank you.") == 303


def test_a_member_who_only_answers_cannot_close_it(they: Quick) -> None:
    they.send()
    they.answer(they.ghent)
    assert they.close(they.ghent, "Done.", seen="2") == 403
    assert they.close(they.lyon, "Done.", seen="2") == 404


def test_nobody_to_hold_it_means_it_waits_for_triage(site: TestSite) -> None:
    they = Quick(site, has_holder=False)
    they.send()
    assert they.panel == ""
    coordinator = site.person(Role.COORDINATOR, name="Dr Late")
    page = coordinator.follow(coordinator.get("/erns")).text
    found = re.search(r"/requests/([0-9a-f-]{36})", page)
    assert found
    form = {"lead": str(they.lyon.actor.user_id), "seen": "1"}
    made = coordinator.post(f"/requests/{found[1]}/lead", form)
    assert made.status_code == 303
    with site.transaction() as session:
        panel = session.get_one(Panel, UUID(made.headers["location"].rpartition("/")[2]))
        assert (panel.workflow, panel.stage) == ("quick", "open")


def test_whoever_asks_never_holds_the_own_panel(they: Quick) -> None:
    with they.site.transaction() as session:
        user = session.get_one(User, they.submitter.actor.user_id)
        factories.give_role(session, user, Role.DISPATCHER, hcp="CZ01")
    they.send()
    with they.site.transaction() as session:
        leads = session.scalars(select(PanelMember.user_id).where(PanelMember.role == "lead"))
        assert they.submitter.actor.user_id not in set(leads)
