from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from cpms_core.clock import clock
from cpms_core.datasets import records
from cpms_core.datasets.kinds import Finding, Term
from cpms_core.datasets.records import Parsed
from tests.core.datasets.every_kind import DATASET, FILE, FULL, TERMS, resolve


def parse(typed: Mapping[str, Any], **options: Any) -> Parsed:
    """What becomes of these inputs, the one required field filled."""
    options = {"resolve": resolve, "files": {FILE}, **options}
    return records.parse(DATASET, {"name": "Ann", **typed}, **options)


def value_of(typed: Mapping[str, Any], **options: Any) -> Any:
    parsed = parse(typed, **options)
    assert parsed.errors == {}
    return parsed.value


def errors_of(typed: Mapping[str, Any], **options: Any) -> dict[str, str]:
    parsed = parse(typed, **options)
    assert parsed.value is None or not parsed.errors
    return parsed.errors


# --- from strings to values ---


def test_an_untouched_form_says_only_what_is_needed() -> None:
    parsed = records.parse(DATASET, records.as_form(DATASET, None))
    assert parsed.errors == {"name": "Fill this in: it is needed."}


def test_an_empty_submission_says_only_what_is_needed() -> None:
    assert records.parse(DATASET, {}).errors == {"name": "Fill this in: it is needed."}


def test_a_full_form_comes_back_as_the_value_it_showed() -> None:
    parsed = parse(records.as_form(DATASET, FULL))
    assert parsed.errors == {}
    assert parsed.value == FULL


def test_every_error_is_told_at_once_in_the_forms_order() -> None:
    errors = errors_of(
        {"name": " ", "head": "5", "count": "x", "since": "2020-13", "diagnosis": "flu"}
    )
    assert list(errors) == ["name", "count", "head", "since", "diagnosis"]
    assert errors["head"] == "Enter a number between 20 and 80 cm."


def test_the_forms_own_check_comes_after_the_fields() -> None:
    assert errors_of({"urgent": "on"}) == {"": "Say why it is urgent, in the story."}
    assert "" not in errors_of({"urgent": "on", "head": "x"})


def test_a_sections_own_check_stands_at_the_section() -> None:
    errors = errors_of({"birth.weeks": "44", "head": "x"})
    assert errors["birth"] == "At 44 weeks the day of birth is needed."
    assert "head" in errors


def test_an_optional_section_nobody_touched_is_none_and_a_begun_one_is_asked_in_full() -> None:
    assert value_of({"birth.weeks": "", "birth.born_on": " "}).birth is None
    assert list(errors_of({"birth.born_on": "2019-01-01"})) == ["birth.weeks"]


@pytest.mark.parametrize(
    ("typed", "value"),
    [("52.5", 52.5), ("52,5", 52.5), (" 52 ", 52), ("5 2", 52), ("+52", 52), ("5.2e1", 52)],
)
def test_a_decimal_is_read_as_europeans_write_it(typed: str, value: float) -> None:
    assert value_of({"head": typed}).head == value


@pytest.mark.parametrize(
    "typed",
    ["nan", "inf", "-Infinity", "1e400", "1e-400", "19.9", "80.1", "0x20", "5_2", "\u0665\u0662",
     "1.2.3", "9" * 5000, "52 cm", "1,234.5", "--52", "\ud800", "52\0"],
)  # fmt: skip
def test_what_is_no_number_in_range_is_told_what_is(typed: str) -> None:
    assert errors_of({"head": typed}) == {"head": "Enter a number between 20 and 80 cm."}


def test_a_comma_that_may_group_thousands_is_asked_about() -> None:
    assert "can be read both ways" in errors_of({"weights.0.value": "1,234"})["weights.0.value"]


@pytest.mark.parametrize("typed", ["1.5", "21", "-1", "1e3", "7" * 400, "ten", "²"])
def test_what_is_no_whole_number_in_range_is_told_what_is(typed: str) -> None:
    assert errors_of({"count": typed}) == {"count": "Enter a whole number between 0 and 20."}


