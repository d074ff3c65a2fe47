"""Milestones, cognition, behaviour, daily life."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from cpms_core import PartialDate, YesNo

MilestoneName = Literal[
    "social smile",
    "held the head",
    "sat alone",
    "crawled",
    "walked alone",
    "first words",
    "two-word sentences",
    "dry by day",
]
MilestoneState = Literal["reached", "not reached yet", "lost again", "unknown"]
Speech = Literal["none", "sounds", "single words", "short phrases", "sentences", "fluent"]
Disability = Literal[
    "none", "borderline", "mild", "moderate", "severe", "profound", "too young to tell"
]
Behaviour = Literal[
    "autism",
    "attention deficit",
    "hyperactivity",
    "anxiety",
    "aggression",
    "self-harm",
    "stereotypies",
    "sleep problems",
    "eating problems",
    "mood disorder",
    "psychosis",
]
Schooling = Literal[
    "not yet", "ordinary", "ordinary with help", "special", "none", "finished", "unknown"
]


class Milestone(Struct, frozen=True, kw_only=True):
    milestone: Annotated[MilestoneName, Meta(title="Milestone")]
    state: Annotated[MilestoneState, Meta(title="State")] = "reached"
    months: (
        Annotated[
            float,
            Meta(
                title="At the age of",
                description="When it was reached or lost; for one not reached, the age now.",
                ge=0,
                le=600,
                extra={"unit": "months"},
            ),
        ]
        | None
    ) = None


class CognitionTest(Struct, frozen=True, kw_only=True):
    name: Annotated[str, Meta(title="Test", min_length=1, max_length=200, examples=["WISC-V"])]
    taken_on: Annotated[PartialDate, Meta(title="Date", examples=["2024-05"])] | None = None
    result: Annotated[str, Meta(title="Result", max_length=1000, examples=["full scale IQ 62"])] = (
        ""
    )


class Development(Struct, frozen=True, kw_only=True):
    milestones: Annotated[
        tuple[Milestone, ...], Meta(title="Milestones", max_length=50, extra={"row": "milestone"})
    ] = ()
    regression: (
        Annotated[
            YesNo,
            Meta(title="Regression", description="Skills that were there and were lost."),
        ]
        | None
    ) = None
    regression_told: Annotated[
        str,
        Meta(
            title="What was lost, and when",
            max_length=5000,
            extra={"lines": 2},
        ),
    ] = ""
    speech: Annotated[Speech, Meta(title="Speech now")] | None = None
    disability: Annotated[Disability, Meta(title="Intellectual disability")] | None = None
    tests: Annotated[
        tuple[CognitionTest, ...],
        Meta(title="Tests of cognition", max_length=50, extra={"row": "test"}),
    ] = ()
    behaviour: Annotated[tuple[Behaviour, ...], Meta(title="Behaviour")] = ()
    schooling: Annotated[Schooling, Meta(title="School")] | None = None
    daily_life: Annotated[
        str,
        Meta(
            title="Daily life",
            description="Walking, eating, dressing, toilet, help needed.",
            max_length=10_000,
            extra={"lines": 3},
        ),
    ] = ""
