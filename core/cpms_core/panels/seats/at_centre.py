"""What there is at a centre, counted: for whoever is about to close it."""

from uuid import UUID

from msgspec import Struct
from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from cpms_core.access import Subject, ensure
from cpms_core.actor import Actor
from cpms_core.cases.models import Case
from cpms_core.identity.access_requests import OPEN
from cpms_core.identity.models import AccessRequest, RoleGrant, User
from cpms_core.panels.models import Panel
from cpms_core.panels.stages import ENDED
from cpms_core.patients.models import Patient


class AtCentre(Struct, frozen=True, kw_only=True):
    people: int
    """Who works there or holds a role there, and can sign in."""
    patients: int
    open_panels: int
    """Panels that discuss a case of the centre."""
    waiting: int
    """Requests for access there that nobody has decided yet."""


def count_at_centre(session: Session, actor: Actor, hcp_id: UUID) -> AtCentre:
    ensure(actor, "directory.manage", Subject())
    with_a_role = select(RoleGrant.user_id).where(
        RoleGrant.hcp_id == hcp_id, RoleGrant.revoked_at.is_(None)
    )
    works_here = (User.hcp_id == hcp_id) | User.id.in_(with_a_role)
    is_open = Panel.stage.not_in([str(stage) for stage in ENDED])
    return AtCentre(
        people=_count(session, select(User.id).where(works_here, User.disabled_at.is_(None))),
        patients=_count(session, select(Patient.id).where(Patient.hcp_id == hcp_id)),
        open_panels=_count(
            session,
            select(Panel.id)
            .join(Case, Case.id == Panel.case_id)
            .where(Case.hcp_id == hcp_id, is_open),
        ),
        waiting=_count(
            session,
            select(AccessRequest.id).where(
                AccessRequest.hcp_id == hcp_id, AccessRequest.state.in_(OPEN)
            ),
        ),
    )


def _count(session: Session, found: Select[UUID]) -> int:
    return session.scalar(select(func.count()).select_from(found.subquery())) or 0
