"""What an ERN does with a request: return it, decline it, or name a lead and so make a panel."""

from uuid import UUID

from sqlalchemy import Integer, String, cast, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from cpms_core import audit
from cpms_core.actor import Actor, Role
from cpms_core.audit import Event
from cpms_core.clock import clock
from cpms_core.errors import InvalidError
from cpms_core.identity.models import RoleGrant, User
from cpms_core.panels.models import Panel, PanelErn, PanelMember
from cpms_core.panels.moves import ensure_possible, take
from cpms_core.panels.scope import find_request, renew_share
from cpms_core.panels.steps import step
from cpms_core.registry import Registry
from cpms_core.state import SiteState


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
    take(session, actor, scope, "name_lead", seen=seen)
    prefix = (network and network.case_prefix) or request.ern_id.upper()
    now = clock.now()
    panel = Panel(
        number=next_number(session, f"{prefix}-{now.year}"),
        request_id=request.id,
        case_id=scope.case.id,
        ern_id=request.ern_id,
        lead_id=lead_id,
        triaged_at=now,
        stage_at=now,
    )
    session.add(panel)
    session.flush()
    session.add(PanelErn(panel_id=panel.id, ern_id=request.ern_id, request_id=request.id))
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
