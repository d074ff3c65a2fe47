"""A panel that will not count for the indicators says so while it can still be repaired."""

import pytest

from tests.site import TestSite
from tests.web.test_panel_pages import Panels, read
from tests.web.test_quick import Quick

NEEDED = "One more contributor is needed for this panel to count for the network"


@pytest.fixture
def they(site: TestSite) -> Panels:
    """One of two has contributed, and the lead drafts nevertheless."""
    they = Panels(site).make()
    they.ghent.post(f"{they.panel}/contributions", {"text": "KBG, I think."})
    they.lyon.post(f"{they.panel}/answer", {"answer": "accept"})
    seen = they.seen(read(they.lead, they.panel))
    form = {"seen": seen, "reason": "Surgery is tomorrow."}
    assert they.lead.post(f"{they.panel}/outcome/start", form).status_code == 303
    return they


def test_the_lead_is_told_beside_the_act_that_repairs_it(they: Panels) -> None:
    for page in (they.panel, f"{they.panel}/outcome"):
        shown = read(they.lead, page)
        assert NEEDED in shown and f'href="{they.panel}/members">Invite</a>' in shown
    assert NEEDED in read(they.coordinator, they.panel)
    assert NEEDED not in read(they.ghent, they.panel), "a member invites nobody"


def test_another_voice_repairs_it(they: Panels) -> None:
    they.lyon.post(f"{they.panel}/contributions", {"text": "I agree."})
    assert NEEDED not in read(they.lead, f"{they.panel}/outcome")


def test_with_the_members_the_text_must_be_taken_back_first(they: Panels) -> None:
    they.put()
    page = read(they.lead, f"{they.panel}/outcome")
    assert NEEDED in page and "Take the text back first" in page
    assert "does not count for the network" in page and "too few have contributed" in page


def test_a_quick_panel_counts_by_the_same_rule(site: TestSite) -> None:
    they = Quick(site)
    they.send()
    they.answer(they.ghent)
    assert NEEDED in read(they.coordinator, they.panel)
