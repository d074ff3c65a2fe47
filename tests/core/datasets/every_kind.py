"""A dataset with a field of every kind, and a small terminology to fill it from."""

from collections.abc import Sequence
from datetime import date
from enum import Enum
from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct

from cpms_core.datasets.kinds import FileRef, Finding, Measurement, PartialDate, Term, YesNo
from cpms_core.declarations import Dataset

FILE = UUID("019abc00-0000-7000-8000-000000000001")
TERMS = (
    Term("hpo", "HP:0001572", "Macrodontia"),
    Term("hpo", "HP:0000175", "Cleft palate"),
    Term("orpha", "ORPHA:2332", "KBG syndrome"),
)
SYNONYMS = {"large teeth": TERMS[0]}


def resolve(systems: Sequence[str], text: str) -> Term | None:
    wanted = text.casefold()
    found = SYNONYMS.get(wanted) or next(
        (term for term in TERMS if wanted in (term.code.casefold(), term.label.casefold())), None
    )
    return found if found is not None and found.system in systems else None


class Mode(Enum):
    """How it was found."""

    EXAMINED = "examined"
    TOLD = "told"


class Visit(Struct, frozen=True, kw_only=True):
    place: str
    weight: Annotated[float, Meta(title="Weight", ge=0.2, le=300, extra={"unit": "kg"})] | None = (
        None
    )
    gene: Annotated[Term, Meta(title="Disease", extra={"systems": ["orpha"]})] | None = None
    notes: tuple[Annotated[str, Meta(title="Remark", max_length=50)], ...] = ()


class Birth(Struct, frozen=True, kw_only=True):
    weeks: Annotated[int, Meta(title="Weeks", ge=20, le=45)]
    born_on: Annotated[date, Meta(title="Born on", extra={"past": True})] | None = None

    def __post_init__(self) -> None:
        if self.weeks == 44 and self.born_on is None:
            raise ValueError("At 44 weeks the day of birth is needed.")


class EveryKind(Struct, frozen=True, kw_only=True):
    name: Annotated[str, Meta(title="Name", description="As told.", examples=["ANKRD11"])]
    story: Annotated[str, Meta(title="Story", extra={"lines": 6})] = ""
    count: Annotated[int, Meta(title="Count", ge=0, le=20)] | None = None
    head: (
        Annotated[float, Meta(title="Head circumference", ge=20, le=80, extra={"unit": "cm"})]
        | None
    ) = None
    seizures: Annotated[YesNo, Meta(title="Seizures")] = "unknown"
    urgent: Annotated[bool, Meta(title="Urgent")] = False
    onset_on: Annotated[date, Meta(title="First seen", extra={"past": True})] | None = None
    since: Annotated[PartialDate, Meta(title="Since")] | None = None
    mode: Annotated[Mode, Meta(title="How", extra={"labels": {"told": "Was told"}})] | None = None
    acmg: Annotated[Literal[5, 4, 3, 2, 1], Meta(title="Class")] | None = None
    tests: Annotated[tuple[Literal["panel", "exome", "array"], ...], Meta(title="Tests")] = ()
    diagnosis: (
        Annotated[Term, Meta(title="Diagnosis", extra={"systems": ["orpha", "omim"]})] | None
    ) = None
    findings: Annotated[
        tuple[Finding, ...], Meta(title="Findings", extra={"systems": ["hpo"]})
    ] = ()
    height: (
        Annotated[Measurement, Meta(title="Height", extra={"unit": "cm", "min": 10, "max": 250})]
        | None
    ) = None
    visits: Annotated[
        tuple[Visit, ...], Meta(title="Visits", max_length=5, extra={"row": "visit"})
    ] = ()
    weights: tuple[Annotated[Measurement, Meta(title="Weight", extra={"unit": "kg"})], ...] = ()
    birth: Annotated[Birth, Meta(title="Birth")] | None = None
    photo: Annotated[FileRef, Meta(title="Photo", extra={"accept": ["image/jpeg"]})] | None = None

    def __post_init__(self) -> None:
        if self.urgent and not self.story:
            raise ValueError("Say why it is urgent, in the story.")


DATASET = Dataset(key="test.every", title="Every kind", schema=EveryKind)

FULL = EveryKind(
    name="Ann",
    story="First line\nsecond",
    count=0,
    head=52.5,
    seizures="no",
    urgent=True,
    onset_on=date(2024, 5, 17),
    since="2020-03",
    mode=Mode.TOLD,
    acmg=4,
    tests=("panel", "array"),
    diagnosis=TERMS[2],
    findings=(
        Finding(term=TERMS[0], onset="3 y", note="all"),
        Finding(term=TERMS[1], absent=True),
    ),
    height=Measurement(value=101.5, taken_on=date(2024, 1, 2)),
    visits=(
        Visit(place="Lille", weight=12.0, gene=TERMS[2], notes=("quiet", "late")),
        Visit(place="Praha"),
    ),
    weights=(Measurement(value=3.2), Measurement(value=4.0, taken_on=date(2024, 2, 3))),
    birth=Birth(weeks=38, born_on=date(2019, 1, 1)),
    photo=FileRef(FILE),
)
