"""Counts over many cases that core lends a report, limited to what its reader may see."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Subquery, distinct, exists, false, func, or_, select, true
from sqlalchemy.orm import Session

from cpms_core.actor import Actor, Role
from cpms_core.cases.models import Case, CaseShare, CodedValue
from cpms_core.cases.scope import is_current_share
from cpms_core.declarations import Aggregates, PanelTimes
from cpms_core.directory.models import Ern, Hcp
from cpms_core.identity.models import User
from cpms_core.panels.clock.clocks import pause_so_far
from cpms_core.panels.models import ConsultationRequest, Contribution, Panel
from cpms_core.panels.scope import has_consent_of
from cpms_core.panels.stages import Stage

FEWEST = 10
"""A count below this is not told: it could point at one patient."""

_ERN_READERS = (Role.COORDINATOR, Role.DISPATCHER)


class SiteAggregates(Aggregates):
    """For one reader: their ERNs and the centres they manage; an administrator sees all times."""

    def __init__(self, session: Session, actor: Actor) -> None:
        self._session = session
        self._actor = actor

    def panels(self) -> Sequence[PanelTimes]:
        """Contributors are counted without the submitter, as the networks' indicators do."""
        voices = _voices()
        rows = self._session.execute(
            select(
                Panel.number,
                Ern.name.label("ern"),
                Panel.stage,
                Panel.stage_at,
                ConsultationRequest.urgency,
                ConsultationRequest.submitted_at,
                Panel.triaged_at,
                Panel.first_response_at,
                Panel.closed_at,
                ConsultationRequest.paused_seconds,
                func.coalesce(voices.c.contributors, 0).label("contributors"),
                func.coalesce(voices.c.countries, 0).label("countries"),
            )
            .join(ConsultationRequest, ConsultationRequest.id == Panel.request_id)
            .join(Case, Case.id == Panel.case_id)
            .join(Ern, Ern.id == Panel.ern_id)
            .outerjoin(voices, voices.c.panel_id == Panel.id)
            .where(self._visible_panels())
            .order_by(Panel.number)
        )
        return [_panel_times(row) for row in rows]

    def coded_counts(self, dataset: str, field: str) -> Mapping[tuple[str, str], int]:
        """Cases per (system, code), present ones only; small counts are left out."""
        count = func.count(distinct(CodedValue.case_id))
        rows = self._session.execute(
            select(CodedValue.system, CodedValue.code, count)
            .join(Case, Case.id == CodedValue.case_id)
            .where(
                CodedValue.dataset == dataset,
                CodedValue.field == field,
                CodedValue.absent.is_(False),
                Case.withdrawn_at.is_(None),
                has_consent_of("registry"),
                self._visible_cases(),
            )
            .group_by(CodedValue.system, CodedValue.code)
            .having(count >= FEWEST)
        )
        return {(system, code): cases for system, code, cases in rows}

    def _visible_panels(self) -> ColumnElement[bool]:
        if Role.SYSTEM_ADMIN in self._actor.roles:
            return true()
        return or_(
            false(),
            Panel.ern_id.in_(self._actor.erns(*_ERN_READERS)),
            Case.hcp_id.in_(self._actor.centres(Role.CENTRE_MANAGER)),
        )

    def _visible_cases(self) -> ColumnElement[bool]:
        """Clinical counts are not an administrator's."""
        shared = exists().where(
            CaseShare.case_id == Case.id,
            is_current_share(),
            CaseShare.ern_id.in_(self._actor.erns(*_ERN_READERS)),
        )
        return or_(shared, Case.hcp_id.in_(self._actor.centres(Role.CENTRE_MANAGER)))


def _voices() -> Subquery:
    """Contributors of each panel and their countries, without the submitter."""
    return (
        select(
            Contribution.panel_id,
            func.count(distinct(Contribution.author_id)).label("contributors"),
            func.count(distinct(Hcp.country_id)).label("countries"),
        )
        .join(Panel, Panel.id == Contribution.panel_id)
        .join(ConsultationRequest, ConsultationRequest.id == Panel.request_id)
        .join(User, User.id == Contribution.author_id)
        .outerjoin(Hcp, Hcp.id == User.hcp_id)
        .where(
            Contribution.author_id != ConsultationRequest.submitted_by,
            Contribution.kind == "opinion",
        )
        .group_by(Contribution.panel_id)
        .subquery()
    )


def _panel_times(row: Any) -> PanelTimes:
    return PanelTimes(
        number=row.number,
        ern=row.ern,
        # Archiving changes no figure.
        stage=str(Stage.CLOSED) if row.stage == Stage.ARCHIVED else row.stage,
        urgency=row.urgency,
        submitted_at=row.submitted_at,
        triaged_at=row.triaged_at,
        first_response_at=row.first_response_at,
        closed_at=row.closed_at,
        paused_seconds=row.paused_seconds
        + (0 if row.closed_at else pause_so_far(row.stage, row.stage_at)),
        contributors=row.contributors,
        countries=row.countries,
    )
