"""A panel that several ERNs share: which can be joined, and joining it.

Each ERN keeps a request of its own; the panel belongs to all of them.
"""

from uuid import UUID

from msgspec import Struct
from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from cpms_core import audit
from cpms_core.actor import Actor, Role
from cpms_core.audit import Event
from cpms_core.directory.models import Ern
from cpms_core.errors import InvalidError
from cpms_core.identity.models import User
from cpms_core.panels.clock.renewal import renew_panel
from cpms_core.panels.models import Panel, PanelErn
from cpms_core.panels.moves import take
from cpms_core.panels.scope import RequestScope, find_request
from cpms_core.panels.stages import ENDED

_ENDED = [str(stage) for stage in ENDED]


class JoinablePanel(Struct, frozen=True, kw_only=True):
    id: UUID
    number: str
    ern: str
    lead: str


def joinable_panels(session: Session, scope: RequestScope) -> tuple[JoinablePanel, ...]:
    """Open panels that other ERNs have of this case."""
    is_ours = exists().where(PanelErn.panel_id == Panel.id, PanelErn.ern_id == scope.request.ern_id)
    rows = session.execute(
        select(Panel.id, Panel.number, Ern.name.label("ern"), User.name.label("lead"))
        .join(Ern, Ern.id == Panel.ern_id)
        .join(User, User.id == Panel.lead_id)
        .where(Panel.case_id == scope.case.id, Panel.stage.not_in(_ENDED), ~is_ours)
        .order_by(Panel.triaged_at)
    )
    return tuple(
        JoinablePanel(id=row.id, number=row.number, ern=row.ern, lead=row.lead) for row in rows
    )


def join_panel(
    session: Session, actor: Actor, request_id: UUID, panel_id: UUID, seen: int
) -> JoinablePanel:
    """Accept the request by sharing the panel that another ERN has of this case."""
    scope = find_request(session, actor, request_id, "request.triage")
    found = {one.id: one for one in joinable_panels(session, scope)}
    if panel_id not in found:
        raise InvalidError("This panel cannot be joined: it has ended, or is not of this case.")
    take(session, actor, scope, "join", seen=seen)
    ern_id = scope.request.ern_id
    session.add(PanelErn(panel_id=panel_id, ern_id=ern_id, request_id=scope.request.id))
    renew_panel(session, session.get_one(Panel, panel_id))
    audit.record(
        session,
        actor,
        Event.PANEL_SHARED,
        case_id=scope.case.id,
        hcp_id=scope.case.hcp_id,
        ern_id=ern_id,
        subject_id=panel_id,
    )
    return found[panel_id]


def may_ask(session: Session, scope: RequestScope) -> bool:
    """Whether another ERN could join: this one has not decided yet, or its panel is open."""
    open_panel = select(Panel.id).where(
        Panel.id == _own_panel(scope.request.id), Panel.stage.not_in(_ENDED)
    )
    state = scope.request.state
    return state == "submitted" or session.scalar(open_panel) is not None


def own_request(session: Session, actor: Actor, panel_id: UUID) -> UUID | None:
    """The request of this panel that the actor's ERN was sent, if they triage for one."""
    erns = actor.erns(Role.COORDINATOR, Role.DISPATCHER)
    return session.scalar(
        select(PanelErn.request_id)
        .where(PanelErn.panel_id == panel_id, PanelErn.ern_id.in_(erns))
        .order_by(PanelErn.since)
        .limit(1)
    )


def _own_panel(request_id: UUID) -> object:
    """For a query: the panel that a request led to, whether it was opened for it or joined."""
    panel = select(PanelErn.panel_id).where(PanelErn.request_id == request_id)
    return panel.scalar_subquery()
