"""The form macros, rendered by themselves and read back as a browser would."""

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from msgspec import Struct

import cpms_web
from cpms_core.clock import clock
from cpms_core.datasets import records
from cpms_core.views import AttachmentView
from tests.core.datasets.every_kind import DATASET, FILE, FULL, resolve

PHOTO = AttachmentView(
    id=FILE,
    name="Face",
    media_type="image/jpeg",
    size=1,
    sha256="",
    facets={},
    added_at=clock.now(),
)
VOID = {"input", "br", "hr", "link", "meta"}


class Element(Struct, kw_only=True, eq=False):
    tag: str
    attributes: dict[str, str]
    inside: list["Element"] = []
    text: str = ""

    def all(self) -> Iterator["Element"]:
        yield self
        for element in self.inside:
            yield from element.all()


class Tree(HTMLParser):
    """Strict about nesting: every element that opens is closed where it stands."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open = [Element(tag="root", attributes={})]
        self.feed(html)
        self.close()
        assert [element.tag for element in self.open] == ["root"]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), (
            f"an attribute twice in {tag} {attrs}"
        )
        element = Element(tag=tag, attributes={name: value or "" for name, value in attrs})
        self.open[-1].inside.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop().tag == tag

    def handle_data(self, data: str) -> None:
        for element in self.open:
            element.text += data


ENVIRONMENT = Environment(
    loader=FileSystemLoader(Path(cpms_web.__file__).parent / "templates"),
    undefined=StrictUndefined,
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
)


def render(file: str, macro: str, *values: Any, **options: Any) -> Element:
    module = ENVIRONMENT.get_template(file).module
    return Tree(str(getattr(module, macro)(*values, **options))).open[0]


def form_of(
    form: records.Form, errors: dict[str, str] | None = None, **options: Any
) -> list[Element]:
    view = records.form_view(DATASET, form, errors, files=[PHOTO], **options)
    return list(render("_fields.html", "record_form", view).all())


def blank() -> list[Element]:
    return form_of(records.as_form(DATASET, None))


def full() -> list[Element]:
    return form_of(records.as_form(DATASET, FULL))


def failed(**typed: Any) -> list[Element]:
    parsed = records.parse(DATASET, typed, resolve=resolve)
    return form_of(parsed.raw, parsed.errors)


def named(elements: list[Element], name: str) -> list[Element]:
    return [element for element in elements if element.attributes.get("name") == name]


def by_id(elements: list[Element], name: str) -> Element:
    (found,) = [element for element in elements if element.attributes.get("id") == name]
    return found


def submitted(elements: list[Element]) -> dict[str, list[str]]:
    """What a browser without scripts sends when Save is pressed."""
    hidden = {id(e) for t in elements if t.tag == "template" for e in t.all()}
    sent: dict[str, list[str]] = {}
    for element in elements:
        name, attributes = element.attributes.get("name"), element.attributes
        if not name or id(element) in hidden or element.tag == "button":
            continue
        if attributes.get("type") in {"checkbox", "radio"} and "checked" not in attributes:
            continue
        if element.tag == "select":
            chosen = [e.attributes["value"] for e in element.inside if "selected" in e.attributes]
            sent.setdefault(name, []).append([*chosen, element.inside[0].attributes["value"]][0])
        elif element.tag == "textarea":
            sent.setdefault(name, []).append(element.text.removeprefix("\n"))
        else:
            sent.setdefault(name, []).append(attributes["value"])
    return sent


def test_saving_a_shown_record_untouched_changes_nothing() -> None:
    parsed = records.parse(DATASET, submitted(full()), resolve=resolve, files={FILE})
    assert parsed.errors == {}
    assert parsed.value == FULL


def test_saving_a_blank_form_asks_only_for_what_is_needed() -> None:
    assert list(records.parse(DATASET, submitted(blank())).errors) == ["name"]


def test_what_was_typed_wrongly_is_shown_and_sent_again_as_typed() -> None:
    typed = {
        "name": ["<b>\"'&"],
        "story": ["\nfirst line is blank </textarea>"],
        "head": ["5o"],
        "onset_on": ["yesterday"],
        "since": ["spring"],
        "findings._rows": ["3"],
        "findings.3.term": ["big teeth"],
        "findings._new": ["-more teeth"],
        "visits._rows": ["4"],
        "visits.4.weight": ["heavy"],
        "photo": ["gone"],
    }
    again = submitted(failed(**typed))
    assert {name: again[name] for name in typed} == typed


def test_every_input_has_a_label_and_ids_stand_once() -> None:
    for elements in (blank(), full()):
        ids = [e.attributes["id"] for e in elements if "id" in e.attributes]
        assert len(ids) == len(set(ids))
        labelled = {e.attributes.get("for") for e in elements if e.tag == "label"}
        wrapped = {id(e) for label in elements if label.tag == "label" for e in label.all()}
        for element in elements:
            is_input = element.tag in {"input", "select", "textarea"}
            if is_input and element.attributes.get("type") != "hidden":
                assert id(element) in wrapped or element.attributes["id"] in labelled


def test_what_describes_an_input_exists() -> None:
    elements = full()
    ids = {element.attributes.get("id") for element in elements}
    for element in elements:
        assert set(element.attributes.get("aria-describedby", "").split()) <= ids


def test_an_error_is_linked_from_the_summary_and_described_at_the_input() -> None:
    elements = failed(
        head="5", urgent="?", **{"birth.weeks": "9", "visits.2.weight": "0"}, seizures="x"
    )
    links = [e.attributes["href"][1:] for e in elements if e.tag == "a"]
    assert links == [
        "f-name",
        "f-head",
        "f-seizures",
        "f-urgent",
        "f-visits-2-place",
        "f-visits-2-weight",
        "f-birth-weeks",
    ]
    for link in links:
        target = by_id(elements, link)
        assert by_id(elements, f"{link}-error").text
        if target.attributes.get("type") != "radio":
            assert target.attributes["aria-invalid"] == "true"
            assert f"{link}-error" in target.attributes["aria-describedby"]


def test_a_form_without_errors_has_no_summary_and_empty_slots() -> None:
    elements = blank()
    assert not [e for e in elements if e.attributes.get("class") == "error-summary"]
    slots = [e for e in elements if e.attributes.get("class") == "field-error"]
    assert slots and not any(slot.text for slot in slots)


def test_errors_of_a_list_a_row_and_the_form_are_shown() -> None:
    elements = form_of(
        records.as_form(DATASET, FULL),
        {"visits": "Too many.", "visits.1": "Odd visit.", "birth": "Odd birth.", "": "Odd form."},
    )
    texts = {e.attributes.get("id"): e.text for e in elements}
    assert "Too many." in texts["f-visits-error"]
    assert "Odd visit." in texts["f-visits-1-error"]
    assert "Odd birth." in texts["f-birth-error"]
    (summary,) = [e for e in elements if e.attributes.get("class") == "error-summary"]
    assert "Odd form." in summary.text and summary.attributes["role"] == "alert"


def test_optional_is_marked_and_required_is_not() -> None:
    labels = {e.attributes.get("for"): e.text for e in blank() if e.tag == "label"}
    assert labels["f-name"] == "Name"
    assert labels["f-head"] == "Head circumference (optional)"


def test_hint_example_and_unit_stand_beside_the_field_never_in_it() -> None:
    elements = blank()
    assert by_id(elements, "f-name-hint").text.split() == [
        "As",
        "told.",
        "For",
        "example",
        "ANKRD11.",
    ]
    assert by_id(elements, "f-head-unit").text == "cm"
    assert not [e for e in elements if "placeholder" in e.attributes]
    assert not [e for e in elements if "maxlength" in e.attributes]


def test_the_button_that_enter_presses_removes_nothing() -> None:
    first = next(e for e in full() if e.tag == "button")
    assert "name" not in first.attributes


def test_rows_can_be_added_and_removed_without_a_script() -> None:
    elements = full()
    assert {e.attributes["value"] for e in named(elements, "_add")} >= {"visits", "findings"}
    assert "visits.1" in {e.attributes["value"] for e in named(elements, "_remove")}
    for button in [*named(elements, "_add"), *named(elements, "_remove")]:
        assert "formnovalidate" in button.attributes


def test_a_new_rows_template_carries_its_placeholder_and_defaults() -> None:
    templates = {e.attributes["data-placeholder"]: e for e in blank() if e.tag == "template"}
    inside = list(templates["__visits__"].all())
    assert named(inside, "visits.__visits__.weight")
    assert named(inside, "visits._rows")[0].attributes["value"] == "__visits__"
    assert "__visits-notes__" in templates


def test_a_term_input_names_its_systems_for_the_picker() -> None:
    (term,) = named(blank(), "diagnosis")
    assert term.attributes["data-systems"] == "orpha omim"
    assert term.attributes["data-terms-url"] == "/terms"
    assert "data-term-picker" in term.attributes


def test_a_finding_shows_its_words_code_and_state() -> None:
    first, second = (e for e in full() if e.attributes.get("class") == "finding" and
                     e.attributes["data-row"].isdigit())  # fmt: skip
    assert "Macrodontia HP:0001572" in " ".join(first.text.split())
    assert [e.attributes["data-state"] for e in (first, second)] == ["present", "absent"]
    assert "3 y · all" in first.text


def test_leaving_a_field_checks_that_field_only_if_asked() -> None:
    assert not [e for e in full() if "hx-post" in e.attributes]
    elements = form_of(records.as_form(DATASET, FULL), check_url="/cases/1/check")
    field = by_id(elements, "f-visits-0-weight-field")
    assert field.attributes["hx-target"] == "#f-visits-0-weight-error"
    assert field.attributes["hx-vals"] == '{"_field": "visits.0.weight"}'


def test_a_file_that_is_gone_stays_chosen_until_changed() -> None:
    (select,) = named(failed(photo="019abc00-0000-7000-8000-00000000ffff"), "photo")
    assert "no longer with this case" in select.text
    assert "Face" in select.text


# --- read-only ---


def test_a_record_shows_its_answers_and_leaves_out_what_nobody_gave() -> None:
    shown = records.display(
        DATASET, {"name": "<Ann>", "findings": records.encode(FULL)["findings"]}
    )
    page = render("_record.html", "record", shown)
    text = " ".join(page.text.split())
    assert "<Ann>" in text and "absent Cleft palate HP:0000175" in text
    assert "Head circumference" not in text
    assert "Head circumference" in render("_record.html", "record", shown, all=True).text


@pytest.mark.parametrize("data", [{}, [], None, records.encode(FULL), {"a": [{"b": None}, 3]}])
def test_a_record_without_its_plugin_is_shown(data: Any) -> None:
    page = render("_record.html", "record", records.display_plain(data))
    assert ("Macrodontia" in page.text) == (isinstance(data, dict) and "findings" in data)
    assert page.text.strip()


def test_changes_are_shown_before_and_after() -> None:
    new = {**records.encode(FULL), "head": 53.0, "story": ""}
    changed = records.diff(DATASET, records.encode(FULL), new)
    elements = list(render("_record.html", "changes", changed).all())
    assert [e.text for e in elements if e.tag == "del"] == ["First line\nsecond", "52.5 cm"]
    assert [e.text for e in elements if e.tag == "ins"] == ["53 cm"]
    assert "Nothing changed." in render("_record.html", "changes", []).text
