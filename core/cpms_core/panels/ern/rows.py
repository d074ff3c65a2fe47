"""A panel as a table of an ERN shows it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct
from sqlalchemy import Label, func, select
from sqlalchemy.orm import aliased

from cpms_core import words
from cpms_core.directory.models import Ern
from cpms_core.panels import stages
from cpms_core.panels.clock.clocks import Clock
from cpms_core.panels.models import ConsultationRequest, Panel, PanelErn
from cpms_core.panels.panel_columns import (
    ball_of,
    clock_columns,
    clock_of,
    count_columns,
    origin_of,
    patient_columns,
)
from cpms_core.panels.stages import Stage


class PanelRow(Struct, frozen=True, kw_only=True):
    id: UUID
    number: str
    pseudonym: str
    person: str
    area: str
    origin: str
    shared_with: str
    """The other ERNs that share it, by name."""
    stage: str
    badge: str
    ball: str
    waits_for_submitter: bool
    is_urgent: bool
    clock: Clock
    answered: int
    asked: int


class StoredPanel(Struct, array_like=True):
    """Such a row as `panel_row_columns` has it."""

    id: UUID
    number: str
    area: str
    stage: Stage
    stage_at: datetime
    urgency: str
    submitted_at: datetime
    paused_seconds: int
    first_response_at: datetime | None
    closed_at: datetime | None
    due_at: datetime | None
    pseudonym: str
    sex: str
    birth_year: int | None
    birth_month: int | None
    code: str
    city: str
    centre: str
    lead_city: str | None
    lead_name: str
    shared_with: str | None
    answered: int
    asked: int
    invited: int
    judges: int
    judged: int


def panel_row_columns(lead_city: Any, lead_name: Any) -> tuple[Any, ...]:
    return (
        *(Panel.id, Panel.number, ConsultationRequest.area),
        *clock_columns(),
        *patient_columns(),
        lead_city.label("lead_city"),
        lead_name.label("lead_name"),
        _other_networks(),
        *count_columns(),
    )


def _other_networks() -> Label[str]:
    ern, other = aliased(Ern), aliased(PanelErn)
    names = (
        select(func.aggregate_strings(ern.name, ", "))
        .join(other, other.ern_id == ern.id)
        .where(other.panel_id == PanelErn.panel_id, other.ern_id != PanelErn.ern_id)
    )
    return names.correlate(PanelErn).scalar_subquery().label("shared_with")


def panel_row(row: StoredPanel, areas: Mapping[str, str]) -> PanelRow:
    return PanelRow(
        id=row.id,
        number=row.number,
        pseudonym=row.pseudonym,
        person=words.person(row.sex, row.birth_year, row.birth_month),
        area=areas.get(row.area, row.area),
        origin=origin_of(row),
        shared_with=row.shared_with or "",
        stage=stages.title(row.stage),
        badge=stages.badge(row.stage),
        ball=ball_of(row),
        waits_for_submitter=row.stage == Stage.DATA_COMPLETION,
        is_urgent=row.urgency == "urgent",
        clock=clock_of(row),
        answered=row.answered,
        asked=row.asked,
    )
