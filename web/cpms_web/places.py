"""The directory as somebody reads it who looks for the own place: ERN, country, centre."""

from uuid import UUID

from msgspec import Struct
from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from cpms_core.directory.models import Country, Ern, Hcp, Membership
from cpms_core.directory.networks import is_running
from cpms_core.words import words


class Centre(Struct, frozen=True, kw_only=True):
    id: UUID
    code: str
    name: str
    city: str
    standing: str
    """`Full member` of the ERN in question; empty if the centre is none of its."""
    is_guest: bool


def list_erns(session: Session) -> list[Ern]:
    """By their short names, for few people look for theirs under E; not those that have ended."""
    return list(session.scalars(select(Ern).where(is_running()).order_by(Ern.id)))


def list_countries(session: Session) -> list[Country]:
    """Those that have an open centre here."""
    has_a_centre = Country.id.in_(select(Hcp.country_id).where(Hcp.closed_at.is_(None)))
    return list(session.scalars(select(Country).where(has_a_centre).order_by(Country.name)))


def list_centres(session: Session, country_id: str, ern_id: str) -> list[Centre]:
    """The ERN's first, then the others, guest access at the end; each by its code."""
    rows = session.execute(
        select(Hcp, Membership.kind)
        .outerjoin(Membership, and_(Membership.hcp_id == Hcp.id, Membership.ern_id == ern_id))
        .where(Hcp.country_id == country_id, Hcp.closed_at.is_(None))
        .order_by(Hcp.is_guest, Membership.kind.is_(None), Hcp.code)
    )
    return [
        Centre(
            id=hcp.id,
            code=hcp.code,
            name=hcp.name,
            city=hcp.city,
            standing=words(kind) if kind else "",
            is_guest=hcp.is_guest,
        )
        for hcp, kind in rows
    ]


def find_centre(session: Session, code: str) -> Hcp | None:
    return session.scalar(select(Hcp).where(Hcp.code == code))
