from typing import Any

import pytest

from cpms_core import Finding, ImportedCase, Term
from cpms_ern_ithaca.datasets.diagnosis import DiagnosisRecord
from cpms_ern_ithaca.datasets.findings import Findings
from cpms_ern_ithaca.datasets.genetics import Genetics
from cpms_ern_ithaca.datasets.person import Person
from cpms_ern_ithaca.phenopacket import read
from cpms_ern_ithaca.phenopacket.ages import age_in_words
from tests.plugins.ern_ithaca.published import as_bytes, make_packet, make_small_variant


def read_packet(**changes: Any) -> ImportedCase:
    return read(as_bytes(make_packet(**changes)))


def findings_of(case: ImportedCase) -> tuple[Finding, ...]:
    record = case.records["ithaca.findings"]
    assert isinstance(record, Findings)
    return record.findings


def genetics_of(case: ImportedCase) -> Genetics:
    record = case.records["ithaca.genetics"]
    assert isinstance(record, Genetics)
    return record


def diagnosis_of(case: ImportedCase) -> DiagnosisRecord:
    record = case.records["ithaca.diagnosis"]
    assert isinstance(record, DiagnosisRecord)
    return record


def test_findings_are_present_or_absent_with_their_onset_in_words() -> None:
    assert findings_of(read_packet()) == (
        Finding(term=Term("hpo", "HP:0001572", "Macrodontia")),
        Finding(
            term=Term("hpo", "HP:0000252", "Microcephaly"),
            absent=True,
            onset="Neonatal onset (HP:0003623)",
        ),
    )


def test_a_finding_negated_by_version_1_of_the_format_is_absent() -> None:
    feature = {"type": {"id": "HP:0000252", "label": "Microcephaly"}, "negated": True}
    assert findings_of(read_packet(phenotypicFeatures=[feature]))[0].absent


def test_a_finding_outside_hpo_is_left_over_and_named() -> None:
    feature = {"type": {"id": "MP:0000001", "label": "short tail"}}
    case = read_packet(phenotypicFeatures=[feature])
    assert "ithaca.findings" not in case.records
    assert case.leftover["phenotypicFeatures"] == [feature]
    assert any("short tail" in remark for remark in case.remarks)


def test_what_is_left_of_a_finding_says_which_finding_it_was() -> None:
    kind = {"id": "HP:0000252", "label": "Microcephaly"}
    feature = {"type": kind, "evidence": [{"reference": {"id": "PMID:2"}}]}
    case = read_packet(phenotypicFeatures=[feature])
    assert case.leftover["phenotypicFeatures"][0]["about"] == kind


def test_severity_and_modifiers_become_the_note_of_a_finding() -> None:
    feature = {
        "type": {"id": "HP:0000252", "label": "Microcephaly"},
        "severity": {"id": "HP:0012828", "label": "Severe"},
        "modifiers": [{"id": "HP:0012835", "label": "Left"}],
        "description": "seen late",
    }
    note = findings_of(read_packet(phenotypicFeatures=[feature]))[0].note
    assert note == "Severe (HP:0012828); Left (HP:0012835); seen late"


def test_age_and_living_status_are_kept_without_a_birth_date() -> None:
    case = read_packet()
    assert (case.sex, case.birth_year, case.birth_month) == ("female", None, None)
    expected = Person(age_last_seen="2 y 3 m", living_status="deceased")
    assert case.records["ithaca.person"] == expected


def test_a_case_without_age_or_sex_is_no_error() -> None:
    case = read_packet(subject={"id": "x"})
    assert case.sex == "unknown"
    assert "ithaca.person" not in case.records
    assert "Sex unknown, age not told." in case.summary


def test_the_day_of_birth_is_kept_apart_from_year_and_month() -> None:
    case = read_packet(subject={"dateOfBirth": "2019-05-17T00:00:00Z"})
    assert (case.birth_year, case.birth_month) == (2019, 5)
    assert case.leftover["subject"] == {"dayOfBirth": "17T00:00:00Z"}
    assert "2019" not in case.summary


def test_a_small_variant_keeps_gene_hgvs_position_and_judgement() -> None:
    (variant,) = genetics_of(read_packet()).variants
    assert (variant.gene, variant.gene_id) == ("ANKRD11", "HGNC:21316")
    assert variant.coding == "NM_013275.6:c.7216C>T"
    assert variant.protein == "NP_037407.4:p.(Gln2406Ter)"
    assert (variant.assembly, variant.position) == ("GRCh38", "chr16-89279326-G-A")
    assert (variant.zygosity, variant.acmg) == ("heterozygous", "5 pathogenic")
    assert variant.standing == "causative"


