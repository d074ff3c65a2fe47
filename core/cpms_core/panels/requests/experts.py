"""Who can be asked to sit on a panel, whom the site proposes, and why.

Five statements whatever the number of people.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from msgspec import Struct, structs
from sqlalchemy import ColumnElement, and_, exists, false, func, or_, select
from sqlalchemy.orm import Session

from cpms_core import words
from cpms_core.actor import Role
from cpms_core.directory.models import Country, Hcp, Membership
from cpms_core.identity.models import AreaInterest, RoleGrant, User
from cpms_core.identity.preferences import LANGUAGES
from cpms_core.panels.models import ConsultationRequest, Panel, PanelMember
from cpms_core.panels.requests.similar import Experience, experience_with
from cpms_core.panels.scope import is_seated
from cpms_core.panels.stages import ENDED
from cpms_core.registry import EMPTY, Registry

_MOST = 500
PROPOSED = 3
"""So many at most are proposed at once."""
_BUSY = 5
"""Whoever sits on so many open panels is not proposed."""


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
    fits: int
    """How well this person fits the case; what it is made of stands in `why`."""
    why: tuple[str, ...]
    """In words, the strongest first."""
    is_proposed: bool = False


class _Asking(Struct, frozen=True):
    """Who asks, and in which areas, as far as it matters for whom to ask."""

    languages: Sequence[str]
    country: str
    areas: Sequence[tuple[str, str]]
    """(ERN, key)."""


def list_experts(
    session: Session,
    ern_ids: Collection[str],
    case_id: UUID,
    without: Collection[UUID] = frozenset(),
    asked: Collection[UUID] = frozenset(),
    registry: Registry = EMPTY,
) -> tuple[ExpertRow, ...]:
    """People of these ERNs' centres, guests among them; who fits the case best comes first.

    Whoever was asked already and does not sit on the panel is listed, but not proposed. Without the
    registry, which knows what each code needs, only a consent for all data makes cases alike.
    """
    known = experience_with(session, registry, case_id)
    asking = _asking(session, ern_ids, case_id)
    rows = _people(session, ern_ids, asking, without, known)
    found = sorted(
        (_row(row, known.get(row.id), asking) for row in rows),
        key=lambda one: (-one.fits, one.open_panels, one.name),
    )
    proposed = [one.id for one in found if _is_fit(one, known) and one.id not in asked][:PROPOSED]
    return tuple(structs.replace(one, is_proposed=one.id in proposed) for one in found)


def may_be_asked(session: Session, ern_ids: Collection[str], user_id: UUID) -> bool:
    """Whether this person is one of those whom `list_experts` lists."""
    found = select(User.id).where(User.id == user_id, *_can_be_asked(ern_ids))
    return session.scalar(found) is not None


def _is_fit(one: ExpertRow, known: Mapping[UUID, Experience]) -> bool:
    """Language and country alone propose nobody."""
    return one.may_lead and one.open_panels < _BUSY and (one.follows_area or one.id in known)


def _people(
    session: Session,
    ern_ids: Collection[str],
    asking: _Asking,
    without: Collection[UUID],
    known: Mapping[UUID, Experience],
) -> Sequence[Any]:
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
    follows = _follows(asking.areas)
    return session.execute(
        select(
            *(User.id, User.name, User.job_title, User.specialty, User.languages),
            *(Hcp.name.label("centre"), Hcp.city, Hcp.country_id),
            *(Country.name.label("country"), follows.label("follows_area")),
            *(busy.label("open_panels"), _holds(Role.PROFESSIONAL).label("may_lead")),
        )
        .join(Hcp, Hcp.id == User.hcp_id)
        .join(Country, Country.id == Hcp.country_id)
        .where(*_can_be_asked(ern_ids), User.id.not_in(without))
        .order_by(follows.desc(), User.id.in_(list(known)).desc(), "open_panels", User.name)
        .limit(_MOST)
    ).all()


def _can_be_asked(ern_ids: Collection[str]) -> tuple[ColumnElement[bool], ...]:
    of_erns = select(Membership.hcp_id).where(Membership.ern_id.in_(ern_ids))
    return (
        or_(_holds(Role.PROFESSIONAL), _holds(Role.GUEST)),
        User.disabled_at.is_(None),
        User.hcp_id.in_(of_erns),
    )


def _follows(areas: Sequence[tuple[str, str]]) -> ColumnElement[bool]:
    interest = AreaInterest
    is_one = (and_(interest.ern_id == ern_id, interest.area == area) for ern_id, area in areas)
    return exists().where(interest.user_id == User.id, or_(false(), *is_one))


def _asking(session: Session, ern_ids: Collection[str], case_id: UUID) -> _Asking:
    request = ConsultationRequest
    rows = session.execute(
        select(request.ern_id, request.area, User.languages, Hcp.country_id)
        .join(User, User.id == request.submitted_by)
        .outerjoin(Hcp, Hcp.id == User.hcp_id)
        .where(request.case_id == case_id)
        .order_by(request.submitted_at.desc())
    ).all()
    return _Asking(
        languages=rows[0].languages if rows else (),
        country=rows[0].country_id or "" if rows else "",
        areas=[(row.ern_id, row.area) for row in rows if row.area and row.ern_id in ern_ids],
    )


def _row(row: Any, known: Experience | None, asking: _Asking) -> ExpertRow:
    shared = [code for code in row.languages if code in asking.languages and code in LANGUAGES]
    is_abroad = bool(asking.country) and row.country_id != asking.country
    spoken = [code for code in shared if code != "en"] or shared
    languages = " and ".join(LANGUAGES[code] for code in spoken[:2])
    why = (
        "follows this area" if row.follows_area else "",
        str(known) if known else "",
        f"speaks {languages}" if languages else "",
        "from another country" if is_abroad else "",
        words.plural(row.open_panels, "open panel") if row.open_panels else "free",
    )
    return ExpertRow(
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
        fits=_fits(row, known, speaks=bool(shared), is_abroad=is_abroad),
        why=tuple(filter(None, why)),
    )


def _fits(row: Any, known: Experience | None, *, speaks: bool, is_abroad: bool) -> int:
    """Experience with the diagnosis counts most, then the area; each open panel takes one off."""
    by_cases = 0
    if known:
        by_cases = 4 + min(known.cases, 3) if known.diagnosis else 2
    load: int = min(row.open_panels, 4)
    return by_cases + 3 * bool(row.follows_area) + speaks + is_abroad - load


def _holds(role: Role) -> ColumnElement[bool]:
    return exists().where(
        RoleGrant.user_id == User.id, RoleGrant.role == role, RoleGrant.revoked_at.is_(None)
    )
