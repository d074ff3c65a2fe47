import pytest
from sqlalchemy.orm import Session

from cpms_core.datasets.kinds import Term
from cpms_core.terminology import resolve, search
from tests.core.terminology.store import ALL


def labels(session: Session, text: str, systems: tuple[str, ...] = ALL) -> list[str]:
    return [hit.label for hit in search(session, systems, text)]


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("mic", ["Microcephaly", "Secondary microcephaly"]),
        ("MICROCEPH", ["Microcephaly", "Secondary microcephaly"]),
        ("behcet", ["Behçet disease"]),
        ("Behçet", ["Behçet disease"]),
        ("oesophageal", ["Esophageal atresia"]),
        ("tumour", ["Tumor"]),
        ("delay dev", ["Global developmental delay"]),
        ("del glob", ["Global developmental delay"]),
        ("eye of abn", ["Abnormality of the eye", "Eye abnormality of another kind"]),
        ("cephaly", []),
        ("mi", []),
        ("", []),
        ("   ", []),
        ("---", []),
        ("zzzz", []),
    ],
)
def test_words_are_found_from_their_beginning_in_any_order(
    session: Session, typed: str, found: list[str]
) -> None:
    assert labels(session, typed) == found


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("HP:0000252", "HP:0000252"),
        ("hp:0000252", "HP:0000252"),
        (" HP 252 ", "HP:0000252"),
        ("HP_0000252", "HP:0000252"),
        ("ORPHA:2332", "ORPHA:2332"),
        ("orphanet 2332", "ORPHA:2332"),
        ("#148050", "OMIM:148050"),
        ("MIM 148050", "OMIM:148050"),
        ("117", "ORPHA:117"),
    ],
)
def test_a_typed_code_finds_its_concept(session: Session, typed: str, code: str) -> None:
    (hit,) = search(session, ALL, typed)
    assert (hit.code, hit.matched) == (code, code)


def test_an_obsolete_code_finds_what_took_its_place_and_says_so(session: Session) -> None:
    (hit,) = search(session, ALL, "HP:0000057")
    assert (hit.code, hit.label, hit.matched) == (
        "HP:0008665",
        "Clitoral hypertrophy",
        "HP:0000057",
    )


@pytest.mark.parametrize("typed", ["HP:0040295", "HP:0040296", "Gone for good", "Clitoromegaly"])
def test_an_obsolete_concept_is_never_offered(session: Session, typed: str) -> None:
    assert search(session, ALL, typed) == []


def test_a_synonym_is_shown_with_definition_and_branch(session: Session) -> None:
    (hit,) = search(session, ALL, "small head")
    assert (hit.label, hit.matched) == ("Microcephaly", "Small head")
    assert hit.definition.startswith("Head circumference")
    assert hit.branch == "Head or neck"


def test_a_concept_appears_once_however_many_wordings_fit(session: Session) -> None:
    assert labels(session, "head") == ["Microcephaly"]


def test_exact_comes_before_beginning_and_label_before_synonym(session: Session) -> None:
    assert labels(session, "eye") == ["Eye abnormality of another kind", "Abnormality of the eye"]
    assert labels(session, "microcephaly") == ["Microcephaly", "Secondary microcephaly"]


def test_only_the_systems_asked_for_are_searched(session: Session) -> None:
    assert {hit.system for hit in search(session, ALL, "kbg")} == {"orpha", "omim"}
    assert {hit.system for hit in search(session, ("omim",), "kbg")} == {"omim"}
    assert search(session, ("hpo",), "kbg") == []
    assert search(session, (), "kbg") == []
    assert search(session, ("icd10",), "HP:0000252") == []


def test_no_more_than_the_limit_is_found(session: Session) -> None:
    assert len(search(session, ALL, "numbered")) == 12
    assert len(search(session, ALL, "numbered", limit=3)) == 3


@pytest.mark.parametrize("typed", ["%%%", "___", "%mic", "mi_rocephaly", "100_", "' OR 1=1 --"])
def test_wildcards_and_quotes_are_nothing_but_blanks(session: Session, typed: str) -> None:
    assert len(labels(session, typed)) <= 2


def test_what_looks_like_a_wildcard_in_a_label_is_found(session: Session) -> None:
    assert labels(session, "100% made-up_syn") == ["100% made-up_syndrome"]


@pytest.mark.parametrize(
    "typed",
    ["mic\0rocephaly", "\ud800mic", "mic\udfff", "🦷🦷🦷", "\u202emic" * 9_999, "mic " * 10_000],
)
def test_strange_input_is_answered(session: Session, typed: str) -> None:
    assert len(search(session, ALL, typed)) <= 12
    assert resolve(session, ALL, typed) is None


@pytest.mark.parametrize(
    ("typed", "systems", "term"),
    [
        ("HP:0000252", ALL, Term("hpo", "HP:0000252", "Microcephaly")),
        ("microcephaly", ALL, Term("hpo", "HP:0000252", "Microcephaly")),
        ("Small Head", ALL, Term("hpo", "HP:0000252", "Microcephaly")),
        ("KBG syndrome", ("orpha", "omim"), Term("orpha", "ORPHA:2332", "KBG syndrome")),
        ("KBG syndrome", ("omim", "orpha"), Term("omim", "OMIM:148050", "KBG syndrome")),
        ("HP:0000057", ALL, Term("hpo", "HP:0008665", "Clitoral hypertrophy")),
        ("microceph", ALL, None),
        ("HP:9999999", ALL, None),
        ("HP:0040295", ALL, None),
        ("ORPHA:2332", ("hpo",), None),
        ("", ALL, None),
    ],
)
def test_a_text_resolves_to_the_one_term_it_names(
    session: Session, typed: str, systems: tuple[str, ...], term: Term | None
) -> None:
    assert resolve(session, systems, typed) == term


def test_a_number_finds_codes_first_and_then_words(session: Session) -> None:
    hits = search(session, ALL, "9")
    assert [hit.code for hit in hits] == ["ORPHA:9"]
    assert [hit.code for hit in search(session, ALL, "900")] == []
    assert labels(session, "17") == []
