"""Tables of the directory."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from cpms_core.db import Base, JsonValue, new_id


class Ern(Base):
    __tablename__ = "ern"

    id: Mapped[str] = mapped_column(primary_key=True)
    """Its short name in lower case, `ithaca`."""
    name: Mapped[str]
    """As it writes itself, `ERN ITHACA`."""
    scope: Mapped[str]
    ends_on: Mapped[date | None]
    """The last day on which a temporary network takes requests."""
    workflow: Mapped[str] = mapped_column(default="full")
    """full, quick: how its consultations run."""
    promises: Mapped[dict[str, Any]] = mapped_column(JsonValue, default=dict)
    """What it promises where that is not the default; shape: `panels/clock/promises.py`."""
    calendar: Mapped[dict[str, Any]] = mapped_column(JsonValue, default=dict)
    """Its working hours, days and holidays where they are not the default; shape: there too."""


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
    """A country's guest access: where clinicians outside the networks enrol their patients."""
    closed_at: Mapped[datetime | None]
    """From then on nobody new works here and no patient is enrolled."""

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


class ThematicArea(Base):
    """An area that an ERN's coordinators added, or changed, beside those its plugin declares."""

    __tablename__ = "thematic_area"

    ern_id: Mapped[str] = mapped_column(ForeignKey("ern.id"), primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    title: Mapped[str]
    retired_at: Mapped[datetime | None]
    """No longer offered; what was sent under it keeps it."""


class ExpertGroup(Base):
    """People of an ERN who are asked together, by one click."""

    __tablename__ = "expert_group"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    ern_id: Mapped[str] = mapped_column(ForeignKey("ern.id"), index=True)
    name: Mapped[str]
    ended_at: Mapped[datetime | None]
    row_version: Mapped[int] = mapped_column(default=1)


class ExpertGroupMember(Base):
    __tablename__ = "expert_group_member"

    group_id: Mapped[UUID] = mapped_column(ForeignKey("expert_group.id"), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("user_account.id"), primary_key=True)
