"""Tell plugins what has happened to a case: queued with the act itself, told by a job after it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from cpms_core import audit
from cpms_core.clock import clock
from cpms_core.declarations import CaseEvent
from cpms_core.jobs import enqueue
from cpms_core.registry import Registry

KIND = "case_event"
# Typing that nobody has saved yet has not happened to the case.
_UNSAVED = frozenset({audit.Event.RECORD_DRAFTED, audit.Event.RECORD_DRAFT_DROPPED})


def announce_later(session: Session, registry: Registry) -> None:
    """Queue, in the same transaction, what it did to cases; nothing if nobody listens."""
    if not registry.listeners:
        return
    for tag, case_id in audit.case_events(session):
        if tag not in _UNSAVED:
            payload = {"tag": tag, "case_id": str(case_id), "at": clock.now().isoformat()}
            enqueue(session, KIND, payload)


def announce_now(registry: Registry, payload: dict[str, Any]) -> None:
    """The job: every listener hears it once; one that fails is logged and stops nobody."""
    registry.announce(
        CaseEvent(
            tag=payload["tag"],
            case_id=UUID(payload["case_id"]),
            at=datetime.fromisoformat(payload["at"]),
        )
    )
