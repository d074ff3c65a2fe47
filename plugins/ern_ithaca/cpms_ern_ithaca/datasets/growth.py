"""Measures over time. Limits are those of living people, not of what is normal."""

from typing import Annotated

from msgspec import Meta, Struct

from cpms_core import PartialDate

Centimetres = Annotated[float, Meta(ge=0.1, le=50, extra={"unit": "cm"})]
_OF_A_PARENT = {"unit": "cm", "consent": "pedigree"}


class Visit(Struct, frozen=True, kw_only=True):
    """What was measured on one day."""

    measured_on: (
        Annotated[
            PartialDate,
            Meta(
                title="Measured on",
                description="As much of the date as is known.",
                examples=["2024-05-17"],
            ),
        ]
        | None
    ) = None
    age: Annotated[
        str,
        Meta(
            title="Age then",
            description="If the date is not known.",
            max_length=100,
            examples=["2 y 3 m"],
        ),
    ] = ""
    weight: Annotated[float, Meta(title="Weight", ge=0.1, le=500, extra={"unit": "kg"})] | None = (
        None
    )
    height: (
        Annotated[
            float,
            Meta(
                title="Height",
                description="Lying down until the age of two.",
                ge=15,
                le=260,
                extra={"unit": "cm"},
            ),
        ]
        | None
    ) = None
    head_circumference: (
        Annotated[float, Meta(title="Head circumference", ge=10, le=90, extra={"unit": "cm"})]
        | None
    ) = None
    sitting_height: (
        Annotated[float, Meta(title="Sitting height", ge=10, le=150, extra={"unit": "cm"})] | None
    ) = None
    inner_canthal: Annotated[Centimetres, Meta(title="Inner canthal distance")] | None = None
    outer_canthal: Annotated[Centimetres, Meta(title="Outer canthal distance")] | None = None
    interpupillary: Annotated[Centimetres, Meta(title="Interpupillary distance")] | None = None
    palpebral_fissure: (
        Annotated[Centimetres, Meta(title="Length of the palpebral fissure")] | None
    ) = None
    philtrum: Annotated[Centimetres, Meta(title="Length of the philtrum")] | None = None
    ear: Annotated[Centimetres, Meta(title="Length of the ear")] | None = None
    hand: Annotated[Centimetres, Meta(title="Length of the hand")] | None = None
    palm: Annotated[Centimetres, Meta(title="Length of the palm")] | None = None
    foot: Annotated[Centimetres, Meta(title="Length of the foot")] | None = None

    def __post_init__(self) -> None:
        if not self.measured_on and not self.age:
            raise ValueError("Give the date or the age: a measure without either says little.")


class Growth(Struct, frozen=True, kw_only=True):
    visits: Annotated[
        tuple[Visit, ...],
        Meta(
            title="Measures",
            description="One entry for each day on which something was measured.",
            max_length=200,
            extra={"row": "visit"},
        ),
    ] = ()
    mother_height: (
        Annotated[float, Meta(title="Mother's height", ge=60, le=260, extra=_OF_A_PARENT)] | None
    ) = None
    father_height: (
        Annotated[float, Meta(title="Father's height", ge=60, le=260, extra=_OF_A_PARENT)] | None
    ) = None
    notes: Annotated[
        str,
        Meta(
            title="Notes",
            description="Puberty, growth hormone, feeding by tube, centiles and their reference.",
            max_length=10_000,
            extra={"lines": 3},
        ),
    ] = ""
