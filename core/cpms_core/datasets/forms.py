"""A form's flat names and strings, as inputs have them: to show a value, and to keep a draft.

Names: `a.b` nested; `list.0.a` in row 0; `list._rows`, one per row, says which rows there are and
in what order; `findings._new` holds what is about to be added; a measurement is `.value` and
`.taken_on`. `_add=<list>` and `_remove=<row>` are the buttons that ask for another row or one less.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from cpms_core.datasets.field import Field, find, join
from cpms_core.datasets.fields import describe
from cpms_core.datasets.inputs import printable, shown_term
from cpms_core.datasets.kinds import Term
from cpms_core.declarations import Dataset

Form = dict[str, list[str]]
Submitted = Mapping[str, Sequence[str] | str]

_KEY_LIMIT = 200
_ROW_NUMBER = re.compile(r"\d{1,6}", re.ASCII)
_MINUS = re.compile(r"\s*[\u2212\u2013-]\s*")


def as_form(dataset: Dataset, value: Struct | Mapping[str, Any] | None) -> Form:
    """The strings that show a value, or its stored data; None gives the form nobody has filled."""
    data = msgspec.to_builtins(value) if isinstance(value, Struct) else value
    form: Form = {}
    for field in describe(dataset.schema):
        _write(field, field.key, _stored(data, field), form)
    return form


def raw_form(dataset: Dataset, submitted: Submitted) -> Form:
    """What was typed, to show again or to keep as a draft: everything of this form, nothing else.

    Characters that no store can hold become `�`. Passing it again changes nothing.
    """
    form = {
        key: [printable(text) for text in texts]
        for key, texts in own_texts(dataset, submitted).items()
    }
    below = names_below(form)
    for field in describe(dataset.schema):
        _complete(field, field.key, form, below)
    return form


def edit_rows(dataset: Dataset, submitted: Submitted) -> Form | None:
    """The form with one row more or less, if one of the row buttons sent it; else None."""
    added, removed = (_texts(submitted.get(act, ())) for act in ("_add", "_remove"))
    if not added and not removed:
        return None
    form = raw_form(dataset, submitted)
    for path in added:
        _add_row(dataset, path, form)
    for path in removed:
        above, _, index = path.rpartition(".")
        rows = form.get(f"{above}._rows", [])
        if index in rows:
            rows.remove(index)
            _drop(form, path)
    return form


def _add_row(dataset: Dataset, path: str, form: Form) -> None:
    field = find(describe(dataset.schema), path[:_KEY_LIMIT])
    if field is None or field.item is None or f"{path}._rows" not in form:
        return
    rows = form[f"{path}._rows"]
    if len(rows) >= field.limits.longest:
        return
    index = str(max((int(row) for row in rows), default=-1) + 1)
    new = form.pop(f"{path}._new", [""])[0]
    if field.kind == "findings" and not new.strip():
        return
    rows.append(index)
    _write(field.item, join(path, index), None, form)
    if field.kind == "findings":
        words, is_absent = split_sign(new)
        form[f"{path}.{index}.term"] = [words]
        form[f"{path}.{index}.absent"] = ["on"] if is_absent else []


def split_sign(text: str) -> tuple[str, bool]:
    """`-Cleft palate` → the words, and whether a minus of any kind says that it is absent."""
    sign = _MINUS.match(text)
    return (text[sign.end() :], True) if sign else (text, False)


def own_texts(dataset: Dataset, submitted: Submitted) -> Form:
    """The strings that belong to the dataset's fields, untouched."""
    keys = {field.key for field in describe(dataset.schema)}
    return {
        key: _texts(texts)
        for key, texts in submitted.items()
        if len(key) <= _KEY_LIMIT and key.partition(".")[0] in keys and ".__" not in key
    }


def row_numbers(form: Mapping[str, Sequence[str]], path: str, among: Iterable[str]) -> list[str]:
    """The rows of a list: as its markers say, then those that come without a marker.

    `among` are the names just below `path`.
    """
    marked = form.get(f"{path}._rows", ())
    loose = sorted((name for name in among if _ROW_NUMBER.fullmatch(name)), key=int)
    return [row for row in dict.fromkeys([*marked, *loose]) if _ROW_NUMBER.fullmatch(row)]


def names_below(form: Iterable[str]) -> dict[str, dict[str, None]]:
    """Path → the names just below it, in the order they were sent."""
    below: dict[str, dict[str, None]] = {}
    for key in form:
        above, _, name = key.rpartition(".")
        while above:
            below.setdefault(above, {})[name] = None
            above, _, name = above.rpartition(".")
    return below


def shown_text(field: Field, data: Any) -> list[str]:
    """The strings of a field that is one input, or one set of boxes."""
    if field.kind == "tick":
        return ["on"] if data else []
    if field.kind == "choices":
        return [str(choice) for choice in data or ()]
    return [_input_text(field, data)]


def _input_text(field: Field, data: Any) -> str:
    if data is None:
        return ""
    match field.kind:
        case "term":
            return shown_term(msgspec.convert(data, Term))
        case "file":
            return str(data["attachment"])
        case "decimal":
            return shown_number(data)
        case _:
            return str(data)


def shown_number(value: float) -> str:
    """`3.5`, `40` for 40.0: every digit that was stored."""
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else repr(value)  # noqa: PLR2004 - beyond it repr is shorter


def _stored(data: Any, field: Field) -> Any:
    return data.get(field.key, field.default) if isinstance(data, Mapping) else field.default


def _write(field: Field, path: str, data: Any, form: Form) -> None:
    if field.item is not None:
        _write_rows(field, path, data or [], form)
    elif field.children:
        for child in field.children:
            _write(child, join(path, child.key), _stored(data, child), form)
    else:
        form[path] = shown_text(field, data)


def _write_rows(field: Field, path: str, data: Sequence[Any], form: Form) -> None:
    item = field.rows_of
    for index, row in enumerate(data):
        _write(item, join(path, index), row, form)
    count = len(data)
    if not count and field.kind == "list":
        _write(item, join(path, 0), None, form)  # one empty row to begin with
        count = 1
    form[f"{path}._rows"] = [str(index) for index in range(count)]
    _write(item, join(path, field.placeholder), None, form)
    if field.kind == "findings":
        form[f"{path}._new"] = [""]


def _complete(field: Field, path: str, form: Form, below: Mapping[str, Iterable[str]]) -> None:
    """Say which rows there are, and add what the template of a new row shows."""
    if field.item is not None:
        rows = row_numbers(form, path, below.get(path, ()))
        form[f"{path}._rows"] = rows
        for row in rows:
            _complete(field.item, join(path, row), form, below)
        _write(field.item, join(path, field.placeholder), None, form)
    for child in field.children:
        _complete(child, join(path, child.key), form, below)


def _drop(form: Form, path: str) -> None:
    for key in [key for key in form if key == path or key.startswith(f"{path}.")]:
        del form[key]


def _texts(texts: Sequence[str] | str) -> list[str]:
    given: Iterable[object] = [texts] if isinstance(texts, str) else texts
    return [text for text in given if isinstance(text, str)]  # an uploaded file is none of ours
