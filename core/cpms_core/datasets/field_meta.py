"""What a schema may say around a type: `Meta`, its `extra`, defaults. The walk asks here.

Everything refused is refused with the schema's and the field's name, since the plugin's author
reads it at start.
"""

from collections.abc import Callable, Mapping
from typing import Any, get_args, get_type_hints

import msgspec
from msgspec import NODEFAULT, Struct, inspect

from cpms_core.datasets.field import Field, join, own_classes
from cpms_core.declarations import DataClass


class Place(Struct, frozen=True):
    """Where the walk stands."""

    owner: str
    key: str
    path: str

    def below(self, owner: str, key: str) -> "Place":
        return Place(owner, key, join(self.path, key))

    def refuse(self, why: str) -> ValueError:
        return ValueError(f"{self.owner}.{self.key}: {why}")


class Peeled(Struct, frozen=True):
    """A type without its wrapping: `Annotated[X, Meta(…)] | None` → X, nullable, what Meta says."""

    bare: inspect.Type
    nullable: bool
    words: Mapping[str, Any]
    """`title`, `description`, `examples`."""
    extra: Mapping[str, Any]


def peel(kind: inspect.Type, place: Place) -> Peeled:
    nullable, words, extra = False, dict[str, Any](), dict[str, Any]()
    while isinstance(kind, inspect.Metadata | inspect.UnionType):
        if isinstance(kind, inspect.Metadata):
            words = {**(kind.extra_json_schema or {}), **words}
            extra = {**(kind.extra or {}), **extra}
            kind = kind.type
            continue
        rest = [one for one in kind.types if not isinstance(one, inspect.NoneType)]
        nullable = nullable or len(rest) < len(kind.types)
        if len(rest) != 1:
            raise place.refuse("a field has one type, or one type and None")
        kind = rest[0]
    return Peeled(kind, nullable, words, extra)


def hints_of(schema: type[Struct]) -> dict[str, Any]:
    try:
        return get_type_hints(schema, include_extras=True)
    except Exception as error:
        raise ValueError(f"{schema.__name__}{_culprit(schema)}: {error}") from error


def inspected(schema: type[Struct], hints: Mapping[str, Any]) -> inspect.StructType:
    """What msgspec itself sees; a type it refuses is refused with the field's name."""
    try:
        shape = inspect.type_info(schema)
    except Exception as error:
        for name in schema.__struct_fields__:
            _refuse_alone(Place(schema.__name__, name, name), hints[name])
        raise ValueError(f"{schema.__name__}: {error}") from error
    assert isinstance(shape, inspect.StructType)
    if shape.tag is not None or shape.array_like:
        raise ValueError(f"{schema.__name__}: tagged and array-like Structs are not supported")
    return shape


def _refuse_alone(place: Place, hint: Any) -> None:
    try:
        inspect.type_info(hint)
    except Exception as error:
        raise place.refuse(str(error)) from error


def _culprit(schema: type[Struct]) -> str:
    """The field whose forward reference fails, `.onset`; empty if it cannot be told."""
    for name, written in schema.__annotations__.items():
        probe = type("Probe", (), {"__annotations__": {name: written}, "__module__": ""})
        probe.__module__ = schema.__module__
        try:
            get_type_hints(probe, include_extras=True)
        except Exception:  # noqa: BLE001 - whatever evaluating an annotation may raise
            return f".{name}"
    return ""


# --- Meta(extra=…) ---


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_figure(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _are_texts(value: Any) -> bool:
    return isinstance(value, list | tuple) and bool(value) and all(map(_is_text, value))


_RIGHT: Mapping[str, Callable[[Any], bool]] = {
    "unit": _is_text,
    "row": _is_text,
    "lines": lambda value: type(value) is int and 2 <= value <= 40,  # noqa: PLR2004 - a textarea's
    "kind": lambda value: value == "partial_date",
    "past": lambda value: isinstance(value, bool),
    "min": _is_figure,
    "max": _is_figure,
    "systems": _are_texts,
    "accept": _are_texts,
    "consent": lambda value: value in get_args(DataClass),
    "labels": lambda value: isinstance(value, Mapping) and all(map(_is_text, value.values())),
}

_KNOWN: Mapping[str, tuple[str, ...]] = {
    "text": ("lines",),
    "long_text": ("lines",),
    "integer": ("unit",),
    "decimal": ("unit",),
    "measurement": ("unit", "min", "max"),
    "yes_no": ("labels",),
    "choice": ("labels",),
    "choices": ("labels",),
    "date": ("past",),
    "partial_date": ("kind", "past"),
    "term": ("systems",),
    "findings": ("systems",),
    "list": ("row",),
    "file": ("accept",),
}


def check_extra(place: Place, kind: str, extra: Mapping[str, Any]) -> None:
    known = (*_KNOWN.get(kind, ()), "consent")
    for key, value in extra.items():
        if key not in known:
            fits = f"known for this kind ({kind}): {', '.join(known)}"
            raise place.refuse(f"unknown key {key!r} in Meta(extra=…); {fits}")
        if not _RIGHT[key](value):
            raise place.refuse(f"{key}={value!r} in Meta(extra=…) is not what it should be")


def check_consent(place: Place, field: Field) -> None:
    """Where the consent does not cover it, a field reads as if nobody had answered."""
    if field.item is not None and field.item.consent:
        raise place.refuse("the list names its consent, not a row of it")
    if field.consent and not field.has_default:
        raise place.refuse("a field with a consent of its own needs a default")
    if field.consent and own_classes(field.item.children if field.item else field.children):
        raise place.refuse("what stands in a field with a consent names none of its own")


# --- defaults ---


def default_of(place: Place, info: inspect.Field, hint: Any, field: Field) -> tuple[bool, Any]:
    """Whether there is a default, and the default as plain JSON; msgspec itself checks none."""
    if info.required:
        return False, None
    value = info.default
    if value is NODEFAULT:
        if field.kind not in {"section", "list", "findings", "choices"}:
            raise place.refuse("give it a plain default; a factory may answer differently each day")
        value = info.default_factory()
    return True, _as_json(place, value, hint)


def _as_json(place: Place, value: Any, hint: Any) -> Any:
    try:
        written = msgspec.json.encode(value)
        msgspec.json.decode(written, type=hint)
        data = msgspec.json.decode(written)
    except (msgspec.ValidationError, TypeError, ValueError) as error:
        raise place.refuse(
            f"its default {value!r} does not keep to its own type: {error}"
        ) from error
    if data is None and value is not None:
        raise place.refuse(f"its default {value!r} is no number")
    return data


def is_required(field: Field, *, has_default: bool, default: Any) -> bool:
    """Whether an empty input is an error: unless None, or an empty default, may take its place."""
    if field.nullable or field.kind == "tick":
        return False
    if field.limits.shortest and field.kind in {"list", "findings", "choices"}:
        return True
    return not has_default or (field.kind != "section" and default not in ("", []))
