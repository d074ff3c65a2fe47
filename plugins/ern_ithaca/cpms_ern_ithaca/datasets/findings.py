"""Findings as HPO terms."""

from typing import Annotated

from msgspec import Meta, Struct

from cpms_core import Finding


class Findings(Struct, frozen=True, kw_only=True):
    findings: Annotated[
        tuple[Finding, ...],
        Meta(
            title="Findings",
            description="Type three letters of a finding. Mark as absent what was looked for "
            "and not seen: it tells a panel as much as what is there.",
            max_length=500,
            extra={"systems": ["hpo"]},
        ),
    ] = ()
    face: Annotated[
        str,
        Meta(
            title="The face in your own words",
            description="What struck you before you measured anything.",
            max_length=10_000,
            extra={"lines": 3},
        ),
    ] = ""
    notes: Annotated[
        str,
        Meta(
            title="What no term says",
            description="Course over time, side, what relatives noticed.",
            max_length=20_000,
            extra={"lines": 4},
        ),
    ] = ""
