"""A signed outcome is amended only by another one that is signed."""

import io

import pytest
from pypdf import PdfReader
from sqlalchemy import select

from cpms_core.datasets.records import as_form
from cpms_core.panels.models import Outcome, Panel
from cpms_core.panels.outcome.document import read_outcome
from cpms_core.panels.outcome.outcomes import DATASET
from cpms_core.panels.outcome.verify import verify_file
from tests.core.panels.consultation import plain_opinion
from tests.site import TestSite
from tests.web.closed_panel import ClosedPanel, text_of
from tests.web.test_panel_pages import read

FIRST = plain_opinion().heading
REASON = "The array was read again."


@pytest.fixture
def they(site: TestSite) -> ClosedPanel:
    return ClosedPanel(site)


def amend(they: ClosedPanel) -> str:
    return they.act(they.lead, they.url, f"{they.url}/amend", reason=REASON)


def rewrite(they: ClosedPanel, heading: str) -> None:
    page = read(they.lead, they.url)
    form = as_form(DATASET, plain_opinion(heading=heading))
    answer = they.lead.post(they.url, {**form, "seen": they.seen(page), "_then": "put"})
    assert answer.status_code == 303, answer.text[:3000]


def test_the_signed_text_holds_for_everybody_until_the_next_is_signed(they: ClosedPanel) -> None:
    page = amend(they)
    assert f'value="{FIRST}"' in page, "the draft begins from what was signed"
    assert REASON in page
    for who in (they.submitter, they.coordinator, they.ghent):
        shown = text_of(read(who, they.url))
        assert FIRST in shown and "holds until the next one is signed" in shown
    rewrite(they, "A second reading")
    assert "A second reading" not in read(they.submitter, they.url)
    assert "A second reading" in read(they.ghent, they.url), "members are asked again"
    assert they.submitter.get(f"{they.url}/pdf").status_code == 200


def test_the_next_signature_binds_the_one_before_and_marks_it(they: ClosedPanel) -> None:
    with they.site.transaction() as session:
        closed_at = session.get_one(Panel, they.panel_id).closed_at
    amend(they)
    rewrite(they, "A second reading")
    they.sign()
    with they.site.transaction() as session:
        first, second = session.scalars(select(Outcome).order_by(Outcome.version)).all()
        assert session.get_one(Panel, they.panel_id).closed_at == closed_at
        document = read_outcome(second.frozen or b"")
    assert document.previous_sha256 == first.sha256
    assert document.amends_because == REASON
    page = text_of(read(they.submitter, they.url))
    assert "A second reading" in page and "Amended by version 2 on" in page
    old = text_of(read(they.submitter, f"{they.url}?version=1"))
    assert FIRST in old and "Amended by version 2 on" in old and "A second reading" not in old
    assert they.submitter.get(f"{they.url}?version=3").status_code == 404


def test_the_old_pdf_is_marked_and_both_prove_the_chain(they: ClosedPanel) -> None:
    amend(they)
    rewrite(they, "A second reading")
    they.sign()
    new = they.submitter.get(f"{they.url}/pdf").content
    old = they.submitter.get(f"{they.url}/pdf?version=1").content
    printed = " ".join(page.extract_text() for page in PdfReader(io.BytesIO(old)).pages)
    assert "Superseded." in printed and "superseded by version 2" in printed
    alone = verify_file(old, None, "http://localhost:8000")
    assert alone.ok and alone.pages == "same"
    assert any("version 2 amended it" in line.text for line in alone.lines)
    chain = verify_file(new, None, "http://localhost:8000", earlier=[old])
    assert chain.ok
    assert any(line.ok and "amends version 1" in line.text for line in chain.lines)
    without = verify_file(new, None, "http://localhost:8000")
    assert without.ok
    assert any(line.ok is None and "was not given" in line.text for line in without.lines)
    page = text_of(read(they.submitter, f"{they.url}/verify"))
    assert "Version 2 amends version 1" in page and "that signature holds too" in page
    files = [("file", ("new.pdf", new)), ("file", ("old.pdf", old))]
    sent = they.submitter.post("/verify", files=files)
    assert sent.status_code == 200 and "Version 2 amends version 1" in sent.text
    sent = they.site.person(hcp="GR01").post("/verify", files={"file": ("old.pdf", old)})
    assert "It no longer holds: on this site version 2 amended it" in sent.text


def test_an_amendment_needs_a_reason_and_can_be_dropped(they: ClosedPanel) -> None:
    refused = they.lead.post(f"{they.url}/amend", {"reason": " ", "seen": seen_panel(they)})
    assert refused.status_code == 422 and "Say why, in a sentence." in refused.text
    assert they.ghent.post(f"{they.url}/amend", {"reason": "No.", "seen": "1"}).status_code == 403
    amend(they)
    assert they.stage() == "outcome"
    page = they.act(they.lead, they.url, f"{they.url}/keep")
    assert they.stage() == "closed"
    assert FIRST in page and "Signed with a security key" in page


def seen_panel(they: ClosedPanel) -> str:
    with they.site.transaction() as session:
        return str(session.get_one(Panel, they.panel_id).row_version)
