"""Everybody of a panel: who was asked, who sits on it, and what became of it."""

from datetime import date
from uuid import UUID

from msgspec import Struct
from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session, aliased

from cpms_core.directory.models import Country, Hcp
from cpms_core.identity.models import SecurityKey, User
from cpms_core.panels.models import Contribution, PanelMember
from cpms_core.panels.scope import is_over, last_day
from cpms_core.panels.seats.reminders import reminded

_SEATED = {"invited", "accepted"}


class MemberRow(Struct, frozen=True, kw_only=True):
    user_id: UUID
    name: str
    initials: str
    centre: str
    city: str
    country: str
    role: str
    state: str
    """As it is stored, or `ended` for a guest whose time is over."""
    contributions: int
    until: date | None = None
    """The last day of a guest."""
    has_key: bool = True
    reason: str = ""
    """What was said when the invitation was declined, or with an offer."""
    deputy_for: str = ""
    """The name of who named this person instead of coming."""
    reminded: str = ""
    """`reminded yesterday`."""

    @property
    def is_seated(self) -> bool:
        return self.state in _SEATED


def read_members(session: Session, panel_id: UUID) -> tuple[MemberRow, ...]:
    """Everybody who was asked or offers, also who declined or left, or whose time has ended."""
    before = aliased(User)
    given = (
        select(func.count())
        .where(
            Contribution.panel_id == panel_id,
            Contribution.author_id == PanelMember.user_id,
            Contribution.kind == "opinion",
        )
        .scalar_subquery()
    )
    rows = session.execute(
        select(
            *(PanelMember.user_id, PanelMember.role, PanelMember.state, PanelMember.until),
            *(User.name, exists().where(SecurityKey.user_id == User.id).label("has_key")),
            *(Hcp.name.label("centre"), Hcp.city, Country.name.label("country")),
            given.label("contributions"),
            *(PanelMember.reason, PanelMember.reminded_at, before.name.label("deputy_for")),
        )
        .join(User, User.id == PanelMember.user_id)
        .outerjoin(before, before.id == PanelMember.deputy_for)
        .outerjoin(Hcp, Hcp.id == User.hcp_id)
        .outerjoin(Country, Country.id == Hcp.country_id)
        .where(PanelMember.panel_id == panel_id)
        .order_by(PanelMember.invited_at, PanelMember.id)
    )
    return tuple(
        MemberRow(
            user_id=row.user_id,
            name=row.name,
            initials=initials_of(row.name),
            centre=row.centre or "",
            city=row.city or "",
            country=row.country or "",
            role=row.role,
            state="ended" if row.state in _SEATED and is_over(row.until) else row.state,
            contributions=row.contributions,
            until=last_day(row.until) if row.until else None,
            has_key=bool(row.has_key),
            reason=row.reason,
            deputy_for=row.deputy_for or "",
            reminded=reminded(row.reminded_at) if row.state == "invited" else "",
        )
        for row in rows
    )


def initials_of(name: str) -> str:
    """Of the last two words that start with a letter, without a title such as Dr."""
    parts = [word for word in name.split() if word[:1].isalpha() and not word.endswith(".")]
    parts = [word for word in parts if word.casefold() not in {"dr", "prof"}] or parts
    return "".join(word[0] for word in (parts[:1] + parts[1:][-1:]))[:2].upper()
