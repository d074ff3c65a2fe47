"""A closed panel is taken up again on new data, or archived; figures keep the first closing."""

import pytest

from cpms_core.clock import clock
from cpms_core.panels.models import Panel
from tests.journeys.people import hidden_inputs
from tests.site import TestSite
from tests.web.closed_panel import ClosedPanel, text_of
from tests.web.test_panel_pages import read

NEW = "The exome is back."


@pytest.fixture
def they(site: TestSite) -> ClosedPanel:
    return ClosedPanel(site)


def ask(they: ClosedPanel) -> str:
    return they.act(they.submitter, they.url, f"{they.panel}/reopening", reason=NEW)


def test_the_submitter_asks_and_the_lead_reopens(they: ClosedPanel) -> None:
    with they.site.transaction() as session:
        closed_at = session.get_one(Panel, they.panel_id).closed_at
    they.later(10)
    assert "The lead or the network decides." in ask(they)
    assert NEW in read(they.lead, "/") and NEW in read(they.coordinator, "/")
    assert NEW not in read(they.ghent, "/")
    refused = they.ghent.post(f"{they.panel}/reopening/grant", {"asking": "0" * 32})
    assert refused.status_code == 403
    they.act(they.lead, they.url, f"{they.panel}/reopening/grant")
    assert they.stage() == "assessment"
    assert "core.request" in read(they.submitter, f"/cases/{they.case_id}")
    edited = they.submitter.get(f"/cases/{they.case_id}/records/core.request")
    assert edited.status_code == 200, "the case can be changed again"
    with they.site.transaction() as session:
        panel = session.get_one(Panel, they.panel_id)
        assert panel.due_at is not None and panel.due_at > clock.now(), "the clock begins anew"
        assert panel.closed_at == closed_at, "figures keep the first closing"
    told = text_of(read(they.submitter, they.url))
    assert "Signed with a security key" in told


def test_a_refusal_says_why_and_another_asking_is_possible(they: ClosedPanel) -> None:
    ask(they)
    again = they.submitter.post(f"{they.panel}/reopening", {"reason": "And more."})
    assert again.status_code == 409
    form = {"asking": asking(they), "answer": ""}
    assert they.coordinator.post(f"{they.panel}/reopening/refuse", form).status_code == 422
    they.act(they.coordinator, they.url, f"{they.panel}/reopening/refuse", answer="Send it anew.")
    assert they.stage() == "closed"
    page = text_of(read(they.submitter, they.url))
    assert "Not reopened" in page and "“Send it anew.”" in page
    assert they.submitter.post(f"{they.panel}/reopening", {"reason": "More."}).status_code == 303


def test_after_a_reopening_the_next_outcome_begins_from_the_signed_one(they: ClosedPanel) -> None:
    they.act(they.lead, they.url, f"{they.panel}/reopen", reason=NEW)
    they.draft()
    page = read(they.lead, they.url)
    assert "KBG syndrome is confirmed as the working diagnosis" in page
    they.put()
    they.sign()
    assert they.stage() == "closed"
    assert "Version 2" in text_of(read(they.submitter, they.url))


def test_a_panel_is_archived_only_when_nothing_is_asked_any_more(they: ClosedPanel) -> None:
    page = text_of(read(they.coordinator, they.url))
    assert "It cannot be archived yet" in page
    early = they.coordinator.post(f"{they.panel}/archive", {"seen": "1"})
    assert early.status_code == 422 and "still asked" in early.text
    they.later(200)
    assert they.tidy() == 0
    they.later(300)
    before = figures(they)
    assert they.tidy() == 1
    assert they.stage() == "archived"
    assert figures(they) == before
    page = text_of(read(they.submitter, they.url))
    assert "Archived on" in page and "Signed with a security key" in page
    assert they.submitter.post(f"{they.panel}/reopening", {"reason": NEW}).status_code == 409


def figures(they: ClosedPanel) -> dict[str, str]:
    """Every report as its file, as the coordinator has it."""
    found = {}
    for name in ("stages", "times", "closed", "voices", "networks", "years"):
        answer = they.coordinator.get(f"/x/reporting/{name}/export.csv")
        assert answer.status_code == 200, name
        found[name] = answer.text
    return found


def asking(they: ClosedPanel) -> str:
    path = f"{they.panel}/reopening/grant"
    return str(hidden_inputs(read(they.coordinator, they.url), path)["asking"])