@pytest.mark.parametrize(
    "typed", ["2024-05-17", "17.5.2024", "17/05/2024", "17 May 2024", "17. may 2024", "2024-5-17"]
)
def test_a_day_may_be_written_in_several_ways(typed: str) -> None:
    assert str(value_of({"onset_on": typed}).onset_on) == "2024-05-17"


@pytest.mark.parametrize(
    "typed",
    ["2024", "0000-01-01", "0001-01-01", "9999-12-31", "2024-02-30", "2023-02-29", "yesterday",
     "2024-13-01", "20240517", "2024-05-17T00:00", "5" * 1000, "\ud800",
     "\u0662\u0660\u0662\u0664-05-17"],
)  # fmt: skip
def test_what_is_no_day_is_an_error(typed: str) -> None:
    assert list(errors_of({"onset_on": typed})) == ["onset_on"]


def test_a_day_to_come_is_refused_only_where_the_past_is_asked() -> None:
    later = str(clock.today() + timedelta(days=30))
    assert "not come yet" in errors_of({"onset_on": later})["onset_on"]
    assert value_of({"since": later}).since == later


@pytest.mark.parametrize(
    ("typed", "kept"),
    [("2020", "2020"), ("May 2020", "2020-05"), ("2020-5", "2020-05"), ("1.2.2020", "2020-02-01")],
)
def test_a_partial_date_keeps_as_much_as_is_known(typed: str, kept: str) -> None:
    assert value_of({"since": typed}).since == kept


@pytest.mark.parametrize("typed", ["20", "2020-00", "2020-02-30", "1700", "spring 2020", "3020"])
def test_what_is_no_partial_date_is_an_error(typed: str) -> None:
    assert list(errors_of({"since": typed})) == ["since"]


def test_a_text_too_long_is_told_by_how_much_and_kept() -> None:
    parsed = parse({"story": "x" * 1_000_000})
    assert parsed.errors["story"].endswith("shorten it by 950,000.")
    assert len(parsed.raw["story"][0]) == 1_000_000
    assert "4,000" in errors_of({"name": "x" * 4_001})["name"]


@pytest.mark.parametrize("typed", ["a\0b", "\ud800", "a\x1b[31m", "\udfff\udffe"])
def test_characters_no_store_can_hold_are_refused_and_shown(typed: str) -> None:
    parsed = parse({"name": typed, "story": typed})
    assert set(parsed.errors) == {"name", "story"}
    assert "\N{REPLACEMENT CHARACTER}" in parsed.raw["name"][0]
    parsed.raw["name"][0].encode()


def test_line_ends_and_blanks_around_are_tidied() -> None:
    value = value_of({"name": "  Anne\r\nMarie ", "story": "\r\none\r\ntwo\r\n"})
    assert (value.name, value.story) == ("Anne Marie", "one\ntwo")


def test_a_field_answered_twice_differently_is_an_error() -> None:
    assert list(errors_of({"head": ["50", "51"]})) == ["head"]
    assert value_of({"head": ["", "50", "50"]}).head == 50


def test_a_tick_is_on_or_absent() -> None:
    assert value_of({"urgent": "on", "story": "x"}).urgent is True
    assert value_of({}).urgent is False
    assert list(errors_of({"urgent": "maybe"})) == ["urgent"]


def test_choices_come_in_the_forms_order_and_only_those_offered() -> None:
    assert value_of({"tests": ["array", "panel", "array"]}).tests == ("panel", "array")
    assert list(errors_of({"tests": ["panel", "spell"], "seizures": "no way", "acmg": "6"})) == [
        "seizures",
        "acmg",
        "tests",
    ]


def test_an_enum_and_a_numbered_choice_become_what_the_schema_has() -> None:
    value = value_of({"mode": "told", "acmg": "4"})
    assert (value.mode.name, value.acmg) == ("TOLD", 4)


