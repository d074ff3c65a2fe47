"""What checklists, reports and exports take out of a record."""

from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from typing import Any

from msgspec import Struct

from cpms_core.datasets.display import stored
from cpms_core.datasets.field import Field, join
from cpms_core.datasets.fields import describe
from cpms_core.datasets.forms import shown_number
from cpms_core.declarations import Dataset


class Code(Struct, frozen=True, kw_only=True):
    """A coded term of a record, for the index that counts them."""

    field: str
    """Dotted, without row numbers: `findings`, `variants.gene`."""
    system: str
    code: str
    label: str
    is_absent: bool = False


def codes(dataset: Dataset, data: Mapping[str, Any]) -> list[Code]:
    return [
        code for field in describe(dataset.schema) for code in _codes(field, stored(data, field))
    ]


def _codes(field: Field, data: Any) -> Iterator[Code]:
    if data is None:
        pass
    elif field.kind == "term":
        yield _code(field, data, is_absent=False)
    elif field.kind == "findings":
        for finding in data:
            yield _code(field, finding["term"], is_absent=bool(finding.get("absent")))
    else:
        for below, value in _below(field, data):
            yield from _codes(below, value)


def _below(field: Field, data: Any) -> list[tuple[Field, Any]]:
    if field.item is not None:
        return [(field.item, row) for row in data]
    return [(child, stored(data, child)) for child in field.children if field.kind == "section"]


def _code(field: Field, term: Mapping[str, str], *, is_absent: bool) -> Code:
    return Code(
        field=field.path,
        system=term["system"],
        code=term["code"],
        label=term["label"],
        is_absent=is_absent,
    )


def holds(data: Any, path: str) -> bool:
    """Whether anything is answered at a field's path, in any row."""
    if isinstance(data, list):
        return any(holds(row, path) for row in data)
    here, _, below = path.partition(".")
    value = data.get(here) if isinstance(data, Mapping) else None
    return holds(value, below) if below else value not in (None, "", [], False)


def without(data: Mapping[str, Any], paths: Iterable[str]) -> dict[str, Any]:
    """Stored data without these fields, in any row."""
    left = deepcopy(dict(data))
    for path in paths:
        _drop(left, path)
    return left


def _drop(data: Any, path: str) -> None:
    here, _, below = path.partition(".")
    if isinstance(data, list):
        for row in data:
            _drop(row, path)
    elif isinstance(data, dict) and below:
        _drop(data.get(here), below)
    elif isinstance(data, dict):
        data.pop(here, None)


def completeness(dataset: Dataset, data: Mapping[str, Any] | None) -> tuple[int, int]:
    """Questions answered, questions asked.

    A list and an optional section nobody opened count as one question, a tick as none: it is always
    answered. An answer that is still the form's own default does not count.
    """
    answers = [
        answered
        for field in describe(dataset.schema)
        for answered in _answers(field, None if data is None else stored(data, field))
    ]
    return sum(answers), len(answers)


def _answers(field: Field, data: Any) -> Iterator[bool]:
    if field.kind == "tick":
        return
    if field.kind == "section" and (data is not None or not field.nullable):
        for child in field.children:
            yield from _answers(child, stored(data, child))
    else:
        yield data not in (None, "", []) and (not field.has_default or data != field.default)


def flatten(dataset: Dataset, data: Mapping[str, Any] | None) -> dict[str, str]:
    """One row of a table: the same columns for every record of a dataset, None for none at all.

    Values as stored, not in words; the rows of a list stand behind `; ` in one column. Cells may
    begin with `=` or `+`: whoever writes a spreadsheet escapes them.
    """
    cells: dict[str, str] = {}
    for field in describe(dataset.schema):
        cells |= _cells(field, field.key, stored(data, field))
    return cells


def _cells(field: Field, path: str, data: Any) -> dict[str, str]:
    match field.kind:
        case "section":
            return {
                column: cell
                for child in field.children
                for column, cell in _cells(
                    child, join(path, child.key), stored(data, child)
                ).items()
            }
        case "findings":
            return {
                f"{path}.present": _listed(data, absent=False),
                f"{path}.absent": _listed(data, absent=True),
            }
        case "list":
            rows = [_cells(field.rows_of, path, row) for row in data or ()]
            return {
                column: "; ".join(row[column] for row in rows)
                for column in _cells(field.rows_of, path, None)
            }
        case "term":
            term = data or {}
            return {path: term.get("label", ""), f"{path}.code": term.get("code", "")}
        case "measurement":
            value, taken_on = (stored(data, child) for child in field.children)
            figure = "" if value is None else shown_number(value)
            return {path: figure, f"{path}.taken_on": taken_on or ""}
        case _:
            return {path: _cell(field, data)}


def _listed(findings: Any, *, absent: bool) -> str:
    fitting = [one for one in findings or () if bool(one.get("absent")) is absent]
    return "; ".join(f"{one['term']['code']} {one['term']['label']}" for one in fitting)


def _cell(field: Field, data: Any) -> str:
    if data is None:
        return ""
    match field.kind:
        case "tick":
            return "yes" if data else "no"
        case "choices":
            return "; ".join(map(str, data))
        case "decimal":
            return shown_number(data)
        case "file":
            return str(data["attachment"])
        case _:
            return str(data)
