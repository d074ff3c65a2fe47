"""Counts over many cases that core lends a report, limited to what its reader may see."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Subquery, distinct, exists, false, func, or_, select, true
from sqlalchemy.orm import Session, aliased

from cpms_core.actor import Actor, Role
from cpms_core.cases.covered import is_code_covered
from cpms_core.cases.models import Case, CaseShare, CodedValue
from cpms_core.cases.scope import is_current_share
from cpms_core.declarations import AdviceCount, Aggregates, PanelTimes
from cpms_core.directory.models import Ern, Hcp
from cpms_core.identity.models import User
from cpms_core.panels.after.advice_counts import FEWEST, count_advice, count_reasons
from cpms_core.panels.clock.clocks import pause_so_far
from cpms_core.panels.models import ConsultationRequest, Contribution, Panel, PanelErn
from cpms_core.panels.scope import has_consent_of
from cpms_core.panels.stages import Stage
from cpms_core.registry import EMPTY, Registry

_ERN_READERS = (Role.COORDINATOR, Role.DISPATCHER)


class SiteAggregates(Aggregates):
    """For one reader: their ERNs and the centres they manage; an administrator sees all times."""

    def __init__(self, session: Session, actor: Actor, registry: Registry = EMPTY) -> None:
        self._session = session
        self._actor = actor
        self._registry = registry

    def panels(self) -> Sequence[PanelTimes]:
        """Contributors are counted without the submitter, as the networks' indicators do."""
        voices = _voices()
        rows = self._session.execute(
            select(
                Panel.id,
                Panel.number,
                Case.hcp_id,
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
        networks = self._networks()
        return [self._panel_times(row, networks[row.id]) for row in rows]

    def coded_counts(self, dataset: str, field: str) -> Mapping[tuple[str, str], int]:
        """Cases per (system, code), present ones only; small counts are left out.

        A case whose consent does not let others read the field does not count.
        """
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
                is_code_covered(self._registry),
                self._visible_cases(),
            )
            .group_by(CodedValue.system, CodedValue.code)
            .having(count >= FEWEST)
        )
        return {(system, code): cases for system, code, cases in rows}

    def advice(self) -> Sequence[AdviceCount]:
        return count_advice(self._session, self._counted_panels())

    def advice_reasons(self) -> Mapping[str, int]:
        return count_reasons(self._session, self._counted_panels())

    def _visible_panels(self) -> ColumnElement[bool]:
        if Role.SYSTEM_ADMIN in self._actor.roles:
            return true()
        return self._counted_panels()

    def _counted_panels(self) -> ColumnElement[bool]:
        """Those of the reader's networks, whether opened or shared by them, and centres."""
        of_panel = aliased(PanelErn)
        ours = of_panel.ern_id.in_(self._actor.erns(*_ERN_READERS))
        return or_(
            false(),
            exists().where(of_panel.panel_id == Panel.id, ours),
            Case.hcp_id.in_(self._actor.centres(Role.CENTRE_MANAGER)),
        )

    def _networks(self) -> Mapping[UUID, list[tuple[str, str]]]:
        """(id, name) of the networks of each panel; who opened it comes first."""
        rows = self._session.execute(
            select(PanelErn.panel_id, Ern.id, Ern.name)
            .join(Ern, Ern.id == PanelErn.ern_id)
            .join(Panel, Panel.id == PanelErn.panel_id)
            .join(Case, Case.id == Panel.case_id)
            .where(self._visible_panels())
            .order_by(Ern.id != Panel.ern_id, PanelErn.since, Ern.id)
        )
        found: dict[UUID, list[tuple[str, str]]] = {}
        for panel_id, ern_id, name in rows:
            found.setdefault(panel_id, []).append((ern_id, name))
        return found

    def _panel_times(self, row: Any, networks: Sequence[tuple[str, str]]) -> PanelTimes:
        is_whole = Role.SYSTEM_ADMIN in self._actor.roles or row.hcp_id in self._actor.centres(
            Role.CENTRE_MANAGER
        )
        ours = self._actor.erns(*_ERN_READERS)
        return PanelTimes(
            number=row.number,
            ern=row.ern,
            networks=tuple(name for key, name in networks if is_whole or key in ours),
            is_shared=len(networks) > 1,
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