def test_a_choice_with_a_default_may_be_missing_but_not_emptied() -> None:
    assert value_of({}).seizures == "unknown"
    assert errors_of({"seizures": ""}) == {"seizures": "Choose yes, no or unknown."}


# --- terms, findings, files ---


@pytest.mark.parametrize(
    "typed",
    ["KBG syndrome", "kbg  SYNDROME", "ORPHA:2332", "KBG syndrome ORPHA:2332",
     "ORPHA:2332 KBG syndrome", "KBG syndrome (ORPHA:2332)"],
)  # fmt: skip
def test_a_term_is_known_by_its_name_its_code_or_both(typed: str) -> None:
    assert value_of({"diagnosis": typed}).diagnosis == TERMS[2]


def test_a_synonym_with_the_terms_code_agrees() -> None:
    assert value_of({"findings._new": "large teeth HP:0001572"}).findings[0].term == TERMS[0]


def test_a_code_with_another_terms_name_is_never_guessed() -> None:
    errors = errors_of({"findings.0.term": "Cleft palate HP:0001572"})
    assert errors["findings.0.term"].startswith("HP:0001572 is “Macrodontia”, not “Cleft palate”")


def test_a_term_of_another_system_is_refused() -> None:
    assert "ORPHA or OMIM" in errors_of({"diagnosis": "HP:0001572"})["diagnosis"]


def test_a_term_the_record_already_holds_stays_as_it_was_chosen() -> None:
    old = replace(FULL, diagnosis=Term("omim", "OMIM:148050", "KBGS, as it was called"))
    form = records.as_form(DATASET, old)
    assert list(errors_of(form)) == ["diagnosis"]
    assert value_of(form, before=old) == old
    assert value_of(form, before=records.encode(old)) == old


def test_findings_are_present_or_absent_with_onset_and_note() -> None:
    value = value_of(
        {
            "findings.0.term": "Macrodontia HP:0001572",
            "findings.0.onset": "3 y",
            "findings.4.term": "HP:0000175",
            "findings.4.absent": "on",
        }
    )
    assert value.findings == (
        Finding(term=TERMS[0], onset="3 y"),
        Finding(term=TERMS[1], absent=True),
    )


@pytest.mark.parametrize("typed", ["-Cleft palate", "\u2212 HP:0000175", "\u2013 cleft palate"])
def test_the_box_that_adds_takes_a_minus_for_absent(typed: str) -> None:
    assert value_of({"findings._new": typed}).findings == (Finding(term=TERMS[1], absent=True),)


def test_what_the_box_that_adds_does_not_know_is_told_there() -> None:
    assert list(errors_of({"findings._new": "big teeth"})) == ["findings._new"]


def test_the_same_finding_twice_is_told_at_the_second() -> None:
    typed = {"findings.0.term": "Macrodontia", "findings.1.term": "HP:0001572"}
    assert "listed twice" in errors_of(typed)["findings.1.term"]
    assert errors_of({**typed, "findings.1.onset": "3 y"}) == {}
    assert list(errors_of({"findings.0.term": "Macrodontia", "findings._new": "macrodontia"})) == [
        "findings._new"
    ]


@pytest.mark.parametrize(
    "typed", ["5f0c4f0e-3f0e-4f53-9d5f-0f4a4a2f3c11", "x", "0" * 32, "\0", "9" * 10_000]
)
def test_only_this_cases_files_are_accepted(typed: str) -> None:
    assert errors_of({"photo": typed}) == {"photo": "Choose one of this case's files."}
    assert list(errors_of({"photo": str(FILE)}, files=())) == ["photo"]


def test_a_measurement_needs_its_figure() -> None:
    assert list(errors_of({"height.taken_on": "2024-01-01"})) == ["height.value"]
    assert errors_of({"height.value": "251"}) == {
        "height.value": "Enter a number between 10 and 250 cm."
    }
    assert value_of({"height.value": ""}).height is None


