"""What an ERN does with a request: return it, decline it, or name a lead and so make a panel."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from cpms_core.actor import Actor, Role
from cpms_core.errors import InvalidError
from cpms_core.identity.models import RoleGrant, User
from cpms_core.panels.models import Panel
from cpms_core.panels.moves import ensure_possible, take
from cpms_core.panels.requests.opening import open_panel
from cpms_core.panels.scope import find_request
from cpms_core.panels.steps import step
from cpms_core.registry import Registry


def return_request(
    session: Session, actor: Actor, request_id: UUID, reason: str, seen: int
) -> None:
    """Back to the submitter with what is asked for; the clock stands still meanwhile."""
    scope = find_request(session, actor, request_id, "request.triage")
    take(session, actor, scope, "return", seen=seen, said=reason.strip())


def decline_request(
    session: Session, actor: Actor, request_id: UUID, reason: str, seen: int
) -> None:
    """Final for this ERN, which no longer sees the case; the submitter may ask another one."""
    scope = find_request(session, actor, request_id, "request.triage")
    take(session, actor, scope, "decline", seen=seen, said=reason.strip())


def name_lead(
    session: Session,
    actor: Actor,
    registry: Registry,
    request_id: UUID,
    lead_id: UUID,
    seen: int,
) -> Panel:
    """Accept the request: from now on there is a panel, and its lead sees the whole case."""
    scope = find_request(session, actor, request_id, "request.triage")
    ensure_possible(session, scope, step("name_lead"), "")
    request = scope.request
    network = registry.networks.get(request.ern_id)
    ensure_expert(session, lead_id, Role.PROFESSIONAL)
    if lead_id == request.submitted_by and not (network and network.may_lead_own_case):
        raise InvalidError(
            "Whoever asks cannot lead the panel.", {"lead": "Choose somebody else as lead."}
        )
    return open_panel(session, actor, registry, scope, lead_id, seen)


def ensure_expert(session: Session, user_id: UUID, *roles: Role) -> User:
    """Somebody who can take part: an account in use that holds one of these roles."""
    user = session.scalar(
        select(User)
        .join(RoleGrant, RoleGrant.user_id == User.id)
        .where(
            User.id == user_id,
            User.disabled_at.is_(None),
            RoleGrant.role.in_(roles),
            RoleGrant.revoked_at.is_(None),
        )
        .limit(1)
    )
    if user is None:
        raise InvalidError(
            "This person cannot take part: the account is not in use, or not a health "
            "professional's.",
            {"person": "Choose a health professional."},
        )
    return user
