"""A case as a phenopacket, from whatever forms it holds."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cpms_core import CaseView, Finding, RecordView, Term
from cpms_core.db import new_id
from cpms_reporting.phenopacket import phenopacket_of, write_phenopacket

SMALL_HEAD = Term("hpo", "HP:0000252", "Microcephaly")
KBG = Term("orpha", "ORPHA:2332", "KBG syndrome")
SAVED = datetime(2026, 11, 22, 14, tzinfo=UTC)


def case(records: Mapping[str, Any] | None = None, **changes: Any) -> CaseView:
    values: dict[str, Any] = {
        "id": new_id(),
        "pseudonym": "Wren-38",
        "sex": "female",
        "birth_year": 2020,
        "birth_month": 7,
        "age": "6 y 4 m",
        "centre": "Prague",
        "country": "CZ",
        "records": {
            key: RecordView(
                dataset=key,
                version=1,
                data=msgspec.to_builtins(data),
                author="Dr A",
                saved_at=SAVED,
            )
            for key, data in (records or {}).items()
        },
        "attachments": (),
    }
    return CaseView(**(values | changes))


def test_findings_become_features_absent_ones_excluded() -> None:
    findings = [
        Finding(term=SMALL_HEAD, onset="P2Y3M"),
        Finding(term=Term("hpo", "HP:0000175", "Cleft palate"), absent=True, onset="at birth"),
    ]
    packet = phenopacket_of(case({"a.findings": {"seen": findings}}))
    assert packet["phenotypicFeatures"] == [
        {
            "type": {"id": "HP:0000252", "label": "Microcephaly"},
            "onset": {"age": {"iso8601duration": "P2Y3M"}},
        },
        {"type": {"id": "HP:0000175", "label": "Cleft palate"}, "excluded": True},
    ]


def test_a_disease_that_was_ruled_out_is_excluded() -> None:
    rows = [
        {"disease": KBG, "certainty": "possible"},
        {"disease": Term("omim", "OMIM:122470", "CdLS 1"), "certainty": "ruled out"},
        {"disease": None, "in_words": "something new"},
    ]
    packet = phenopacket_of(case({"a.diagnosis": {"diagnoses": rows}}))
    assert packet["diseases"] == [
        {"term": {"id": "ORPHA:2332", "label": "KBG syndrome"}},
        {"term": {"id": "OMIM:122470", "label": "CdLS 1"}, "excluded": True},
    ]
    assert [one["namespacePrefix"] for one in packet["metaData"]["resources"]] == ["ORPHA", "OMIM"]


def test_what_two_forms_tell_is_told_once() -> None:
    seen = {"findings": [Finding(term=SMALL_HEAD)]}
    packet = phenopacket_of(case({"a.birth": seen, "a.findings": seen}))
    assert len(packet["phenotypicFeatures"]) == 1


def test_free_text_and_the_author_stay_at_home() -> None:
    told = {"notes": "Anna from Brno", "findings": [Finding(term=SMALL_HEAD, note="like Anna")]}
    text = write_phenopacket(case({"a.findings": told})).decode()
    assert "Anna" not in text
    assert "Dr A" not in text
    assert json.loads(text)["subject"]["id"] == "Wren-38"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {"age": {"iso8601duration": "P6Y4M"}}),
        (
            {"birth_month": None},
            {
                "ageRange": {
                    "start": {"iso8601duration": "P5Y"},
                    "end": {"iso8601duration": "P6Y"},
                }
            },
        ),
        ({"birth_year": None, "birth_month": None}, None),
    ],
)
def test_the_age_says_as_much_as_is_known(changes: dict[str, Any], expected: object) -> None:
    packet = phenopacket_of(case({"a.b": {}}, **changes))
    assert packet["subject"].get("timeAtLastEncounter") == expected


@pytest.mark.parametrize(
    ("sex", "expected"),
    [("male", "MALE"), ("undetermined", "OTHER_SEX"), ("unknown", "UNKNOWN_SEX")],
)
def test_every_sex_has_its_word_in_the_schema(sex: str, expected: str) -> None:
    assert phenopacket_of(case(sex=sex))["subject"]["sex"] == expected


def test_an_empty_case_is_a_phenopacket_too() -> None:
    packet = phenopacket_of(case())
    assert packet["phenotypicFeatures"] == packet["diseases"] == []
    assert packet["metaData"]["phenopacketSchemaVersion"] == "2.0"


def test_published_cases_come_out_with_the_findings_and_diseases_they_came_with(
    shared_data: Path,
) -> None:
    importing = pytest.importorskip("cpms_ern_ithaca.phenopacket")
    files = sorted((shared_data / "phenopackets").rglob("*.json"))
    assert len(files) > 300
    for file in files:
        content = file.read_bytes()
        published = json.loads(content)
        found = importing.PHENOPACKET.read(content)
        written = phenopacket_of(case(found.records, sex=found.sex))
        assert _told(written, "phenotypicFeatures", "type") == _told(
            published, "phenotypicFeatures", "type"
        ), file.name
        assert _told(written, "diseases", "term") == _told(published, "diseases", "term"), file.name


def _told(packet: dict[str, Any], what: str, name: str) -> set[tuple[str, bool]]:
    return {(one[name]["id"], bool(one.get("excluded"))) for one in packet.get(what, ())}
