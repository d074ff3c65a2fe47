import io
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pytest
from pypdf import PdfReader
from pypdf.generic import DictionaryObject

from cpms_core import sandbox
from cpms_core.panels.outcome import pdf
from cpms_core.panels.outcome.document import Member, OutcomeDocument
from cpms_core.panels.outcome.draft import OutcomeDraft
from cpms_core.panels.outcome.pdf import RENDERER
from cpms_core.panels.outcome.printable import printable
from cpms_core.panels.outcome.signature import encode_signature
from tests.core.panels.make_outcome import (
    MEMBERS,
    ORIGIN,
    make_document,
    make_opinion,
    make_recommendation,
    make_signed,
    print_draft,
    print_signed,
    sign,
)
from tests.softkey import SoftKey

EMPTY = OutcomeDraft(heading="No diagnosis yet", kind="specialist opinion", answer="No.")
EVERY_SCRIPT = (
    "ÅåÄäÖöÆæØøßÞðŁłŃńŚśŹźŻżŐőŰűŢţȘșȚțĂăĞğİıČčĎďĚěŇňŘřŠšŤťŮůŽžĀāĒēĢģĪīĶķĻļŅņŪūĖėĮįŲųĦħĊċĠġ"
    " ΆΈΉΊΌΎΏΐαβγδεζηθικλμνξοπρσςτυφχψω ЂЃЄІЇЈЉЊЋЌЎЏабвгґдежзийклмнопрстуфхцчшщъыьэюя"
    " ≥ ≤ ± µ → … “ ” „ € ° ½ ² ₂ ♀ ♂ ✓"
)


def _text(data: bytes) -> str:
    pages = PdfReader(io.BytesIO(data)).pages
    return re.sub(r"[\s\u200b]+", " ", " ".join(page.extract_text() for page in pages))


def _print(**changes: Any) -> str:
    return _text(print_draft(make_document(**changes)))


def test_the_file_carries_exactly_what_was_signed() -> None:
    signed = make_signed()
    attached = PdfReader(io.BytesIO(print_signed(signed))).attachments
    assert sorted(attached) == ["outcome.json", "signature.json"]
    assert attached["outcome.json"] == [signed.outcome]
    assert attached["signature.json"] == [encode_signature(signed)]


def test_the_file_declares_pdf_a_3a_and_pdf_ua_1_and_is_tagged() -> None:
    reader = PdfReader(io.BytesIO(print_signed(make_signed())))
    root: Any = reader.root_object
    metadata = root["/Metadata"].get_data().decode()
    for name, value in (("pdfaid:part", 3), ("pdfaid:conformance", "A"), ("pdfuaid:part", 1)):
        assert f"<{name}>{value}</{name}>" in metadata
    assert root["/MarkInfo"]["/Marked"].value is True
    assert root["/Lang"] == "en-GB"
    assert "/StructTreeRoot" in root
    assert "/OutputIntents" in root
    assert [file.get_object()["/AFRelationship"] for file in root["/AF"]] == [
        "/Source",
        "/Supplement",
    ]
    assert reader.metadata is not None
    assert reader.metadata.title == "KBG syndrome is confirmed as the working diagnosis"
    assert RENDERER in str(reader.metadata["/Keywords"])


def test_every_font_is_inside_the_file() -> None:
    reader = PdfReader(io.BytesIO(print_signed(make_signed())))
    fonts = [
        font.get_object()
        for page in reader.pages
        for font in page["/Resources"]["/Font"].values()  # type: ignore[index]  # an untyped tree
    ]
    assert fonts
    for font in fonts:
        inner: DictionaryObject = font["/DescendantFonts"][0].get_object()["/FontDescriptor"]
        assert any(key.startswith("/FontFile") for key in inner)


def test_the_pages_say_what_the_outcome_says() -> None:
    signed = make_signed()
    text = _text(print_signed(signed))
    for said in (
        "KBG syndrome is confirmed as the working diagnosis",
        "Question. Does the 16q24.3 deletion explain",
        "Answer. Yes. The deletion removes",
        "ORPHA 2332 · certain",
        "Cornelia de Lange syndrome",
        "2 of 3, 1 remark",
        "1 Feb 2027",
        "agrees, with a remark on 3 “Only if the family wishes.”",
        "Δρ Αικατερίνη Παπαδοπούλου",
        "MUDr. Žofie Příhodová",
        "observer, not asked",
        "Advice of the panel; the treating doctor decides. Not for primary diagnosis.",
        "Signed by Dr Élise Moreau",
        "22 Nov 2026, 14:03 UTC",
        signed.outcome_sha256,
        signed.key_fingerprint,
        "ITH-2026-0121",
        "page 1 of 2",
    ):
        assert said in text


def test_the_same_outcome_prints_the_same_bytes_by_any_compiler() -> None:
    signed = make_signed()
    once = print_signed(signed)
    pdf._compiler.cache_clear()
    assert print_signed(signed) == once