# --- rows ---


def test_rows_nobody_filled_are_left_out() -> None:
    typed = {"visits._rows": ["0", "1", "2"], "visits.1.place": "Lille", "visits.2.weight": " "}
    assert [visit.place for visit in value_of(typed).visits] == ["Lille"]


def test_a_row_begun_is_asked_in_full_under_the_number_it_was_sent_with() -> None:
    errors = errors_of({"visits.7.weight": "900"})
    assert list(errors) == ["visits.7.place", "visits.7.weight"]


def test_rows_come_in_the_order_of_their_markers() -> None:
    typed = {"visits._rows": ["2", "1"], "visits.1.place": "B", "visits.2.place": "A"}
    assert [visit.place for visit in value_of(typed).visits] == ["A", "B"]


def test_lists_within_rows_are_read() -> None:
    typed = {"visits.0.place": "Lille", "visits.0.notes.1": "late", "visits.0.notes.0": "quiet"}
    assert value_of(typed).visits[0].notes == ("quiet", "late")


def test_more_rows_than_fit_are_refused_and_kept() -> None:
    parsed = parse({f"visits.{row}.place": "x" for row in range(9)})
    assert parsed.errors == {"visits": "9 are given and at most 5 fit. Remove some."}
    assert parsed.raw["visits.8.place"] == ["x"]
    assert "weights" in errors_of({f"weights.{row}.value": "1" for row in range(201)})


def test_a_row_button_gives_the_form_back_with_a_row_more_or_less() -> None:
    form = records.as_form(DATASET, FULL)
    more = records.edit_rows(DATASET, {**form, "_add": "visits"})
    assert more and more["visits._rows"] == ["0", "1", "2"] and more["visits.2.place"] == [""]
    less = records.edit_rows(DATASET, {**form, "_remove": "visits.0"})
    assert less and less["visits._rows"] == ["1"] and "visits.0.place" not in less
    assert value_of(less).visits == FULL.visits[1:]
    assert records.edit_rows(DATASET, form) is None


def test_adding_a_finding_moves_it_from_the_box_into_a_row() -> None:
    form = records.edit_rows(DATASET, {"name": "Ann", "_add": "findings", "findings._new": "-x"})
    assert form and form["findings._rows"] == ["0"]
    assert form["findings.0.term"] == ["x"] and form["findings.0.absent"] == ["on"]


@pytest.mark.parametrize("path", ["", "nothing", "name", "visits.0", "visits.9.notes", "a" * 5000])
def test_a_row_button_for_no_list_changes_nothing(path: str) -> None:
    form = records.as_form(DATASET, FULL)
    assert records.edit_rows(DATASET, {**form, "_add": path}) == form
    assert records.edit_rows(DATASET, {**form, "_remove": path + ".77"}) == form


# --- what was typed ---


def test_what_was_typed_is_kept_with_all_its_mistakes() -> None:
    typed = {"name": "", "head": "5o", "visits.3.weight": "?", "_csrf": "secret", "other": "x"}
    raw = records.parse(DATASET, typed).raw
    assert raw["head"] == ["5o"] and raw["visits.3.weight"] == ["?"]
    assert raw["visits._rows"] == ["3"]
    assert not {"_csrf", "other"} & raw.keys()
    assert records.raw_form(DATASET, raw) == raw


def test_the_error_summary_names_each_place_in_the_forms_words() -> None:
    parsed = parse({"visits.7.weight": "900", "height.value": "x", "urgent": "?"})
    view = records.form_view(DATASET, parsed.raw, parsed.errors)
    assert [(problem.path, problem.title) for problem in view.summary] == [
        ("urgent", "Urgent"),
        ("height.value", "Height"),
        ("visits.7.place", "Visits, visit 1, Place"),
        ("visits.7.weight", "Visits, visit 1, Weight"),
    ]
