"""A record as people read it: titles, words, units and dates instead of stored values."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any, Literal, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from cpms_core import words
from cpms_core.datasets.field import Field, Kind, join
from cpms_core.datasets.fields import describe
from cpms_core.datasets.forms import shown_number
from cpms_core.declarations import Dataset

Names = Mapping[str, str]
"""Attachment id → the name people see."""
Locked = Mapping[str, str]
"""Path of a field → the class of its data, by title, that the consent does not cover."""

_DEEPEST = 20
_YEAR, _MONTH = len("2024"), len("2024-05")
_TERM_KEYS = {"system", "code", "label"}


class Shown(Struct, frozen=True, kw_only=True):
    """A node of the tree a page draws: a text, or what stands below a title."""

    path: str
    """Concrete, with row numbers."""
    title: str
    kind: Kind | Literal["row", "finding", "plain"]
    text: str = ""
    """Unit and date are in it; empty if nothing was answered."""
    code: str = ""
    """Of a term or finding; the attachment's id of a file."""
    note: str = ""
    """Onset and note of a finding."""
    is_absent: bool = False
    locked: str = ""
    """The class of data, by title, for which the answer is not here."""
    own_only: str = ""
    """The class for which it is here, and others do not see it."""
    children: tuple["Shown", ...] = ()

    @property
    def is_empty(self) -> bool:
        is_blank = not self.text and not self.locked
        return is_blank and all(child.is_empty for child in self.children)


class _Around(NamedTuple):
    names: Names
    locked: Locked


def display(
    dataset: Dataset,
    data: Mapping[str, Any],
    names: Names | None = None,
    locked: Locked | None = None,
) -> tuple[Shown, ...]:
    """Stored data of the dataset's present version, in the form's order."""
    return _show_all(describe(dataset.schema), "", data, _Around(names or {}, locked or {}))


def stored(data: Any, field: Field) -> Any:
    """What a record holds for a field: its default, if the field was added since."""
    return data.get(field.key, field.default) if isinstance(data, Mapping) else None


def _show_all(fields: Sequence[Field], above: str, data: Any, around: _Around) -> tuple[Shown, ...]:
    return tuple(_show_field(field, join(above, field.key), data, around) for field in fields)


def _show_field(field: Field, path: str, data: Any, around: _Around) -> Shown:
    """What is locked is not in the data at all, but for who sees it nevertheless."""
    lock = around.locked.get(field.path, "")
    if lock and field.key not in data:
        return Shown(path=path, title=field.title, kind="plain", locked=lock)
    shown = _show(field, path, stored(data, field), around)
    return replace(shown, own_only=lock) if lock and not shown.is_empty else shown


def _show(field: Field, path: str, data: Any, around: _Around, title: str = "") -> Shown:
    children: tuple[Shown, ...] = ()
    if field.item is not None:
        children = tuple(
            _show_row(field, join(path, index), index + 1, row, around)
            for index, row in enumerate(data or ())
        )
    elif field.kind == "section" and data is not None:
        children = _show_all(field.children, path, data, around)
    return Shown(
        path=path,
        title=title or field.title,
        kind=field.kind,
        text="" if field.item or field.kind == "section" else say(field, data, around.names),
        code=_code(field, data),
        children=children,
    )


def _show_row(field: Field, path: str, number: int, data: Any, around: _Around) -> Shown:
    item = field.rows_of
    if field.kind == "findings":
        return Shown(
            path=path,
            title="",
            kind="finding",
            text=data["term"]["label"] or data["term"]["code"],
            code=data["term"]["code"],
            note=" · ".join(filter(None, (data.get("onset"), data.get("note")))),
            is_absent=bool(data.get("absent")),
        )
    name = field.row or "row"
    title = f"{name[:1].upper()}{name[1:]} {number}"
    if item.kind != "section":
        return _show(item, path, data, around, title)
    below = _show_all(item.children, path, data, around)
    return Shown(path=path, title=title, kind="row", children=below)


def _code(field: Field, data: Any) -> str:
    if field.kind == "term" and data is not None:
        return str(data["code"])
    return str(data["attachment"]) if field.kind == "file" and data is not None else ""


