"""The value types a dataset may use beside msgspec's own.

Plain ones need nothing from here: `str`, `int`, `float`, `bool` (a tick), `date`, `Literal` and
`Enum` (a choice), `tuple[Literal[…], …]` (several), a nested Struct (a section) and `tuple[X, …]`
(a list of rows). Titles, hints, units, limits and code systems stand in `msgspec.Meta`:
`Annotated[float, Meta(title="Weight", ge=0, extra={"unit": "kg"})]`. What may stand in `extra`:

| key | on | meaning |
|-----------|--------------------------------------|------------------------------------------------|
| `unit` | integer, decimal, measurement | shown beside the input and with every value |
| `lines` | text | makes it a long text, so many lines high |
| `labels` | choice, choices, yes/no/unknown | value → words; the value itself if not named |
| `systems` | term, findings | code systems in order of preference; required |
| `min max` | measurement | limits of the figure |
| `past` | date, partial date | refuses days that have not come yet |
| `accept` | file | media types offered |
| `row` | list | what one row is called, "measurement" |
| `consent` | any | the class of its data, if it is another than the dataset's; needs a default |
"""

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct

YesNo = Literal["yes", "no", "unknown"]

PartialDate = Annotated[
    str,
    Meta(
        pattern=r"^(18|19|20|21)\d{2}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?\Z",
        extra={"kind": "partial_date"},
    ),
]
"""`2024`, `2024-05` or `2024-05-17`: as much as is known."""


class Term(Struct, frozen=True):
    """A coded term.

    `system` is `hpo`, `orpha`, `omim` …; `code` as its publisher writes it, `HP:0001572`,
    `ORPHA:2332`, `OMIM:148050`; `label` as it read on the day it was chosen.
    """

    system: str
    code: str
    label: str


class Finding(Struct, frozen=True, kw_only=True):
    """A term that was looked for: present, or looked for and absent."""

    term: Term
    absent: bool = False
    onset: Annotated[str, Meta(title="Onset", max_length=200, examples=["18 months"])] = ""
    """Words or an ISO 8601 age, as it was told."""
    note: Annotated[str, Meta(title="Note", max_length=1000)] = ""


class Measurement(Struct, frozen=True, kw_only=True):
    """A measured figure; the unit stands in the field's `extra`."""

    value: float
    taken_on: Annotated[date, Meta(title="Measured on", extra={"past": True})] | None = None


class FileRef(Struct, frozen=True):
    """An attachment of the same case."""

    attachment: UUID
