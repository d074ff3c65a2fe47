"""The letters of a signed outcome: to the colleague who asked, and in plain words to the family."""

import io
from datetime import UTC, datetime

import msgspec
import pytest
from pypdf import PdfReader

from cpms_core.datasets.records import as_form
from cpms_core.panels.outcome.canonical import canonical_json
from cpms_core.panels.outcome.draft import RecommendationKind
from cpms_core.panels.outcome.family_words import BY_LANGUAGE, ENGLISH
from cpms_core.panels.outcome.letter_family import family_letter
from cpms_core.panels.outcome.outcomes import DATASET
from tests.core.panels.consultation import plain_opinion
from tests.core.panels.make_outcome import make_document, make_opinion, make_recommendation
from tests.site import TestSite
from tests.web.closed_panel import ClosedPanel, text_of
from tests.web.test_panel_pages import Panels, read

NOW = datetime(2026, 11, 25, tzinfo=UTC)


def test_both_letters_are_read_and_printed_once_the_outcome_is_signed(site: TestSite) -> None:
    they = ClosedPanel(site)
    for kind, heard in (("referrer", "Dear Dr Žofie Příhodová,"), ("family", "Dear family,")):
        url = f"{they.url}/letters/{kind}"
        assert heard in text_of(read(they.submitter, url))
        pdf = they.submitter.get(f"{url}/pdf")
        assert pdf.headers["content-type"] == "application/pdf"
        metadata = PdfReader(io.BytesIO(pdf.content)).root_object["/Metadata"].get_data().decode()  # type: ignore[attr-defined]  # an untyped tree
        assert "<pdfaid:part>3</pdfaid:part>" in metadata
    assert they.submitter.get(f"{they.url}/letters/insurer").status_code == 404
    assert site.person(hcp="GR01").get(f"{they.url}/letters/family").status_code == 404
    assert site.events().count("panel:letter:read") == 4


def test_there_is_no_letter_before_the_signature(site: TestSite) -> None:
    they = Panels(site).make().discuss().draft().put()
    for who in (they.submitter, they.ghent, they.lead):
        assert who.get(f"{they.panel}/outcome/letters/family").status_code == 404


def test_the_lead_reads_both_letters_before_the_signature_and_nobody_else_does(
    site: TestSite,
) -> None:
    they = Panels(site).make().discuss().draft()
    url = f"{they.panel}/outcome"
    assert they.lead.get(f"{url}/letters").status_code == 404, "nothing is saved yet"
    form = as_form(DATASET, plain_opinion(for_family="We know the name now."))
    seen = they.seen(read(they.lead, url))
    saved = they.lead.post(url, {**form, "seen": seen, "_then": "letters"})
    assert saved.headers["location"] == f"{url}/letters"
    page = text_of(read(they.lead, f"{url}/letters"))
    assert "Dear Dr Žofie Příhodová," in page and "We know the name now." in page
    assert page.count("Draft, not signed") == 2
    for who, status in ((they.ghent, 403), (they.submitter, 403), (they.coordinator, 403)):
        assert who.get(f"{url}/letters").status_code == status, who.actor.name
    assert site.events().count("panel:letter:read") == 1


def test_what_is_wrong_in_the_draft_is_said_before_its_letters_are_shown(site: TestSite) -> None:
    they = Panels(site).make().discuss().draft()
    url = f"{they.panel}/outcome"
    form = {**as_form(DATASET, plain_opinion()), "heading": [""]}
    seen = they.seen(read(they.lead, url))
    refused = they.lead.post(url, {**form, "seen": seen, "_then": "letters"})
    assert refused.status_code == 422 and "Error: " in refused.text


def test_the_letters_before_the_signature_count_the_answers_given_so_far(site: TestSite) -> None:
    they = Panels(site).make().discuss().draft().put()
    url = f"{they.panel}/outcome"
    assert f'href="{url}/letters"' in read(they.lead, url)
    assert "1 of 3 agree" in text_of(read(they.lead, f"{url}/letters"))
    form = {"verdict": "agree", "seen": they.seen(read(they.ghent, url))}
    assert they.ghent.post(f"{url}/position", form).status_code == 303
    assert "2 of 3 agree" in text_of(read(they.lead, f"{url}/letters"))


FREE_TEXT = "Zebra-free-text"


def test_no_free_text_of_the_experts_reaches_the_family(site: TestSite) -> None:
    del site
    opinion = make_opinion(
        heading=FREE_TEXT,
        answer=FREE_TEXT,
        discussion=FREE_TEXT,
        dissent=FREE_TEXT,
        limits=FREE_TEXT,
        next_step=FREE_TEXT,
        recommendations=(
            make_recommendation(
                what=FREE_TEXT, why=FREE_TEXT, reference=FREE_TEXT, where=FREE_TEXT
            ),
        ),
    )
    document = make_document(opinion=opinion, question=FREE_TEXT)
    letter = family_letter(document, NOW, None)
    assert FREE_TEXT not in str(letter)


def test_what_the_lead_wrote_for_the_family_is_passed_on() -> None:
    opinion = make_opinion(
        for_family="We know now why he grows slowly.",
        recommendations=(make_recommendation(for_family="An ultrasound of the heart."),),
    )
    letter = str(family_letter(make_document(opinion=opinion), NOW, None))
    assert "We know now why he grows slowly." in letter
    assert "An ultrasound of the heart." in letter
    assert "Its name is KBG syndrome." in letter and "your child" in letter


@pytest.mark.parametrize("words", BY_LANGUAGE.values(), ids=BY_LANGUAGE.keys())
def test_every_code_has_its_sentence_in_every_language(words: object) -> None:
    assert isinstance(words, type(ENGLISH))
    assert set(words.kinds) == set(RecommendationKind.__args__)  # type: ignore[attr-defined]  # of a Literal
    assert set(words.certainty) == {"certain", "probable", "possible"}


def test_the_sentences_are_short_and_plain() -> None:
    texts = [text for text in msgspec.to_builtins(ENGLISH).values() if isinstance(text, str)]
    sentences = [one for text in texts for one in text.split(". ")]
    assert max(len(one.split()) for one in sentences) <= 25
    assert canonical_json(msgspec.to_builtins(ENGLISH))
