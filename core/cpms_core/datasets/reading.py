"""A submitted form → the values of a schema, with every error at once."""

import logging
from collections.abc import Callable, Collection, Mapping
from enum import Enum
from typing import Any
from uuid import UUID

from msgspec import Struct

from cpms_core.datasets.field import Field, join
from cpms_core.datasets.forms import Form, names_below, row_numbers, shown_text, split_sign
from cpms_core.datasets.inputs import (
    InputError,
    Resolve,
    read_choice,
    read_date,
    read_file,
    read_integer,
    read_number,
    read_partial_date,
    read_term,
    read_text,
    shown_term,
)
from cpms_core.datasets.kinds import Term

_LOG = logging.getLogger(__name__)
_SAID = 500
_TICKED = {"on", "true", "yes", "1"}
_UNTICKED = {"", "off", "false", "no", "0"}
_ONE_INPUT: Mapping[str, Callable[[str, Field], Any]] = {
    "text": read_text,
    "long_text": read_text,
    "integer": read_integer,
    "decimal": read_number,
    "date": read_date,
    "partial_date": read_partial_date,
    "choice": read_choice,
    "yes_no": read_choice,
}
_MISSING: Mapping[str, str] = {
    "text": "Fill this in: it is needed.",
    "long_text": "Fill this in: it is needed.",
    "choice": "Choose one of the answers.",
    "yes_no": "Choose yes, no or unknown.",
    "choices": "Tick at least one.",
    "term": "Choose a term.",
    "file": "Choose a file.",
    "list": "Add at least one.",
    "findings": "Add at least one finding.",
}


class _Unset(Enum):
    UNSET = 0


UNSET = _Unset.UNSET
"""The field keeps the default of its schema."""


