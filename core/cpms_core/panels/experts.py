"""Who can be asked to sit on a panel."""

from uuid import UUID

from msgspec import Struct
from sqlalchemy import ColumnElement, and_, exists, func, or_, select
from sqlalchemy.orm import Session

from cpms_core.actor import Role
from cpms_core.directory.models import Country, Hcp, Membership
from cpms_core.identity.models import AreaInterest, RoleGrant, User
from cpms_core.identity.preferences import LANGUAGES
from cpms_core.panels.models import ConsultationRequest, Panel, PanelMember
from cpms_core.panels.scope import is_seated
from cpms_core.panels.stages import ENDED

_MOST = 500


class ExpertRow(Struct, frozen=True, kw_only=True):
    id: UUID
    name: str
    job_title: str
    specialty: str
    languages: tuple[str, ...]
    """In English."""
    follows_area: bool
    """Whether the area of this case is one of their interests."""
    centre: str
    city: str
    country: str
    open_panels: int
    may_lead: bool


def list_experts(
    session: Session, ern_id: str, case_id: UUID, without: frozenset[UUID] = frozenset()
) -> tuple[ExpertRow, ...]:
    """People of the ERN's centres, guests among them.

    Those first who follow the area in which the case was sent to this ERN, then the least busy.
    """
    busy = (
        select(func.count())
        .select_from(PanelMember)
        .join(Panel, Panel.id == PanelMember.panel_id)
        .where(
            PanelMember.user_id == User.id,
            is_seated(),
            Panel.stage.not_in([str(stage) for stage in ENDED]),
        )
        .scalar_subquery()
    )
    follows = (
        select(AreaInterest.user_id)
        .join(
            ConsultationRequest,
            and_(
                ConsultationRequest.ern_id == AreaInterest.ern_id,
                ConsultationRequest.area == AreaInterest.area,
            ),
        )
        .where(
            AreaInterest.user_id == User.id,
            ConsultationRequest.ern_id == ern_id,
            ConsultationRequest.case_id == case_id,
        )
        .exists()
    )
    of_ern = select(Membership.hcp_id).where(Membership.ern_id == ern_id)
    rows = session.execute(
        select(
            *(User.id, User.name, User.job_title, User.specialty, User.languages),
            *(Hcp.name.label("centre"), Hcp.city, Country.name.label("country")),
            *(follows.label("follows_area"), busy.label("open_panels")),
            _holds(Role.PROFESSIONAL).label("may_lead"),
        )
        .join(Hcp, Hcp.id == User.hcp_id)
        .join(Country, Country.id == Hcp.country_id)
        .where(
            or_(_holds(Role.PROFESSIONAL), _holds(Role.GUEST)),
            User.disabled_at.is_(None),
            User.hcp_id.in_(of_ern),
            User.id.not_in(without),
        )
        .order_by(follows.desc(), "open_panels", User.name)
        .limit(_MOST)
    )
    return tuple(
        ExpertRow(
            id=row.id,
            name=row.name,
            job_title=row.job_title,
            specialty=row.specialty,
            languages=tuple(LANGUAGES[code] for code in row.languages if code in LANGUAGES),
            follows_area=bool(row.follows_area),
            centre=row.centre,
            city=row.city,
            country=row.country,
            open_panels=row.open_panels,
            may_lead=bool(row.may_lead),
        )
        for row in rows
    )


def _holds(role: Role) -> ColumnElement[bool]:
    return exists().where(
        RoleGrant.user_id == User.id, RoleGrant.role == role, RoleGrant.revoked_at.is_(None)
    )
