"""The cases that somebody opened or sent, with the panel of each request; and the year so far."""

from collections.abc import Iterable
from datetime import datetime
from functools import cache
from typing import Any

from msgspec import Struct
from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import aliased

from cpms_core import me, words
from cpms_core.cases.models import Case
from cpms_core.clock import clock
from cpms_core.db import at
from cpms_core.directory.models import Ern, Hcp
from cpms_core.panels import stages
from cpms_core.panels.clock.clocks import Clock, request_clock
from cpms_core.panels.home.waiting import Reader
from cpms_core.panels.models import ConsultationRequest, Contribution, Panel, PanelErn
from cpms_core.panels.panel_columns import clock_columns, clock_of, count_columns, patient_columns
from cpms_core.patients.models import Patient
from cpms_core.patients.team import is_open_to_me
from cpms_core.rows import AnyQuery

_MOST = 30


class MyCase(Struct, frozen=True, kw_only=True):
    href: str
    pseudonym: str
    person: str
    where: str
    stage: str
    badge: str
    clock: Clock
    answered: int
    asked: int


@cache
def my_cases() -> AnyQuery:
    request = ConsultationRequest
    source, by, other = aliased(ConsultationRequest), aliased(Ern), aliased(PanelErn)
    shared = (
        select(func.min(by.name))
        .join(other, other.ern_id == by.id)
        .where(other.panel_id == Panel.id, other.ern_id != request.ern_id)
        .correlate(Panel, request)
        .scalar_subquery()
    )
    # First which they are: else the counts of all are made, and most thrown away.
    newest = (
        select(request.id)
        .join(Case, Case.id == request.case_id)
        .join(Patient, Patient.id == Case.patient_id)
        .where(
            or_(Case.created_by == me.ID, request.submitted_by == me.ID),
            request.state != "forwarded",  # its successor is told of instead
            is_open_to_me(),
        )
        .order_by(request.submitted_at.desc())
        .limit(_MOST)
    )
    return (
        select(
            *(Panel.id.label("panel_id"), request.state, request.area, request.ern_id),
            *(request.decided_at, Ern.name.label("ern"), request.due_at.label("triage_due_at")),
            *(by.name.label("forwarded_by"), shared.label("shared_with")),
            *clock_columns(),
            *(Case.id.label("case_id"), *patient_columns()),
            *count_columns(),
        )
        .select_from(Case)
        .join(request, request.case_id == Case.id)
        .join(Ern, Ern.id == request.ern_id)
        .join(Patient, Patient.id == Case.patient_id)
        .join(Hcp, Hcp.id == Case.hcp_id)
        .outerjoin(source, and_(source.id == request.forwarded_from, source.state == "forwarded"))
        .outerjoin(by, by.id == source.ern_id)
        .outerjoin(PanelErn, PanelErn.request_id == request.id)
        .outerjoin(Panel, Panel.id == PanelErn.panel_id)
        .where(
            request.id.in_(newest),
            or_(Panel.id.is_(None), Panel.request_id == request.id),  # a shared panel once
        )
        .order_by(request.submitted_at.desc())
    )


def my_case(row: Any, reader: Reader) -> MyCase:
    area = reader.areas.get((row.ern_id, row.area), row.area)
    return MyCase(
        href=_href(row),
        pseudonym=row.pseudonym,
        person=words.person(row.sex, row.birth_year, row.birth_month),
        where=" · ".join(filter(None, (*_networks(row), area))),
        stage=stages.title(row.stage) if row.stage else words.words(row.state),
        badge=stages.badge(row.stage) if row.stage else "plain",
        clock=clock_of(row)
        if row.stage
        else request_clock(row.state, row.triage_due_at, row.decided_at),
        answered=row.answered,
        asked=row.asked,
    )


@cache
def my_year() -> AnyQuery:
    """What I contributed since New Year."""
    return (
        select(
            func.count(Contribution.id).label("contributions"),
            func.count(Panel.case_id.distinct()).label("cases"),
            func.count(Hcp.country_id.distinct()).label("countries"),
        )
        .join(Panel, Panel.id == Contribution.panel_id)
        .join(Case, Case.id == Panel.case_id)
        .join(Hcp, Hcp.id == Case.hcp_id)
        .where(Contribution.author_id == me.ID, Contribution.given_at >= at(_new_year))
    )


def _networks(row: Any) -> Iterable[str]:
    yield f"{row.ern} with {row.shared_with}" if row.shared_with else row.ern
    yield f"forwarded by {row.forwarded_by}" if row.forwarded_by else ""


def _href(row: Any) -> str:
    """What has just become of it: the signed outcome, the discussion, or the case itself."""
    if row.panel_id is None:
        return f"/cases/{row.case_id}"
    return f"/panels/{row.panel_id}" + ("/outcome" if row.closed_at else "")


def _new_year() -> datetime:
    return clock.now().replace(month=1, day=1, hour=0, minute=0, second=0, microsecond=0)