class Reading:
    """One pass over one form. `errors` maps a concrete path to a sentence, in the form's order."""

    def __init__(
        self, form: Form, *, resolve: Resolve, files: Collection[UUID], kept: Mapping[str, Term]
    ) -> None:
        self.form = form
        self.below = names_below(form)
        self.resolve = resolve
        self.files = files
        self.kept = kept
        self.errors: dict[str, str] = {}

    def struct(self, cls: type[Struct], fields: tuple[Field, ...], path: str) -> Struct | None:
        """None if anything below the path is wrong."""
        before = len(self.errors)
        values = {field.key: self.value(field, join(path, field.key)) for field in fields}
        if len(self.errors) > before:
            return None
        try:
            return cls(**{key: value for key, value in values.items() if value is not UNSET})
        except ValueError as error:
            self.errors[path] = str(error)[:_SAID] or "These answers do not fit together."
        except Exception as error:  # noqa: BLE001 - a plugin's broken check must not lose what was typed
            _LOG.error("the check of %s raised %s", cls.__name__, type(error).__name__)
            self.errors[path] = (
                "These answers could not be checked together; the form has a fault. "
                "Everything typed is kept. Tell your administrator."
            )
        return None

    def value(self, field: Field, path: str) -> Any:
        """UNSET where the default holds, anything at all where `errors` grew."""
        if field.item is not None:
            return self.rows(field, path)
        if field.children:
            return self.group(field, path)
        if field.kind == "tick":
            return self.tick(path)
        if field.kind == "choices":
            return self.choices(field, path)
        return self.single(field, path)

    def group(self, field: Field, path: str) -> Any:
        """A section or a measurement; if it may be left out, an untouched one is."""
        assert field.cls is not None
        is_blank = self.is_blank(field, path)
        if is_blank and field.nullable:
            return None
        if is_blank and field.has_default and any(child.required for child in field.children):
            return UNSET
        return self.struct(field.cls, field.children, path)

    def single(self, field: Field, path: str) -> Any:
        texts = self.form.get(path, [])
        answers = list(dict.fromkeys(text for text in texts if text.strip()))
        typed = answers[0] if answers else ""
        if not answers:
            if field.required and not (field.has_default and not texts):
                return self.fail(path, field, typed)
            return None if field.nullable and (texts or not field.has_default) else UNSET
        if len(answers) > 1:
            self.errors[path] = "This was answered twice, differently. Give one answer."
            return None
        return self.attempt(path, lambda: self.read(field, typed))

    def read(self, field: Field, typed: str) -> Any:
        if field.kind == "term":
            return read_term(typed, field, self.resolve, self.kept)
        if field.kind == "file":
            return read_file(typed.strip(), self.files)
        return _ONE_INPUT[field.kind](typed, field)

    def attempt(self, path: str, read: Callable[[], Any]) -> Any:
        try:
            return read()
        except InputError as error:
            self.errors[path] = str(error)
        return None

    def fail(self, path: str, field: Field, typed: str) -> None:
        """An empty answer to a field that needs one: numbers and dates say what they take."""
        if field.kind in _MISSING:
            self.errors[path] = _MISSING[field.kind]
        else:
            self.attempt(path, lambda: _ONE_INPUT[field.kind](typed, field))

    def tick(self, path: str) -> bool:
        said = {text.strip().casefold() for text in self.form.get(path, [])}
        if not said <= _TICKED | _UNTICKED:
            self.errors[path] = "Tick this or leave it."
        return bool(said & _TICKED)

    def choices(self, field: Field, path: str) -> Any:
        typed = [text for text in dict.fromkeys(self.form.get(path, [])) if text]
        chosen = self.attempt(path, lambda: {read_choice(text, field): text for text in typed})
        if chosen is None:
            return None
        if not chosen and field.required:
            return self.fail(path, field, "")
        if not self.fits(field, path, len(chosen)):
            return None
        order = [str(choice.value) for choice in field.choices]
        return tuple(sorted(chosen, key=lambda value: order.index(chosen[value])))

    # --- rows ---

    def rows(self, field: Field, path: str) -> Any:
        item = field.rows_of
        numbers = row_numbers(self.form, path, self.below.get(path, ()))
        filled = [row for row in numbers if not self.is_blank(item, join(path, row))]
        new = self.new_finding(field, path) if field.kind == "findings" else None
        if not filled and new is None and field.required:
            return self.fail(path, field, "")
        if not self.fits(field, path, len(filled) + (new is not None)):
            return None
        values = [self.value(item, join(path, row)) for row in filled]
        if new is not None:
            values.append(new)
        if field.kind == "findings":
            names = [*(f"{path}.{row}.term" for row in filled), f"{path}._new"]
            self.refuse_repeats(dict(zip(names, values, strict=False)))
        return tuple(values)

    def new_finding(self, field: Field, path: str) -> Any:
        """What stands in the box that adds, as if it had been added."""
        item, name = field.rows_of, f"{path}._new"
        typed, is_absent = split_sign((self.form.get(name) or [""])[0])
        if not typed.strip():
            return None
        assert item.cls is not None
        term = self.attempt(name, lambda: self.read(item.children[0], typed))
        return None if term is None else item.cls(term=term, absent=is_absent)

    def refuse_repeats(self, findings: Mapping[str, Any]) -> None:
        """`findings` maps the path of each one's term to it; None where it could not be read."""
        seen: set[tuple[str, str, str]] = set()
        for name, finding in findings.items():
            if finding is None:
                continue
            term = finding.term
            if (term.system, term.code, finding.onset) in seen:
                self.errors[name] = f"{term.label} is listed twice. Remove one, or give an onset."
            seen.add((term.system, term.code, finding.onset))

    def fits(self, field: Field, path: str, count: int) -> bool:
        limits = field.limits
        if count > limits.longest:
            self.errors[path] = f"{count} are given and at most {limits.longest} fit. Remove some."
        elif count < limits.shortest:
            self.errors[path] = f"Give at least {limits.shortest}; there are {count}."
        return limits.shortest <= count <= limits.longest

    # --- what nobody touched ---

    def is_blank(self, field: Field, path: str) -> bool:
        """Whether nothing was typed, or nothing but what the form already showed."""
        if field.item is not None:
            numbers = row_numbers(self.form, path, self.below.get(path, ()))
            untouched = all(self.is_blank(field.item, join(path, row)) for row in numbers)
            return untouched and not "".join(self.form.get(f"{path}._new", [])).strip()
        if field.children:
            return all(self.is_blank(child, join(path, child.key)) for child in field.children)
        texts = [text.strip() for text in self.form.get(path, []) if text.strip()]
        if field.kind == "tick":
            return bool(texts) == bool(field.default)
        return not texts or texts == shown_text(field, field.default)


def terms_in(data: Any) -> dict[str, Term]:
    """Every coded term in stored data, by the text of its input and by its code."""
    found: dict[str, Term] = {}
    waiting = [data]
    while waiting:
        here = waiting.pop()
        if isinstance(here, list):
            waiting.extend(here)
        elif isinstance(here, dict) and here.keys() == {"system", "code", "label"}:
            term = Term(here["system"], here["code"], here["label"])
            found[" ".join(shown_term(term).split()).casefold()] = term
            found[term.code.casefold()] = term
        elif isinstance(here, dict):
            waiting.extend(here.values())
    return found
