"""Parents and relatives."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from cpms_core import YesNo

Inheritance = Literal[
    "sporadic",
    "autosomal dominant",
    "autosomal recessive",
    "X-linked",
    "mitochondrial",
    "not clear",
]


class Relative(Struct, frozen=True, kw_only=True):
    """No name, no birth date: a relative is not a patient here."""

    relation: Annotated[
        str,
        Meta(
            title="Relation to the patient",
            min_length=1,
            max_length=200,
            examples=["mother's brother"],
        ),
    ]
    affected: Annotated[YesNo, Meta(title="Has similar findings")] = "unknown"
    findings: Annotated[str, Meta(title="What is known", max_length=5000, extra={"lines": 2})] = ""


class Family(Struct, frozen=True, kw_only=True):
    consanguinity: Annotated[YesNo, Meta(title="Parents are related by blood")] | None = None
    consanguinity_degree: Annotated[
        str, Meta(title="How they are related", max_length=200, examples=["first cousins"])
    ] = ""
    mother_age: (
        Annotated[int, Meta(title="Mother's age at birth", ge=10, le=70, extra={"unit": "years"})]
        | None
    ) = None
    father_age: (
        Annotated[int, Meta(title="Father's age at birth", ge=10, le=100, extra={"unit": "years"})]
        | None
    ) = None
    mother_ancestry: Annotated[
        str,
        Meta(
            title="Mother's ancestry",
            description="As the family tells it; it helps to read variants.",
            max_length=200,
        ),
    ] = ""
    father_ancestry: Annotated[str, Meta(title="Father's ancestry", max_length=200)] = ""
    losses: (
        Annotated[
            int,
            Meta(
                title="Pregnancies lost",
                description="Miscarriages and stillbirths of the mother.",
                ge=0,
                le=30,
            ),
        ]
        | None
    ) = None
    inheritance: Annotated[Inheritance, Meta(title="Pattern in the family")] | None = None
    relatives: Annotated[
        tuple[Relative, ...],
        Meta(
            title="Relatives",
            description="Those with similar findings, and healthy ones who matter.",
            max_length=100,
            extra={"row": "relative"},
        ),
    ] = ()
    notes: Annotated[str, Meta(title="Notes", max_length=20_000, extra={"lines": 3})] = ""
