"""The value types a dataset may use beside msgspec's own.

Plain ones need nothing from here: `str`, `int`, `float`, `bool`, `date`, `Literal`, `Enum`,
`tuple[Literal[…], …]`, a nested Struct (a section) and `tuple[Struct, …]` (a list of sections).
Titles, hints, units, limits and the terms' code systems stand in `msgspec.Meta`:
`Annotated[float, Meta(title="Weight", ge=0, extra={"unit": "kg"})]`.
"""

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct

YesNo = Literal["yes", "no", "unknown"]

PartialDate = Annotated[
    str,
    Meta(
        pattern=r"^\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?$",
        extra={"kind": "partial_date"},
    ),
]
"""`2024`, `2024-05` or `2024-05-17`: as much as is known."""


class Term(Struct, frozen=True):
    """A coded term. `system` is `hpo`, `orpha`, `omim` …; `code` as its publisher writes it,
    `HP:0001572`, `ORPHA:2332`, `OMIM:148050`; `label` as it read on the day it was chosen."""

    system: str
    code: str
    label: str


class Finding(Struct, frozen=True, kw_only=True):
    """A term that was looked for: present, or looked for and absent."""

    term: Term
    absent: bool = False
    onset: str = ""
    """Words or an ISO 8601 age, as it was told."""
    note: str = ""


class Measurement(Struct, frozen=True, kw_only=True):
    """A measured figure; the unit stands in the field's `extra`."""

    value: float
    taken_on: date | None = None


class FileRef(Struct, frozen=True):
    """An attachment of the same case."""

    attachment: UUID
