"""Tables of the directory."""

from uuid import UUID

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from cpms_core.db import Base, new_id


class Ern(Base):
    __tablename__ = "ern"

    id: Mapped[str] = mapped_column(primary_key=True)
    """Its short name in lower case, `ithaca`."""
    name: Mapped[str]
    """As it writes itself, `ERN ITHACA`."""
    scope: Mapped[str]


class Country(Base):
    __tablename__ = "country"

    id: Mapped[str] = mapped_column(primary_key=True)
    """ISO 3166-1 alpha-2; Greece is GR."""
    name: Mapped[str]


class Hcp(Base):
    """A health-care provider: the hospital or centre, never the person."""

    __tablename__ = "hcp"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    city: Mapped[str] = mapped_column(default="")
    country_id: Mapped[str] = mapped_column(ForeignKey("country.id"))
    is_guest: Mapped[bool] = mapped_column(default=False)

    country: Mapped[Country] = relationship()
    memberships: Mapped[list["Membership"]] = relationship(back_populates="hcp")


class Membership(Base):
    __tablename__ = "membership"
    __table_args__ = (UniqueConstraint("hcp_id", "ern_id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    hcp_id: Mapped[UUID] = mapped_column(ForeignKey("hcp.id"))
    ern_id: Mapped[str] = mapped_column(ForeignKey("ern.id"), index=True)
    kind: Mapped[str] = mapped_column(default="full_member")

    hcp: Mapped[Hcp] = relationship(back_populates="memberships")
