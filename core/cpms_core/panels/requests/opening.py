"""Make the panel of a request: its number, its lead, and the workflow of its network."""

from uuid import UUID

from sqlalchemy import Integer, String, cast, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from cpms_core import audit
from cpms_core.actor import Actor
from cpms_core.audit import Event
from cpms_core.clock import clock
from cpms_core.directory.models import Ern
from cpms_core.panels.clock.renewal import renew_panel
from cpms_core.panels.models import Panel, PanelErn, PanelMember
from cpms_core.panels.moves import take
from cpms_core.panels.scope import RequestScope, renew_share
from cpms_core.panels.stages import Stage
from cpms_core.registry import Registry
from cpms_core.state import SiteState


def open_panel(
    session: Session,
    actor: Actor,
    registry: Registry,
    scope: RequestScope,
    lead_id: UUID,
    seen: int | None = None,
) -> Panel:
    """Accept the request: from now on its lead sees the whole case. The caller has asked who may.

    `seen` is the version of the request that the decision was made on.
    """
    request = scope.request
    is_quick = session.get_one(Ern, request.ern_id).workflow == "quick"
    take(session, actor, scope, "open" if is_quick else "name_lead", seen=seen)
    network = registry.networks.get(request.ern_id)
    prefix = (network and network.case_prefix) or request.ern_id.upper()
    now = clock.now()
    panel = Panel(
        number=next_number(session, f"{prefix}-{now.year}"),
        request_id=request.id,
        case_id=scope.case.id,
        ern_id=request.ern_id,
        lead_id=lead_id,
        workflow="quick" if is_quick else "full",
        stage=str(Stage.OPEN if is_quick else Stage.PANEL_SELECTION),
        triaged_at=now,
        stage_at=now,
    )
    session.add(panel)
    session.flush()
    session.add(PanelErn(panel_id=panel.id, ern_id=request.ern_id, request_id=request.id))
    renew_panel(session, panel)
    session.add(
        PanelMember(
            panel_id=panel.id,
            user_id=lead_id,
            role="lead",
            state="accepted",
            invited_by=actor.user_id,
            answered_at=now,
        )
    )
    renew_share(session, scope.case.id, lead_id)
    audit.record(
        session,
        actor,
        Event.LEAD_NAMED,
        case_id=scope.case.id,
        hcp_id=scope.case.hcp_id,
        ern_id=request.ern_id,
        subject_id=panel.id,
        person=str(lead_id),
    )
    return panel


def next_number(session: Session, series: str) -> str:
    """`ITH-2026-0147`: counts in one row per series, so that no two panels get the same."""
    key = f"panels {series}"
    count = _counted(session, key)
    if count is None:
        try:
            with session.begin_nested():
                session.add(SiteState(key=key, value="1"))
            count = "1"
        except IntegrityError:  # another first panel of this year came in between
            count = _counted(session, key)
    return f"{series}-{int(count or 0):04d}"


def _counted(session: Session, key: str) -> str | None:
    """The row stays locked until this transaction ends."""
    return session.scalar(
        update(SiteState)
        .where(SiteState.key == key)
        .values(value=cast(cast(SiteState.value, Integer) + 1, String))
        .returning(SiteState.value)
        .execution_options(synchronize_session=False)
    )
