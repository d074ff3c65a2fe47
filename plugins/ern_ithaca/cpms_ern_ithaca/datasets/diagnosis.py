"""What it is, what it may be, what it is not."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from cpms_core import Term, YesNo

Certainty = Literal["confirmed", "probable", "possible", "ruled out", "not told"]


class Diagnosis(Struct, frozen=True, kw_only=True):
    disease: (
        Annotated[
            Term,
            Meta(
                title="Disease",
                description="Type three letters, or an ORPHA or OMIM number. ORPHA is preferred.",
                extra={"systems": ["orpha", "omim"]},
            ),
        ]
        | None
    ) = None
    in_words: Annotated[
        str,
        Meta(
            title="Disease in words",
            description="If no code fits.",
            max_length=1000,
        ),
    ] = ""
    certainty: Annotated[Certainty, Meta(title="Certainty")] = "not told"
    onset: Annotated[
        str,
        Meta(
            title="Onset",
            description="Antenatal, at birth, or the age at the first signs.",
            max_length=200,
            examples=["at birth"],
        ),
    ] = ""
    age_at_diagnosis: Annotated[
        str, Meta(title="Age at diagnosis", max_length=100, examples=["3 y 2 m"])
    ] = ""

    def __post_init__(self) -> None:
        if self.disease is None and not self.in_words:
            raise ValueError("Name the disease, by a code or in words.")


class DiagnosisRecord(Struct, frozen=True, kw_only=True):
    solved: (
        Annotated[
            YesNo,
            Meta(
                title="Solved",
                description="Whether a diagnosis explains the whole picture.",
            ),
        ]
        | None
    ) = None
    diagnoses: Annotated[
        tuple[Diagnosis, ...],
        Meta(
            title="Diagnoses",
            description="The likeliest first; also what was thought of and ruled out.",
            max_length=50,
            extra={"row": "diagnosis"},
        ),
    ] = ()
    publications: Annotated[
        str,
        Meta(
            title="Publications on this patient",
            description="One in a line, by PubMed number.",
            max_length=5000,
            examples=["PMID:36446582"],
            extra={"lines": 2},
        ),
    ] = ""
    reasoning: Annotated[
        str,
        Meta(
            title="Why",
            description="What speaks for it and against it.",
            max_length=20_000,
            extra={"lines": 4},
        ),
    ] = ""
