"""What every consultation request asks: core's own dataset, a form like any other.

The thematic area is not in it: areas are a network's, so it is chosen when the request is sent.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from cpms_core.declarations import Dataset

KEY = "core.request"

QuestionType = Literal[
    "diagnosis",
    "variant meaning",
    "management",
    "surgery",
    "treatment",
    "follow-up",
    "second look",
]
Urgency = Literal["routine", "urgent"]


class RequestForm(Struct, frozen=True, kw_only=True):
    """Question and summary alone are enough to submit."""

    question_type: Annotated[QuestionType, Meta(title="What the question is about")]
    question: Annotated[
        str,
        Meta(
            title="Your question in one sentence",
            description="As you would ask a colleague. It is the first thing the experts read.",
            examples=["Exome (trio) was negative: which test next?"],
            min_length=1,
            max_length=300,
        ),
    ]
    summary: Annotated[
        str,
        Meta(
            title="Summary",
            description="Age at first signs, course, findings, tests done and their results. "
            "This alone must be enough to answer. No names, no birth days, no hospital numbers.",
            min_length=1,
            max_length=20_000,
            extra={"lines": 12},
        ),
    ]
    urgency: Annotated[
        Urgency,
        Meta(
            title="Urgency",
            description="Urgent: the answer changes what you do within days.",
            extra={"labels": {"routine": "Routine", "urgent": "Urgent"}},
        ),
    ] = "routine"
    urgency_reason: Annotated[
        str,
        Meta(
            title="Why it is urgent",
            description="Only if it is: what depends on the answer, and until when.",
            max_length=500,
        ),
    ] = ""
    expertise: Annotated[
        str,
        Meta(
            title="Expertise wanted",
            description="Specialties or groups whose opinion you would like.",
            examples=["clinical genetics, paediatric neurology"],
            max_length=500,
        ),
    ] = ""

    def __post_init__(self) -> None:
        if self.urgency == "urgent" and not self.urgency_reason.strip():
            raise ValueError("Say why it is urgent, so that the ERN can answer in time.")


REQUEST = Dataset(
    key=KEY,
    title="Question and summary",
    schema=RequestForm,
    description="What you ask, and what somebody must know to answer.",
)