def say(field: Field, data: Any, names: Names | None = None) -> str:
    """One value in words, on one line; rows and sections too. Empty for no answer."""
    if data is None or data in ("", []):
        return ""
    if field.kind == "findings":
        return "; ".join(say_finding(row) for row in data)
    if field.item is not None:
        return "; ".join(say(field.item, row, names) for row in data)
    if field.kind == "section":
        parts = [(child, say(child, stored(data, child), names)) for child in field.children]
        return ", ".join(f"{child.title} {text}" for child, text in parts if text)
    return _say_value(field, data, names or {})


def _say_value(field: Field, data: Any, names: Names) -> str:
    match field.kind:
        case "choice" | "yes_no":
            return _label(field, data)
        case "choices":
            return ", ".join(_label(field, value) for value in data)
        case "file":
            return names.get(str(data["attachment"]), "A file")
        case kind:
            return _SAY.get(kind, _say_text)(field, data)


def _say_text(_field: Field, data: Any) -> str:
    return str(data)


def _say_number(field: Field, data: Any) -> str:
    return _with_unit(data, field.unit)


def _say_measurement(field: Field, data: Any) -> str:
    figure, taken_on = _with_unit(data["value"], field.unit), data.get("taken_on")
    return f"{figure} ({say_date(taken_on)})" if taken_on else figure


_SAY: Mapping[str, Callable[[Field, Any], str]] = {
    "decimal": _say_number,
    "integer": _say_number,
    "measurement": _say_measurement,
    "tick": lambda _field, data: "Yes" if data else "No",
    "date": lambda _field, data: say_date(data),
    "partial_date": lambda _field, data: say_date(data),
    "term": lambda _field, data: str(data["label"] or data["code"]),
}


def say_finding(data: Mapping[str, Any]) -> str:
    """`Macrodontia (HP:0001572), absent, onset 3 y`."""
    term = data["term"]
    onset, note = data.get("onset"), data.get("note")
    parts = [f"{term['label']} ({term['code']})", "absent" if data.get("absent") else "present"]
    return ", ".join([*parts, *([f"onset {onset}"] if onset else []), *([note] if note else [])])


def say_date(stored_as: str) -> str:
    """`2024-05-17` as 17 May 2024, `2024-05` as May 2024, `2024` as it is."""
    if len(stored_as) == _YEAR:
        return stored_as
    day = words.day(date.fromisoformat(stored_as if len(stored_as) > _MONTH else f"{stored_as}-01"))
    return day if len(stored_as) > _MONTH else day.partition(" ")[2]


def _with_unit(value: float, unit: str) -> str:
    figure = shown_number(value).replace("-", "\u2212", 1) if value < 0 else shown_number(value)
    return f"{figure} {unit}".rstrip()


def _label(field: Field, value: Any) -> str:
    labels = {choice.value: choice.label for choice in field.choices}
    return labels.get(value, str(value))


# --- without the plugin ---


def display_plain(data: Any) -> tuple[Shown, ...]:
    """Any stored JSON, for when the plugin that knows its form is gone."""
    shown = _plain("", "", data, 0)
    return shown.children or (shown,)


def _plain(path: str, title: str, data: Any, depth: int) -> Shown:
    if isinstance(data, Mapping) and data.keys() == _TERM_KEYS:
        label, code = str(data["label"]), str(data["code"])
        return Shown(path=path, title=title, kind="plain", text=label or code, code=code)
    children: tuple[Shown, ...] = ()
    if depth < _DEEPEST and isinstance(data, Mapping):
        children = tuple(
            _plain(join(path, key), words.words(str(key)), value, depth + 1)
            for key, value in data.items()
        )
    elif depth < _DEEPEST and isinstance(data, list):
        children = tuple(
            _plain(join(path, index), str(index + 1), value, depth + 1)
            for index, value in enumerate(data)
        )
    is_leaf = not isinstance(data, Mapping | list)
    text = _say_plain(data) if is_leaf else "" if depth < _DEEPEST else "…"
    return Shown(path=path, title=title, kind="plain", text=text, children=children)


def _say_plain(data: Any) -> str:
    if data is None:
        return ""
    return ("Yes" if data else "No") if isinstance(data, bool) else str(data)
