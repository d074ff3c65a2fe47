"""What the lead writes and the members judge: a dataset's schema.

So the lead's form comes from the same engine as every other form. The words are the clinicians'.
"""

from datetime import date
from typing import Annotated, Literal

from msgspec import Meta, Struct

from cpms_core.datasets.kinds import Term

OutcomeKind = Literal[
    "consensus diagnosis",
    "genetic test",
    "laboratory test",
    "imaging",
    "specialist opinion",
    "new syndrome",
    "management advice",
]
RecommendationKind = Literal[
    "genetic test",
    "laboratory test",
    "imaging",
    "referral",
    "drug",
    "surgery",
    "surveillance",
    "family",
    "research",
]
Certainty = Literal["certain", "probable", "possible", "no diagnosis"]
Strength = Literal["strong", "moderate", "weak"]
Feasible = Literal["yes", "no", "unknown"]


class Alternative(Struct, frozen=True, kw_only=True):
    """A diagnosis that was weighed; the order of the list is the rank."""

    diagnosis: Annotated[Term, Meta(title="Diagnosis", extra={"systems": ["orpha", "omim"]})]
    why: Annotated[str, Meta(title="For and against", max_length=1000, extra={"lines": 2})] = ""


class Recommendation(Struct, frozen=True, kw_only=True):
    """Its number is its place in the list, from 1."""

    kind: Annotated[RecommendationKind, Meta(title="Kind")]
    what: Annotated[
        str,
        Meta(
            title="What should be done",
            description="One act that can be ticked off.",
            examples=["Cardiac echo"],
            min_length=1,
            max_length=500,
        ),
    ]
    why: Annotated[
        str,
        Meta(
            title="Why",
            description="What it may show or prevent.",
            max_length=2000,
            extra={"lines": 2},
        ),
    ] = ""
    strength: Annotated[
        Strength, Meta(title="Strength", description="How firmly the panel advises it.")
    ]
    reference: Annotated[
        str, Meta(title="Reference", max_length=500, description="Guideline or paper.")
    ] = ""
    feasible: (
        Annotated[
            Feasible,
            Meta(
                title="Feasible in the submitter's country",
                description="Ask the submitter if you do not know.",
            ),
        ]
        | None
    ) = None
    where: Annotated[
        str,
        Meta(
            title="Where it can be done",
            max_length=500,
            description="Who offers it there, or abroad.",
        ),
    ] = ""
    due_on: (
        Annotated[date, Meta(title="Due by", description="The day until which it should be done.")]
        | None
    ) = None
    for_family: Annotated[
        str,
        Meta(
            title="In plain words, for the family",
            description="Short sentences without technical terms. Left empty, the family's letter "
            "says only what kind of step it is.",
            max_length=500,
            extra={"lines": 2},
        ),
    ] = ""


class OutcomeDraft(Struct, frozen=True, kw_only=True):
    """What the lead writes and the members judge."""

    heading: Annotated[
        str,
        Meta(
            title="Conclusion in one line",
            description="The title of the outcome.",
            examples=["KBG syndrome is confirmed as the working diagnosis"],
            min_length=1,
            max_length=200,
        ),
    ]
    kind: Annotated[
        OutcomeKind, Meta(title="Kind of outcome", description="What the panel's advice is most.")
    ]
    answer: Annotated[
        str,
        Meta(
            title="Answer to the question",
            description="As you would say it to the colleague who asked.",
            min_length=1,
            max_length=10_000,
            extra={"lines": 6},
        ),
    ]
    diagnosis: (
        Annotated[
            Term,
            Meta(
                title="Diagnosis",
                description="Leave empty if there is none yet.",
                extra={"systems": ["orpha", "omim"]},
            ),
        ]
        | None
    ) = None
    certainty: (
        Annotated[Certainty, Meta(title="How certain", description="Of the diagnosis above.")]
        | None
    ) = None
    differential: Annotated[
        tuple[Alternative, ...],
        Meta(
            title="Other diagnoses weighed",
            description="The most likely first.",
            extra={"row": "Diagnosis"},
        ),
    ] = ()
    recommendations: Annotated[
        tuple[Recommendation, ...],
        Meta(
            title="Recommendations",
            description="In the order they should be done.",
            max_length=50,
            extra={"row": "Recommendation"},
        ),
    ] = ()
    next_step: Annotated[
        str,
        Meta(
            title="If nothing is found",
            description="What to do next when all of this leads nowhere.",
            max_length=5_000,
            extra={"lines": 3},
        ),
    ] = ""
    discussion: Annotated[
        str,
        Meta(
            title="Discussion in brief",
            description="What spoke for and against, in a few lines.",
            max_length=20_000,
            extra={"lines": 8},
        ),
    ] = ""
    dissent: Annotated[
        str,
        Meta(
            title="Dissent",
            description="Opinions that differ, and whose. Members' own remarks are added as they "
            "wrote them.",
            max_length=10_000,
            extra={"lines": 4},
        ),
    ] = ""
    limits: Annotated[
        str,
        Meta(
            title="Limits",
            description="What the panel did not see or could not judge.",
            max_length=5_000,
            extra={"lines": 3},
        ),
    ] = ""
    follow_up_on: (
        Annotated[
            date,
            Meta(
                title="Follow-up on",
                description="Besides 21 days, 3 months and a year after the signature, when we "
                "ask the submitter what came of it.",
            ),
        ]
        | None
    ) = None
    for_family: Annotated[
        str,
        Meta(
            title="In plain words, for the family",
            description="What the panel found, as you would say it to the parents. Nothing else "
            "that you write here reaches the family's letter.",
            max_length=3_000,
            extra={"lines": 4},
        ),
    ] = ""


def missing_parts(opinion: OutcomeDraft) -> tuple[str, ...]:
    """What still stands between a valid draft and its sign-off, one sentence each."""
    missing = []
    if opinion.diagnosis is not None and opinion.certainty in (None, "no diagnosis"):
        missing.append("Say how certain the diagnosis is.")
    if opinion.kind == "consensus diagnosis" and opinion.diagnosis is None:
        missing.append("The outcome is a consensus diagnosis, but no diagnosis is entered.")
    if not opinion.recommendations and not opinion.next_step:
        missing.append("Give a recommendation, or say what to do next.")
    return tuple(missing)
