"""Requests whose triage is late: told to the dispatchers, the coordinators, the administrators.

Each is told once, after as long again as the network allows; a role that nobody holds there is
passed over. Home tells it. `ConsultationRequest.escalated` says how far it went, and is taken back
when the clock gets another time.
"""

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from cpms_core import audit
from cpms_core.actor import Actor, Role
from cpms_core.audit import Event
from cpms_core.cases.models import Case
from cpms_core.clock import clock
from cpms_core.identity.models import RoleGrant, User
from cpms_core.panels.clock.promises import promises_for
from cpms_core.panels.models import ConsultationRequest
from cpms_core.panels.scope import is_shown_to_others

DISPATCHERS, COORDINATORS, ADMINISTRATORS = 1, 2, 3
TOLD: Mapping[int, str] = {
    DISPATCHERS: "dispatchers",
    COORDINATORS: "coordinators",
    ADMINISTRATORS: "administrators",
}
_ROLES = {DISPATCHERS: Role.DISPATCHER, COORDINATORS: Role.COORDINATOR}


def escalate_requests(session: Session) -> int:
    """How many somebody was told of now."""
    request = ConsultationRequest
    late = session.execute(
        select(
            *(request.id, request.case_id, request.ern_id, request.due_at, request.escalated),
            Case.hcp_id,
        )
        .join(Case, Case.id == request.case_id)
        .where(
            request.state == "submitted",
            request.due_at <= clock.now(),
            request.escalated < ADMINISTRATORS,
            is_shown_to_others(),
        )
    ).all()
    held = _held(session) if late else ()
    return sum(_tell(session, row, _level(session, row, held)) for row in late)


def is_told(actor: Actor, ern_id: str, escalated: int) -> bool:
    """Whether this person is one of those who were told of a request to this ERN."""
    return any(escalated >= level and ern_id in actor.erns(role) for level, role in _ROLES.items())


def _level(session: Session, row: Any, held: Collection[tuple[str | None, str]]) -> int:
    """How far it has gone up by now."""
    network, level, moment = promises_for(session, row.ern_id), DISPATCHERS, row.due_at
    while level < ADMINISTRATORS:
        if (row.ern_id, _ROLES[level]) in held:
            moment = network.goes_up_at(moment)
            if moment > clock.now():
                break
        level += 1
    return level


def _held(session: Session) -> set[tuple[str | None, str]]:
    """(ERN, role) of everybody who could triage."""
    rows = session.execute(
        select(RoleGrant.ern_id, RoleGrant.role)
        .join(User, User.id == RoleGrant.user_id)
        .where(
            RoleGrant.role.in_(_ROLES.values()),
            RoleGrant.revoked_at.is_(None),
            User.disabled_at.is_(None),
        )
        .distinct()
    )
    return {(row.ern_id, row.role) for row in rows}


def _tell(session: Session, row: Any, level: int) -> bool:
    if level <= row.escalated:
        return False
    request = ConsultationRequest
    # Of two workers that come at once, the second finds nothing left.
    told = session.execute(
        update(request)
        .where(request.id == row.id, request.escalated == row.escalated)
        .values(escalated=level)
        .returning(request.id)
        .execution_options(synchronize_session=False)
    ).first()
    if told is None:
        return False
    audit.record(
        session,
        None,
        Event.REQUEST_ESCALATED,
        case_id=row.case_id,
        hcp_id=row.hcp_id,
        ern_id=row.ern_id,
        subject_id=row.id,
        told=TOLD[level],
    )
    return True