def test_the_print_runs_in_the_sandbox() -> None:
    signed = make_signed()
    parts = signed.outcome, encode_signature(signed)
    printed = sandbox.run("cpms_core.panels.outcome.pdf:render_pdf", *parts, returns=bytes)
    assert printed == print_signed(signed)


def test_an_outcome_with_a_foreign_signature_is_not_printed() -> None:
    with pytest.raises(ValueError, match="given for another text"):
        pdf.render_pdf(make_signed().outcome, encode_signature(make_signed(version=3)))


def test_threads_print_their_own_outcomes() -> None:
    signed = [make_signed(version=version) for version in range(1, 5)]
    alone = [print_signed(one) for one in signed]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(print_signed, signed * 3)) == alone * 3


def test_a_draft_says_so_and_carries_nothing() -> None:
    data = print_draft(make_document())
    assert not PdfReader(io.BytesIO(data)).attachments
    assert "DRAFT · NOT SIGNED" in _text(data)
    assert "Nobody has signed it" in _text(data)
    assert "DRAFT" not in _text(print_signed(make_signed()))


def test_what_is_empty_leaves_no_heading_behind() -> None:
    text = _print(opinion=EMPTY, members=MEMBERS[:1], reviewed=(), consents=(), stages=())
    assert "Recommendations None." in text
    for heading in ("Other diagnoses", "If nothing is found", "Discussion", "Dissent", "Follow-up"):
        assert heading not in text


def test_words_of_people_are_never_read_as_markup() -> None:
    hostile = '#panic() $x$ *a* _b_ [c] @d <e> \\ `f` "g" // h /* i #sys.inputs = j'
    text = _print(
        opinion=make_opinion(
            heading=hostile,
            answer=hostile,
            dissent=hostile,
            recommendations=(make_recommendation(what=hostile, why=hostile),),
        ),
        question=hostile,
        site=hostile,
        pseudonym=hostile,
    )
    assert text.count(hostile) >= 6


def test_twelve_recommendations_and_long_names_fit() -> None:
    name = "Πρωτοπαπαδάκης-Κωνσταντινουπολίτης-Χατζηαποστολίδης-Αρχιμανδριτόπουλος-Δημητρίου"
    unbroken = "NM_013275.6(ANKRD11):c.1903_1907delAAACAAAinsGGGTTTCCCAAAGGGAAACCCTTTGGG"
    member = msgspec.structs.replace(MEMBERS[1], name=name, centre="y" * 90)
    text = _print(
        opinion=make_opinion(recommendations=(make_recommendation(what=unbroken),) * 12),
        members=(*MEMBERS, member),
    )
    letters = text.replace(" ", "")
    assert letters.count(unbroken) == 12
    assert name.replace(" ", "") in letters
    assert "y" * 90 in letters


def test_every_official_script_of_the_countries_is_printed() -> None:
    shown, replaced = printable(EVERY_SCRIPT)
    assert (shown.replace("\u200b", ""), replaced) == (EVERY_SCRIPT, False)
    text = _print(opinion=make_opinion(answer=EVERY_SCRIPT))
    assert EVERY_SCRIPT.replace(" ", "") in text.replace(" ", "")
    assert "no letters for" not in text


def test_letters_the_fonts_lack_are_shown_as_missing_and_said() -> None:
    text = _print(
        opinion=make_opinion(answer="a😀b漢c\x07d\u202ee\u2028f\ue000g ع"),
        members=(msgspec.structs.replace(MEMBERS[0], name="Dr 😀"),),
    )
    assert "a�b�c�d�e�f�g �" in text
    assert "Characters that this print has no letters for appear as �" in text


@pytest.mark.parametrize("start", range(0, 0x3000, 0x400))
def test_no_letter_that_passes_the_filter_stops_the_print(start: int) -> None:
    words = " ".join(chr(code) for code in range(start, start + 0x400))
    assert print_draft(make_document(question=words))


def test_letters_with_rare_accents_print() -> None:
    rare = " ".join(a + chr(c) for a in "aÐηЖ≥ↂ" for c in range(0x300, 0x370))
    text = _print(question="Καλημέρα Žď Щ " + rare)
    assert "Καλημέρα Žď Щ" in text


def test_an_amended_outcome_names_the_one_before() -> None:
    assert "ab" * 32 in _print(previous_sha256="ab" * 32)


def _with_member(**changes: Any) -> OutcomeDocument:
    member: Member = msgspec.structs.replace(MEMBERS[1], **changes)
    return make_document(members=(MEMBERS[0], member))


def test_a_disagreement_is_printed_with_its_words() -> None:
    text = _text(print_draft(_with_member(position="disagree", remark="Too early.", on=(1, 2))))
    assert "disagrees on 1, 2 “Too early.”" in text
    assert "1 of 2, 1 against" in text


def test_a_signature_by_an_unnamed_key_can_still_be_printed() -> None:
    assert print_signed(sign(SoftKey(ORIGIN), make_document()))
