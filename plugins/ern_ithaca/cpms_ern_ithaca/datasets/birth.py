"""From conception to the first weeks."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from cpms_core import Finding

Conception = Literal[
    "spontaneous", "ovulation drugs", "insemination", "IVF", "ICSI", "donor egg or sperm", "unknown"
]
Children = Literal["one", "twins", "three or more"]
Delivery = Literal["vaginal", "forceps or vacuum", "planned caesarean", "emergency caesarean"]


class Birth(Struct, frozen=True, kw_only=True):
    conception: Annotated[Conception, Meta(title="Conception")] | None = None
    children: Annotated[Children, Meta(title="Children in this pregnancy")] | None = None
    pregnancy_number: (
        Annotated[
            int,
            Meta(
                title="Which pregnancy of the mother",
                description="Counted with those that were lost.",
                ge=1,
                le=40,
            ),
        ]
        | None
    ) = None
    exposures: Annotated[
        str,
        Meta(
            title="Exposures",
            description="Drugs, alcohol, tobacco, infections, illness of the mother, and when.",
            max_length=10_000,
            extra={"lines": 3},
        ),
    ] = ""
    prenatal_findings: Annotated[
        tuple[Finding, ...],
        Meta(
            title="Prenatal findings",
            description="Seen, or looked for and not seen, on scans.",
            max_length=200,
            extra={"systems": ["hpo"]},
        ),
    ] = ()
    weeks: (
        Annotated[int, Meta(title="Weeks at birth", ge=18, le=45, extra={"unit": "weeks"})] | None
    ) = None
    days: Annotated[int, Meta(title="and days", ge=0, le=6, extra={"unit": "days"})] | None = None
    delivery: Annotated[Delivery, Meta(title="Delivery")] | None = None
    weight: (
        Annotated[int, Meta(title="Weight at birth", ge=150, le=9000, extra={"unit": "g"})] | None
    ) = None
    length: (
        Annotated[float, Meta(title="Length at birth", ge=15, le=75, extra={"unit": "cm"})] | None
    ) = None
    head_circumference: (
        Annotated[
            float, Meta(title="Head circumference at birth", ge=10, le=60, extra={"unit": "cm"})
        ]
        | None
    ) = None
    apgar_1: Annotated[int, Meta(title="Apgar at 1 minute", ge=0, le=10)] | None = None
    apgar_5: Annotated[int, Meta(title="Apgar at 5 minutes", ge=0, le=10)] | None = None
    first_weeks: Annotated[
        str,
        Meta(
            title="The first weeks",
            description="Feeding, tone, breathing, operations, days in hospital.",
            max_length=10_000,
            extra={"lines": 3},
        ),
    ] = ""
