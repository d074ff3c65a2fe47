from copy import deepcopy
from typing import Any

import pytest
from msgspec import Struct
from msgspec.structs import replace

from cpms_core.datasets import records
from cpms_core.datasets.kinds import YesNo
from cpms_core.declarations import Dataset
from tests.core.datasets.every_kind import DATASET, FILE, FULL, EveryKind


class Old(Struct, frozen=True, kw_only=True):
    weight: float
    seizures: YesNo = "unknown"


def rename(version: int, data: dict[str, Any]) -> dict[str, Any]:
    assert version == 1
    data["weight"] = data.pop("mass")
    return data


def test_an_older_record_is_upgraded_and_the_stored_data_stay_untouched() -> None:
    dataset = Dataset(key="t.old", title="Old", schema=Old, version=2, upgrade=rename)
    stored = {"mass": 3.5}
    assert records.decode(dataset, 1, stored) == Old(weight=3.5)
    assert stored == {"mass": 3.5}


@pytest.mark.parametrize(
    ("version", "data"), [(2, {"weight": "x"}), (2, {}), (1, {"wrong": 1}), (3, {"weight": 1})]
)
def test_a_record_nobody_can_read_says_so_and_is_still_shown(
    version: int, data: dict[str, Any]
) -> None:
    dataset = Dataset(key="t.old", title="Old", schema=Old, version=2, upgrade=rename)
    with pytest.raises(records.UnreadableRecordError, match="kept and shown as plain fields"):
        records.decode(dataset, version, data)
    assert records.display_plain(data)


def test_a_field_added_with_a_default_needs_no_new_version() -> None:
    dataset = Dataset(key="t.old", title="Old", schema=Old)
    assert records.decode(dataset, 1, {"weight": 3}) == Old(weight=3)
    assert records.display(dataset, {"weight": 3})[1].text == "Unknown"


def test_an_imported_value_is_checked_like_a_form() -> None:
    assert records.problems(DATASET, FULL, files={FILE}) == {}
    wrong = replace(FULL, head=900.0, findings=(FULL.findings[0], FULL.findings[0]))
    assert list(records.problems(DATASET, wrong, files={FILE})) == ["head", "findings.1.term"]


def test_a_schemas_check_that_breaks_keeps_what_was_typed() -> None:
    class Broken(Struct, frozen=True):
        name: str

        def __post_init__(self) -> None:
            raise KeyError(self.name)

    parsed = records.parse(Dataset(key="t.b", title="B", schema=Broken), {"name": "Ann"})
    assert "has a fault" in parsed.errors[""]
    assert parsed.raw == {"name": ["Ann"]}


# --- shown, compared, counted ---


def shown() -> dict[str, Any]:
    return {node.path: node for node in records.display(DATASET, records.encode(FULL))}


def test_values_are_shown_in_words_with_units_and_dates() -> None:
    nodes = shown()
    texts = {path: nodes[path].text for path in ("head", "seizures", "onset_on", "since", "mode")}
    assert texts == {
        "head": "52.5 cm",
        "seizures": "No",
        "onset_on": "17 May 2024",
        "since": "Mar 2020",
        "mode": "Was told",
    }
    assert nodes["height"].text == "101.5 cm (2 Jan 2024)"
    assert (nodes["diagnosis"].text, nodes["diagnosis"].code) == ("KBG syndrome", "ORPHA:2332")
    assert nodes["visits"].children[1].title == "Visit 2"


def test_a_file_is_shown_by_its_name() -> None:
    photo = records.display(DATASET, records.encode(FULL), {str(FILE): "Face, front"})[-1]
    assert photo.text == "Face, front"


def test_findings_are_shown_present_or_absent() -> None:
    first, second = shown()["findings"].children
    assert (first.text, first.code, first.note, first.is_absent) == (
        "Macrodontia",
        "HP:0001572",
        "3 y · all",
        False,
    )
    assert second.is_absent


