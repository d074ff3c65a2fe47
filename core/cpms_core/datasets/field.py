"""What core knows of one question of a form, whatever it does with it.

`fields.describe` makes these from a schema; forms, checks, display and exports read them.
"""

from collections.abc import Sequence
from enum import Enum
from typing import Any, Literal

from msgspec import Struct

Kind = Literal[
    "text",
    "long_text",
    "integer",
    "decimal",
    "yes_no",
    "tick",
    "date",
    "partial_date",
    "choice",
    "choices",
    "term",
    "findings",
    "measurement",
    "list",
    "section",
    "file",
]

TEXT_LIMIT = 4_000
LONG_TEXT_LIMIT = 50_000
ROW_LIMIT = 200


class Choice(Struct, frozen=True):
    value: str | int
    label: str


class Limits(Struct, frozen=True, kw_only=True):
    """What a value must keep to; None and 0 bind nothing."""

    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    lt: float | None = None
    multiple_of: float | None = None
    shortest: int = 0
    longest: int = TEXT_LIMIT
    """Characters of a text, rows of a list, ticks of a choice."""
    pattern: str | None = None
    past: bool = False


class Field(Struct, frozen=True, kw_only=True):
    """One question of a form. `path` is dotted and holds no row numbers: `variants.gene`."""

    key: str
    path: str
    title: str
    kind: Kind
    hint: str = ""
    example: str = ""
    unit: str = ""
    required: bool = True
    """Whether an empty input is an error. False where None or an empty default is allowed."""
    nullable: bool = False
    has_default: bool = False
    default: Any = None
    """As plain JSON."""
    limits: Limits = Limits()
    choices: tuple[Choice, ...] = ()
    systems: tuple[str, ...] = ()
    lines: int = 1
    accept: tuple[str, ...] = ()
    consent: str = ""
    """The class of data it has beside its dataset's; empty if it has no other."""
    row: str = ""
    cls: type[Struct] | None = None
    """What a section, measurement or row is built as."""
    enum: type[Enum] | None = None
    """What a choice is built as, if the schema names an Enum."""
    children: tuple["Field", ...] = ()
    item: "Field | None" = None
    """What one row of a list is; its path is the list's."""

    @property
    def placeholder(self) -> str:
        """Stands for the row number in the template of a new row."""
        return f"__{self.path.replace('.', '-')}__"

    @property
    def rows_of(self) -> "Field":
        """A list's item, for callers that know this is a list."""
        assert self.item is not None
        return self.item


def find(fields: Sequence[Field], path: str) -> Field | None:
    """The field at a concrete path, row numbers and placeholders included; None if there is none.

    A row's own path, `measures.2`, yields the list's item.
    """
    here: Field | None = None
    for part in path.split("."):
        if here is not None and here.item is not None:
            here = here.item  # the part is a row's number
            continue
        among = fields if here is None else here.children
        here = next((field for field in among if field.key == part), None)
        if here is None:
            return None
    return here


def own_classes(fields: Sequence[Field]) -> dict[str, str]:
    """Path → the class of data of each field that names one of its own."""
    found: dict[str, str] = {}
    for field in fields:
        if field.consent:
            found[field.path] = field.consent
        found |= own_classes(field.item.children if field.item else field.children)
    return found


def join(above: str, key: str | int) -> str:
    return f"{above}.{key}" if above else str(key)
