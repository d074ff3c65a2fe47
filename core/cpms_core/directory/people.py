"""Find people by name: who works where, for everybody who is signed in. No addresses."""

from msgspec import Struct
from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from cpms_core.directory.models import Country, Hcp
from cpms_core.identity.models import RoleGrant, User
from cpms_core.terminology.folding import fold

_MOST = 15
_FEWEST_LETTERS = 3
_MOST_PEOPLE = 20_000
"""Read at one search: names are compared without accents, which no database does alike."""


class FoundPerson(Struct, frozen=True, kw_only=True):
    name: str
    specialty: str
    centre: str
    country: str


def find_people(session: Session, text: str) -> list[FoundPerson]:
    """Everybody in whose name each of the words begins one, accents or not."""
    words = fold(text).split()
    if sum(map(len, words)) < _FEWEST_LETTERS:
        return []
    # Whoever has none has only joined, or is a guest of one panel.
    has_a_role = exists().where(RoleGrant.user_id == User.id, RoleGrant.revoked_at.is_(None))
    rows = session.execute(
        select(User.name, User.specialty, Hcp.name, Country.name)
        .outerjoin(Hcp, Hcp.id == User.hcp_id)
        .outerjoin(Country, Country.id == Hcp.country_id)
        .where(User.disabled_at.is_(None), has_a_role)
        .order_by(User.name)
        .limit(_MOST_PEOPLE)
    )
    found = [
        FoundPerson(name=name, specialty=specialty, centre=centre or "", country=country or "")
        for name, specialty, centre, country in rows
        if _fits(fold(name), words)
    ]
    return found[:_MOST]


def _fits(name: str, words: list[str]) -> bool:
    return all(f" {word}" in f" {name}" for word in words)