def test_without_the_plugin_every_stored_value_is_still_shown() -> None:
    def texts(nodes: Any) -> list[str]:
        return [text for node in nodes for text in [node.text, *texts(node.children)] if text]

    found = texts(records.display_plain(records.encode(FULL)))
    assert {"Ann", "52.5", "Macrodontia", "Lille", "quiet", "2020-03", "Yes"} <= set(found)


def test_deeply_nested_data_are_shown_without_failing() -> None:
    data: Any = 1
    for _ in range(900):
        data = {"a": data}
    assert records.display_plain(data)


def changes(**new: Any) -> list[tuple[str, str, str]]:
    found = records.diff(DATASET, records.encode(FULL), records.encode(replace(FULL, **new)))
    return [(change.title, change.before, change.after) for change in found]


def test_a_changed_answer_is_told_before_and_after() -> None:
    assert changes() == []
    assert changes(head=53.0, tests=(), diagnosis=None) == [
        ("Head circumference", "52.5 cm", "53 cm"),
        ("Tests", "Panel, Array", ""),
        ("Diagnosis", "KBG syndrome", ""),
    ]


def test_findings_are_compared_by_term_not_by_place() -> None:
    first, second = FULL.findings
    assert changes(findings=(second, replace(first, absent=True))) == [
        ("Findings, Macrodontia (HP:0001572)", "present, onset 3 y, all", "absent, onset 3 y, all")
    ]
    assert changes(findings=(second,)) == [
        ("Findings, Macrodontia (HP:0001572)", "present, onset 3 y, all", "")
    ]


def test_a_row_put_in_front_is_one_change() -> None:
    new = replace(FULL.visits[0], place="Oslo", gene=None, notes=())
    assert changes(visits=(new, *FULL.visits)) == [
        ("Visits, visit 1", "", "Place Oslo, Weight 12 kg")
    ]
    moved = (replace(FULL.visits[0], weight=13.0), FULL.visits[1])
    assert changes(visits=moved) == [("Visits, visit 1, Weight", "12 kg", "13 kg")]


def test_the_first_version_and_a_removed_section_are_told_whole() -> None:
    first = records.diff(DATASET, None, records.encode(FULL))
    assert ("Name", "", "Ann") in [(c.title, c.before, c.after) for c in first]
    assert changes(birth=None) == [("Birth", "Weeks 38, Born on 1 Jan 2019", "")]


def test_completeness_counts_questions_not_ticks_or_untouched_sections() -> None:
    assert records.completeness(DATASET, None) == (0, 17)
    assert records.completeness(DATASET, records.encode(EveryKind(name="Ann"))) == (1, 17)
    assert records.completeness(DATASET, records.encode(FULL)) == (18, 18)


def test_every_coded_term_is_listed_with_its_field() -> None:
    found = records.codes(DATASET, records.encode(FULL))
    assert [(code.field, code.code, code.is_absent) for code in found] == [
        ("diagnosis", "ORPHA:2332", False),
        ("findings", "HP:0001572", False),
        ("findings", "HP:0000175", True),
        ("visits.gene", "ORPHA:2332", False),
    ]


def test_a_flat_row_has_the_same_columns_for_every_record() -> None:
    full, empty = records.flatten(DATASET, records.encode(FULL)), records.flatten(DATASET, None)
    assert list(full) == list(empty)
    assert set(empty.values()) == {""}
    assert full["findings.absent"] == "HP:0000175 Cleft palate"
    assert full["visits.weight"] == "12; "
    assert (full["height"], full["height.taken_on"]) == ("101.5", "2024-01-02")
    assert full["photo"] == str(FILE)


def test_nothing_that_reads_stored_data_changes_them() -> None:
    data = records.encode(FULL)
    kept = deepcopy(data)
    records.display(DATASET, data)
    records.flatten(DATASET, data)
    records.as_form(DATASET, data)
    records.decode(DATASET, 1, data)
    assert data == kept
