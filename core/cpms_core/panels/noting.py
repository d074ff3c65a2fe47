"""An audit event about a panel: what every act on one says of its case, centre and network."""

from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from cpms_core import audit
from cpms_core.actor import Actor
from cpms_core.audit import Event
from cpms_core.panels.scope import PanelScope


def note_of_panel(
    session: Session,
    actor: Actor,
    scope: PanelScope,
    event: Event,
    subject_id: UUID | None = None,
    **detail: Any,
) -> None:
    """Its subject is the panel, unless something of it is named; the rest as in `audit.record`."""
    audit.record(
        session,
        actor,
        event,
        case_id=scope.case.id,
        hcp_id=scope.case.hcp_id,
        ern_id=scope.panel.ern_id,
        subject_id=subject_id or scope.panel.id,
        **detail,
    )