def test_a_structural_variant_may_have_nothing_but_a_label() -> None:
    variant = make_small_variant()
    variant["variantInterpretation"] = {
        "variationDescriptor": {
            "label": "telomeric 11q deletion",
            "structuralType": {"id": "SO:1000029", "label": "chromosomal_deletion"},
        }
    }
    told = {"diagnosis": {"genomicInterpretations": [variant]}}
    genetics = genetics_of(read_packet(interpretations=[told]))
    assert genetics.variants == ()
    assert genetics.structural[0].description == "telomeric 11q deletion"
    assert genetics.structural[0].kind == "chromosomal_deletion (SO:1000029)"


def test_an_assembly_we_do_not_know_leaves_the_position_as_it_stood() -> None:
    variant = make_small_variant()
    record = variant["variantInterpretation"]["variationDescriptor"]["vcfRecord"]
    record["genomeAssembly"] = "hg17"
    told = {"diagnosis": {"genomicInterpretations": [variant]}}
    case = read_packet(interpretations=[told])
    assert genetics_of(case).variants[0].position == ""
    assert record in _objects(case.leftover)


def test_the_disease_named_twice_is_one_diagnosis_with_its_onset() -> None:
    record = diagnosis_of(read_packet())
    assert record.solved == "yes"
    (diagnosis,) = record.diagnoses
    assert diagnosis.disease == Term("omim", "OMIM:148050", "KBG syndrome")
    assert (diagnosis.certainty, diagnosis.onset) == ("confirmed", "8 m")


@pytest.mark.parametrize(
    ("code", "term"),
    [
        ("Orphanet:2332", Term("orpha", "ORPHA:2332", "KBG syndrome")),
        ("ORPHA:2332", Term("orpha", "ORPHA:2332", "KBG syndrome")),
        ("MONDO:0007846", None),
    ],
)
def test_a_disease_is_coded_in_orpha_or_omim_and_otherwise_told_in_words(
    code: str, term: Term | None
) -> None:
    disease = {"term": {"id": code, "label": "KBG syndrome"}, "excluded": True}
    (diagnosis,) = diagnosis_of(read_packet(diseases=[disease], interpretations=[])).diagnoses
    assert diagnosis.disease == term
    assert diagnosis.in_words == ("" if term else f"KBG syndrome ({code})")
    assert diagnosis.certainty == "ruled out"


def test_the_summary_says_what_the_codes_say_and_nothing_of_the_genome() -> None:
    case = read_packet()
    assert case.question == ""
    assert case.summary.splitlines() == [
        "Published case: PMID:1 A title.",
        "Female, last seen at 2 y 3 m, deceased.",
        "Diagnosis in the file: KBG syndrome (OMIM:148050), confirmed, onset: 8 m.",
        "Findings present: Macrodontia.",
        "Findings absent: Microcephaly (Neonatal onset (HP:0003623)).",
    ]


def test_what_is_said_of_an_interpretation_goes_with_the_genome() -> None:
    told = {"progressStatus": "SOLVED", "summary": "ANKRD11 explains it."}
    records = read_packet(interpretations=[told]).records
    assert records["ithaca.genetics"] == Genetics(notes="ANKRD11 explains it.")


def test_remarks_name_what_was_kept_aside_once_for_each_kind() -> None:
    within = "genomicInterpretations.subjectOrBiosampleId, variationDescriptor.id"
    assert read_packet(biosamples=[{"id": "b"}, {"id": "c"}]).remarks == (
        f"The file's own identifiers are kept aside: id, {within}.",
        "How the file was made is kept aside: createdBy.",
        "“biosamples” has no place in the record and is kept aside as it stood: id.",
    )


@pytest.mark.parametrize(
    ("duration", "words"),
    [
        ("P4Y", "4 y"),
        ("P2Y3M", "2 y 3 m"),
        ("P0D", "0 d"),
        ("P3W", "3 w"),
        ("P0Y8M", "8 m"),
        ("PT5H", "5 h"),
        ("P", "P"),
        ("about six", "about six"),
    ],
)
def test_a_duration_is_told_in_words(duration: str, words: str) -> None:
    assert age_in_words(duration) == words


def _objects(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [value, *(found for one in value.values() for found in _objects(one))]
    if isinstance(value, list):
        return [found for one in value for found in _objects(one)]
    return []
