"""Countries, and the guest access of each: where clinicians outside the networks have a place."""

import re

from msgspec import Struct
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cpms_core import audit
from cpms_core.access import Subject, ensure
from cpms_core.actor import Actor
from cpms_core.audit import Event
from cpms_core.directory.centres import note_centre
from cpms_core.directory.models import Country, Hcp
from cpms_core.directory.wording import name_problem, one_line, refuse_if
from cpms_core.errors import ConflictError, NotFoundError

_LONGEST_NAME = 60
_ISO_CODE = re.compile(r"[A-Z]{2}")


class CountryRow(Struct, frozen=True, kw_only=True):
    id: str
    name: str
    centres: int
    """Open ones, but for the guest access."""
    guest_access: Hcp | None


def list_countries(session: Session) -> list[CountryRow]:
    rows = session.execute(
        select(Hcp.country_id, func.count())
        .where(Hcp.is_guest.is_(False), Hcp.closed_at.is_(None))
        .group_by(Hcp.country_id)
    )
    counts = {row[0]: row[1] for row in rows}
    guests = {hcp.country_id: hcp for hcp in session.scalars(select(Hcp).where(Hcp.is_guest))}
    return [
        CountryRow(
            id=country.id,
            name=country.name,
            centres=counts.get(country.id, 0),
            guest_access=guests.get(country.id),
        )
        for country in session.scalars(select(Country).order_by(Country.name))
    ]


def add_country(session: Session, actor: Actor, code: str, name: str) -> Country:
    ensure(actor, "directory.manage", Subject())
    code = code.strip().upper()
    problem = None
    if not _ISO_CODE.fullmatch(code):
        problem = "Use the two letters of ISO 3166-1; Greece is GR."
    elif session.get(Country, code) is not None:
        problem = f"{code} is in the directory already."
    refuse_if({"code": problem, "name": name_problem(name, _LONGEST_NAME)})
    country = Country(id=code, name=one_line(name))
    session.add(country)
    session.flush()
    audit.record(session, actor, Event.COUNTRY_ADDED, country=code)
    return country


def open_guest_access(session: Session, actor: Actor, country_id: str) -> Hcp:
    """The country's guest access, FR00 for France; there is one at most."""
    ensure(actor, "directory.manage", Subject())
    country = session.get(Country, country_id, with_for_update=True)
    if country is None:
        raise NotFoundError
    code = f"{country.id}00"
    taken = select(Hcp).where((Hcp.code == code) | (Hcp.is_guest & (Hcp.country_id == country.id)))
    if session.scalar(taken.limit(1)) is not None:
        raise ConflictError(
            f"{country.name} has its guest access already, or another centre is called {code}."
        )
    hcp = Hcp(code=code, name=f"Guest access, {country.name}", country_id=country.id, is_guest=True)
    session.add(hcp)
    session.flush()
    note_centre(session, actor, Event.CENTRE_ADDED, hcp)
    return hcp
