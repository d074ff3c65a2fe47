"""msgspec Struct → Field descriptors: the one reflective walk.

A schema that cannot be described raises ValueError naming the schema and the field, so that the
host can refuse the plugin with it.
"""

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, Literal, get_args, get_origin

from msgspec import Struct, inspect
from msgspec.structs import replace

from cpms_core.datasets.field import (
    LONG_TEXT_LIMIT,
    ROW_LIMIT,
    TEXT_LIMIT,
    Choice,
    Field,
    Kind,
    Limits,
    find,
)
from cpms_core.datasets.field_meta import (
    Peeled,
    Place,
    check_consent,
    check_extra,
    default_of,
    hints_of,
    inspected,
    is_required,
    peel,
)
from cpms_core.datasets.kinds import FileRef, Finding, Measurement, Term

__all__ = ["Choice", "Field", "Kind", "Limits", "describe", "find"]

_YES_NO = ("yes", "no", "unknown")
_ROWS_REFUSED = {"list", "findings", "choices", "tick", "long_text"}


@cache
def describe(schema: type[Struct]) -> tuple[Field, ...]:
    """Every field of a schema in its declared order; ValueError if the schema is not acceptable."""
    given: object = schema  # a plugin may be untyped
    if not (isinstance(given, type) and issubclass(given, Struct)):
        raise ValueError(f"{schema!r} is no msgspec Struct")  # noqa: TRY004 - the host wants one kind
    return _Walk().struct(schema, "")


class _Walk:
    def __init__(self) -> None:
        self.above: list[type[Struct]] = []

    def struct(self, schema: type[Struct], path: str) -> tuple[Field, ...]:
        if schema in self.above:
            raise ValueError(f"{schema.__name__}: a form cannot contain itself")
        self.above.append(schema)
        here = Place(schema.__name__, "", path)
        hints = hints_of(schema)
        described = tuple(
            self.field(here.below(schema.__name__, info.name), info, hints[info.name])
            for info in inspected(schema, hints).fields
        )
        self.above.pop()
        if not described:
            raise ValueError(f"{schema.__name__}: a form needs at least one field")
        return described

    def field(self, place: Place, info: inspect.Field, hint: Any) -> Field:
        if info.name != info.encode_name:
            raise place.refuse("a renamed field is not supported; it is stored under its own name")
        if info.name.startswith("_"):
            raise place.refuse("a field's name must not start with an underscore")
        field = self.value(place, info.type, hint)
        has_default, default = default_of(place, info, hint, field)
        required = is_required(field, has_default=has_default, default=default)
        field = replace(field, has_default=has_default, default=default, required=required)
        check_consent(place, field)
        return field

    def value(self, place: Place, kind: inspect.Type, hint: Any) -> Field:
        """The descriptor of a type, wherever it stands: as a field or as the row of a list."""
        peeled = peel(kind, place)
        particular = self.particular(place, peeled, hint)
        check_extra(place, particular["kind"], peeled.extra)
        words, extra = peeled.words, peeled.extra
        return Field(
            key=place.key,
            path=place.path,
            title=str(words.get("title") or _in_words(place.key)),
            hint=str(words.get("description") or ""),
            example=str(next(iter(words.get("examples") or ()), "")),
            unit=extra.get("unit", ""),
            nullable=peeled.nullable,
            accept=tuple(extra.get("accept", ())),
            consent=extra.get("consent", ""),
            **particular,
        )

    def particular(  # noqa: PLR0911 - one line for each kind of type
        self, place: Place, peeled: Peeled, hint: Any
    ) -> dict[str, Any]:
        """Kind, and whatever belongs to that kind alone."""
        match peeled.bare:
            case inspect.StrType() as text:
                return _text(text, peeled.extra)
            case inspect.IntType() | inspect.FloatType() as number:
                return _number(place, number)
            case inspect.BoolType() if not peeled.nullable:
                return {"kind": "tick"}
            case inspect.DateType():
                return {"kind": "date", "limits": Limits(past=bool(peeled.extra.get("past")))}
            case inspect.LiteralType() | inspect.EnumType() as several:
                return _choice(place, several, hint, peeled.extra)
            case inspect.StructType() as struct:
                return self.structure(place, struct.cls, peeled.extra)
            case inspect.VarTupleType() as rows:
                return self.rows(place, rows, hint, peeled.extra)
            case other:
                raise place.refuse(_unsupported(other))

    def structure(
        self, place: Place, cls: type[Struct], extra: Mapping[str, Any]
    ) -> dict[str, Any]:
        if cls is Term:
            return {"kind": "term", "systems": _systems(place, extra)}
        if cls is FileRef:
            return {"kind": "file"}
        if cls is Finding:
            raise place.refuse("findings come as a list: tuple[Finding, ...]")
        children = self.struct(cls, place.path)
        if cls is Measurement:
            value, taken_on = children
            limits = Limits(ge=extra.get("min"), le=extra.get("max"))
            value = replace(value, unit=extra.get("unit", ""), limits=limits)
            return {"kind": "measurement", "cls": cls, "children": (value, taken_on)}
        return {"kind": "section", "cls": cls, "children": children}

    def rows(
        self, place: Place, rows: inspect.VarTupleType, hint: Any, extra: Mapping[str, Any]
    ) -> dict[str, Any]:
        limits = Limits(shortest=rows.min_length or 0, longest=rows.max_length or ROW_LIMIT)
        inner = peel(rows.item_type, place)
        if inner.nullable:
            raise place.refuse("a row cannot be None")
        if isinstance(inner.bare, inspect.LiteralType | inspect.EnumType):
            chosen = _choice(place, inner.bare, hint, extra)
            return {**chosen, "kind": "choices", "limits": limits}
        if isinstance(inner.bare, inspect.StructType) and inner.bare.cls is Finding:
            systems = _systems(place, extra)
            item = self.finding(place, inner.bare, systems)
            return {"kind": "findings", "item": item, "limits": limits, "systems": systems}
        item = self.value(place, rows.item_type, hint)
        if item.kind in _ROWS_REFUSED:
            raise place.refuse("a row is one value or a Struct, no list, tick or long text")
        is_named = item.kind != "section" and item.title != _in_words(place.key)
        row = extra.get("row") or (_in_a_sentence(item.title) if is_named else "")
        return {"kind": "list", "item": item, "limits": limits, "row": row}

    def finding(self, place: Place, shape: inspect.StructType, systems: tuple[str, ...]) -> Field:
        """A row of findings: a section whose term draws on the systems of the list."""
        hints = hints_of(Finding)
        term, *others = shape.fields
        coded = inspect.Metadata(term.type, extra={"systems": systems})
        infos = (inspect.Field(term.name, term.encode_name, coded), *others)
        return Field(
            key=place.key,
            path=place.path,
            title="Finding",
            kind="section",
            cls=Finding,
            children=tuple(
                self.field(place.below("Finding", info.name), info, hints[info.name])
                for info in infos
            ),
        )


