"""Age and living status, for when they are not told by a birth date."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from cpms_core import PartialDate, YesNo

LivingStatus = Literal["alive", "deceased", "lost to follow-up", "opted out", "unknown"]


class Person(Struct, frozen=True, kw_only=True):
    age_last_seen: Annotated[
        str,
        Meta(
            title="Age when last seen",
            description="Only if the birth date is not known.",
            max_length=100,
            examples=["6 y 4 m"],
        ),
    ] = ""
    living_status: Annotated[LivingStatus, Meta(title="Living status")] | None = None
    age_at_death: Annotated[
        str, Meta(title="Age at death", max_length=100, examples=["2 y 1 m"])
    ] = ""
    cause_of_death: Annotated[str, Meta(title="Cause of death", max_length=1000)] = ""
    first_contact_on: (
        Annotated[
            PartialDate,
            Meta(
                title="First contact with a specialised centre",
                description="As much of the date as is known.",
                examples=["2024-05"],
            ),
        ]
        | None
    ) = None
    specimen: (
        Annotated[
            YesNo,
            Meta(
                title="Biological sample left",
                description="DNA, cells or tissue that could still be tested.",
            ),
        ]
        | None
    ) = None
