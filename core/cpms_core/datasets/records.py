"""Submitted strings → a Struct or every error; stored JSON → a Struct; what a page needs of both.

The store keeps `encode(value)`; a draft is `Parsed.raw`, which is what was typed. Nothing here
reads or writes the store.
"""

from collections.abc import Collection, Mapping, Sequence
from copy import deepcopy
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct

from cpms_core.datasets.display import Locked, Names, Shown, display, display_plain
from cpms_core.datasets.extracts import Code, codes, completeness, flatten, without
from cpms_core.datasets.field import Field, find
from cpms_core.datasets.fields import describe
from cpms_core.datasets.forms import Form, Submitted, as_form, edit_rows, own_texts, raw_form
from cpms_core.datasets.history import Change, diff
from cpms_core.datasets.inputs import Resolve
from cpms_core.datasets.kinds import Term
from cpms_core.datasets.reading import Reading, terms_in
from cpms_core.declarations import Dataset
from cpms_core.errors import CpmsError
from cpms_core.views import AttachmentView

__all__ = [
    "Change",
    "Code",
    "Form",
    "FormView",
    "Names",
    "Parsed",
    "Problem",
    "Shown",
    "UnreadableRecordError",
    "as_form",
    "codes",
    "completeness",
    "decode",
    "diff",
    "display",
    "display_plain",
    "edit_rows",
    "encode",
    "flatten",
    "form_view",
    "parse",
    "problems",
    "raw_form",
    "upgraded",
    "without",
]


class Parsed(Struct, frozen=True, kw_only=True):
    """What became of a submitted form. There is a value exactly if there are no errors."""

    value: Struct | None
    errors: dict[str, str]
    """Concrete path → sentence, in the form's order; `""` is the form as a whole."""
    raw: Form
    """What was typed, to show again or to keep as the draft."""


class UnreadableRecordError(CpmsError):
    """Stored data that its dataset cannot read; `display_plain` still shows them."""


def no_terms(systems: Sequence[str], text: str) -> Term | None:  # noqa: ARG001 - a Resolve
    return None


def parse(
    dataset: Dataset,
    submitted: Submitted,
    *,
    resolve: Resolve = no_terms,
    files: Collection[UUID] = (),
    before: Struct | Mapping[str, Any] | None = None,
) -> Parsed:
    """Read a whole form; never raises, whatever was sent.

    `files` are the attachments of this case, the only ones accepted. `before` is the value the form
    started from: its terms are accepted as they stand, even if `resolve` does not know them.
    """
    reading = Reading(
        own_texts(dataset, submitted),
        resolve=resolve,
        files=files,
        kept=terms_in(encode(before) if isinstance(before, Struct) else before),
    )
    value = reading.struct(dataset.schema, describe(dataset.schema), "")
    if value is not None:
        value = _checked_again(dataset, value, reading.errors)
    return Parsed(value=value, errors=reading.errors, raw=raw_form(dataset, submitted))


def problems(
    dataset: Dataset, value: Struct | Mapping[str, Any], *, files: Collection[UUID] = ()
) -> dict[str, str]:
    """What a form would refuse of a value that came another way, an import for instance."""
    return parse(dataset, as_form(dataset, value), files=files, before=value).errors


def encode(value: Struct) -> dict[str, Any]:
    """Plain JSON values, as the store keeps them."""
    data: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(value))
    return data


def decode(dataset: Dataset, version: int, data: Mapping[str, Any]) -> Struct:
    """A stored record as the dataset's present schema; UnreadableRecordError if it cannot be."""
    try:
        return msgspec.convert(upgraded(dataset, version, data), dataset.schema, str_keys=True)
    except UnreadableRecordError:
        raise
    except Exception as error:
        raise UnreadableRecordError(
            f"This record of {dataset.title} was saved by version {version} of the form and does "
            f"not fit version {dataset.version}. It is kept and shown as plain fields."
        ) from error


def upgraded(dataset: Dataset, version: int, data: Mapping[str, Any]) -> dict[str, Any]:
    """Stored data as the dataset's present version would store them."""
    if version > dataset.version:
        raise UnreadableRecordError(
            f"This record of {dataset.title} was saved by version {version} of the form; this site "
            f"has version {dataset.version}. It is kept and shown as plain fields."
        )
    copy = deepcopy(dict(data))  # an upgrade may work in place
    if version < dataset.version and dataset.upgrade is not None:
        return dataset.upgrade(version, copy)
    return copy


def _checked_again(dataset: Dataset, value: Struct, errors: dict[str, str]) -> Struct | None:
    """What will be read back from the store, so that a save never stores what cannot be read."""
    try:
        return msgspec.json.decode(msgspec.json.encode(value), type=dataset.schema)
    except (msgspec.ValidationError, ValueError, TypeError) as error:
        errors[""] = f"These answers cannot be stored: {error}"
        return None


# --- what a page needs to draw the form ---


class Problem(Struct, frozen=True):
    """A line of the error summary."""

    path: str
    title: str
    message: str


class FormView(Struct, frozen=True, kw_only=True):
    """All that the macros of `_fields.html` read."""

    fields: tuple[Field, ...]
    values: Form
    locked: Locked = {}
    errors: Mapping[str, str] = {}
    summary: tuple[Problem, ...] = ()
    files: Sequence[AttachmentView] = ()
    check_url: str = ""
    """Where leaving a field posts the form; empty for no check before saving."""
    terms_url: str = "/terms"


def form_view(
    dataset: Dataset,
    values: Form,
    errors: Mapping[str, str] | None = None,
    *,
    files: Sequence[AttachmentView] = (),
    locked: Locked | None = None,
    check_url: str = "",
    terms_url: str = "/terms",
) -> FormView:
    """`values` come from `as_form`, `raw_form`, `edit_rows` or `Parsed.raw`."""
    fields = describe(dataset.schema)
    return FormView(
        fields=fields,
        values=values,
        locked=locked or {},
        errors=errors or {},
        summary=tuple(
            Problem(_linked(path, fields), title_of(fields, path, values), message)
            for path, message in (errors or {}).items()
        ),
        files=files,
        check_url=check_url,
        terms_url=terms_url,
    )


def _linked(path: str, fields: Sequence[Field]) -> str:
    field = find(fields, path) if path else None
    return f"{path}.value" if field is not None and field.kind == "measurement" else path


def title_of(fields: Sequence[Field], path: str, values: Form) -> str:
    """`Measures, row 2, Weight`: where a path stands, in the words of the form."""
    if not path:
        return "The form"
    titles: list[str] = []
    above, here, above_is_measured = "", None, False
    for part in path.split("."):
        if here is not None and here.item is not None and part != "_new":
            rows = values.get(f"{above}._rows", [])
            number = rows.index(part) + 1 if part in rows else part
            titles.append(f"{here.row or 'row'} {number}")
            here = here.item
        elif part != "_new":
            above_is_measured = here is not None and here.kind == "measurement"
            here = find(fields if here is None else here.children, part)
            if here is None:
                break
            if not (above_is_measured and part == "value"):
                titles.append(here.title)
        above = f"{above}.{part}" if above else part
    return ", ".join(titles)