def _in_a_sentence(title: str) -> str:
    """`Head circumference` loses its capital, `HGVS name` does not."""
    return title[:1].lower() + title[1:] if title[1:2].islower() else title


def _in_words(key: str) -> str:
    return key[:1].upper() + key[1:].replace("_", " ")


def _text(text: inspect.StrType, extra: Mapping[str, Any]) -> dict[str, Any]:
    if extra.get("kind") == "partial_date":
        return {"kind": "partial_date", "limits": Limits(past=bool(extra.get("past")))}
    is_long = "lines" in extra
    limits = Limits(
        shortest=text.min_length or 0,
        longest=text.max_length or (LONG_TEXT_LIMIT if is_long else TEXT_LIMIT),
        pattern=text.pattern,
    )
    lines = extra.get("lines", 1)
    return {"kind": "long_text" if is_long else "text", "limits": limits, "lines": lines}


def _number(place: Place, number: inspect.IntType | inspect.FloatType) -> dict[str, Any]:
    if number.multiple_of is not None and number.multiple_of != int(number.multiple_of):
        raise place.refuse("multiple_of is a whole number: 0.3 is no exact multiple of 0.1")
    limits = Limits(
        ge=number.ge, gt=number.gt, le=number.le, lt=number.lt, multiple_of=number.multiple_of
    )
    kind = "integer" if isinstance(number, inspect.IntType) else "decimal"
    return {"kind": kind, "limits": limits}


def _choice(
    place: Place,
    several: inspect.LiteralType | inspect.EnumType,
    hint: Any,
    extra: Mapping[str, Any],
) -> dict[str, Any]:
    enum = several.cls if isinstance(several, inspect.EnumType) else None
    # msgspec sorts the values of a Literal; the author's order is the form's.
    values = tuple(member.value for member in enum) if enum else _literal_values(hint)
    if not all(type(value) in (str, int) for value in values):
        raise place.refuse("a choice is text or a whole number; for none at all write … | None")
    if "" in values:
        raise place.refuse("an empty text cannot be told from no answer; write … | None")
    if len({str(value) for value in values}) < len(values):
        raise place.refuse("two choices read the same in a form")
    labels = dict(extra.get("labels") or {})
    stray = [value for value in labels if value not in values]
    if stray:
        raise place.refuse(f"labels in Meta(extra=…) name {stray[0]!r}, which is no choice")
    choices = tuple(Choice(value, labels.get(value) or _in_words(str(value))) for value in values)
    kind: Kind = "yes_no" if values == _YES_NO else "choice"
    return {"kind": kind, "choices": choices, "enum": enum}


def _literal_values(hint: Any) -> tuple[Any, ...]:
    if get_origin(hint) is Literal:
        return get_args(hint)
    if get_origin(hint) is Annotated:
        return _literal_values(get_args(hint)[0])
    return tuple(value for part in get_args(hint) for value in _literal_values(part))


def _systems(place: Place, extra: Mapping[str, Any]) -> tuple[str, ...]:
    systems = extra.get("systems")
    if not systems or isinstance(systems, str):
        raise place.refuse('a term says its code systems: Meta(extra={"systems": ["hpo"]})')
    return tuple(systems)


def _unsupported(kind: inspect.Type) -> str:
    name = type(kind).__name__.removesuffix("Type")
    advice = {
        "Bool": "a tick cannot be None; YesNo has yes, no and unknown",
        "List": "a list is written tuple[X, ...]",
        "Set": "several choices are written tuple[Literal[…], ...]",
        "Tuple": "a list is written tuple[X, ...]",
        "DateTime": "use date, or PartialDate",
        "Decimal": "use float",
        "Any": "every field needs a type",
    }
    return f"type {name} is not supported; {advice.get(name, 'see kinds.py for those that are')}"
