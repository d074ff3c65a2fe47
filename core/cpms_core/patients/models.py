"""Tables of patients: pseudonymous rows, sealed identities, consents."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column, relationship

from cpms_core.clock import clock
from cpms_core.db import Base, new_id
from cpms_core.directory.models import Hcp


class Patient(Base):
    __tablename__ = "patient"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    hcp_id: Mapped[UUID] = mapped_column(ForeignKey("hcp.id"), index=True)
    pseudonym: Mapped[str] = mapped_column(unique=True)
    sex: Mapped[str]
    """Sex at birth: female, male, undetermined, unknown (JRC 2.2)."""
    birth_year: Mapped[int | None]
    birth_month: Mapped[int | None]
    status: Mapped[str] = mapped_column(default="alive")
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    created_by: Mapped[UUID]

    hcp: Mapped[Hcp] = relationship()
    consents: Mapped[list["Consent"]] = relationship(
        back_populates="patient", order_by="Consent.recorded_at"
    )


class CentreKey(Base):
    """A centre's key, wrapped by the site key."""

    __tablename__ = "centre_key"

    hcp_id: Mapped[UUID] = mapped_column(ForeignKey("hcp.id"), primary_key=True)
    wrapped: Mapped[bytes]


class SealedIdentity(Base):
    """Who a patient is, readable only with the site key, the centre's key and the patient's."""

    __tablename__ = "sealed_identity"

    patient_id: Mapped[UUID] = mapped_column(ForeignKey("patient.id"), primary_key=True)
    hcp_id: Mapped[UUID] = mapped_column(ForeignKey("hcp.id"))
    wrapped_key: Mapped[bytes]
    sealed: Mapped[bytes]
    search_digest: Mapped[bytes]
    """Keyed hash of name and birth day: finds a double enrolment inside the centre only."""

    __table_args__ = (Index(None, "hcp_id", "search_digest"),)


class Consent(Base):
    """One consent as it was given; withdrawing keeps the row."""

    __tablename__ = "consent"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    patient_id: Mapped[UUID] = mapped_column(ForeignKey("patient.id"), index=True)
    kind: Mapped[str]
    form_version: Mapped[str]
    language: Mapped[str]
    signer: Mapped[str]
    given_on: Mapped[date]
    original_at: Mapped[str]
    """Where the signed paper lies."""
    recorded_at: Mapped[datetime] = mapped_column(default=clock.now)
    recorded_by: Mapped[UUID]
    withdrawn_at: Mapped[datetime | None]
    withdrawn_by: Mapped[UUID | None]

    patient: Mapped[Patient] = relationship(back_populates="consents")
