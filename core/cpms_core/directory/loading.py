"""Load the directory that comes with the program: ERNs, countries and some HCPs."""

from pathlib import Path

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from cpms_core.directory.models import Country, Ern, Hcp, Membership

_DIRECTORY = Path(__file__).with_name("directory.toml")


class _Hcp(msgspec.Struct):
    code: str
    name: str
    city: str
    country: str
    erns: list[str]
    is_guest: bool = False


class _Ern(msgspec.Struct):
    id: str
    name: str
    scope: str


class _Directory(msgspec.Struct):
    erns: list[_Ern]
    countries: dict[str, str]
    hcps: list[_Hcp]


def load_directory(session: Session) -> None:
    """Add what is missing; what is there already stays as it is."""
    wanted = msgspec.toml.decode(_DIRECTORY.read_bytes(), type=_Directory)
    erns = set(session.scalars(select(Ern.id)))
    session.add_all(
        Ern(id=e.id, name=e.name, scope=e.scope) for e in wanted.erns if e.id not in erns
    )
    countries = set(session.scalars(select(Country.id)))
    session.add_all(
        Country(id=code, name=name)
        for code, name in wanted.countries.items()
        if code not in countries
    )
    session.flush()
    codes = set(session.scalars(select(Hcp.code)))
    for hcp in wanted.hcps:
        if hcp.code not in codes:
            session.add(
                Hcp(
                    code=hcp.code,
                    name=hcp.name,
                    city=hcp.city,
                    country_id=hcp.country,
                    is_guest=hcp.is_guest,
                    memberships=[Membership(ern_id=ern) for ern in hcp.erns],
                )
            )
    session.flush()
