"""Tables of patients: pseudonymous rows, sealed identities, consents."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column, relationship

from cpms_core.clock import clock
from cpms_core.db import Base, JsonValue, new_id
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
    is_restricted: Mapped[bool] = mapped_column(default=False)
    """Whether the care team alone sees this patient at its centre."""
    retain_until: Mapped[date | None]
    """The day on which its centre must look whether the data are still needed."""
    merged_into: Mapped[UUID | None] = mapped_column(ForeignKey("patient.id"))
    """The same person's other enrolment, which goes on."""
    erased_at: Mapped[datetime | None]

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
    classes: Mapped[list[str]] = mapped_column(JsonValue, default=list)
    """For care: the classes of data it covers."""
    erns: Mapped[list[str]] = mapped_column(JsonValue, default=list)
    """For care: the ERNs it is limited to; none for any."""
    assent: Mapped[str] = mapped_column(default="")
    """Whether the minor agreed: yes, no, not_able; empty if not asked."""
    recontact_on: Mapped[date | None]
    """When the patient comes of age and is asked again."""

    patient: Mapped[Patient] = relationship(back_populates="consents")


class ConsentReceipt(Base):
    """What withdrawing a consent did, word for word as the family was told."""

    __tablename__ = "consent_receipt"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    consent_id: Mapped[UUID] = mapped_column(ForeignKey("consent.id"), unique=True)
    lines: Mapped[list[str]] = mapped_column(JsonValue)
    code: Mapped[str] = mapped_column(unique=True)
    """Printed on the receipt, to look it up by."""
    made_at: Mapped[datetime] = mapped_column(default=clock.now)


class TeamMember(Base):
    """Somebody of a restricted patient's care team."""

    __tablename__ = "care_team_member"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    patient_id: Mapped[UUID] = mapped_column(ForeignKey("patient.id"), index=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("user_account.id"), index=True)
    since: Mapped[datetime] = mapped_column(default=clock.now)
    added_by: Mapped[UUID]
    ended_at: Mapped[datetime | None]


class BrokenGlass(Base):
    """A restricted patient, or who a patient is, opened in an emergency. It ends by itself."""

    __tablename__ = "broken_glass"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    patient_id: Mapped[UUID] = mapped_column(ForeignKey("patient.id"), index=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("user_account.id"), index=True)
    opens: Mapped[str]
    """record, identity."""
    reason: Mapped[str]
    broken_at: Mapped[datetime] = mapped_column(default=clock.now)
    until: Mapped[datetime]


class EmergencySeen(Base):
    """Somebody who was told of a broken glass has seen it."""

    __tablename__ = "emergency_seen"

    glass_id: Mapped[UUID] = mapped_column(ForeignKey("broken_glass.id"), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("user_account.id"), primary_key=True)
    seen_at: Mapped[datetime] = mapped_column(default=clock.now)


class Transfer(Base):
    """A patient who moves to another centre: one centre proposes it, the other accepts."""

    __tablename__ = "patient_transfer"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    patient_id: Mapped[UUID] = mapped_column(ForeignKey("patient.id"), index=True)
    from_hcp_id: Mapped[UUID] = mapped_column(ForeignKey("hcp.id"), index=True)
    to_hcp_id: Mapped[UUID] = mapped_column(ForeignKey("hcp.id"), index=True)
    reason: Mapped[str] = mapped_column(default="")
    proposed_by: Mapped[UUID]
    proposed_at: Mapped[datetime] = mapped_column(default=clock.now)
    state: Mapped[str] = mapped_column(default="proposed")
    """proposed, accepted, refused, taken_back."""
    decided_by: Mapped[UUID | None]
    decided_at: Mapped[datetime | None]
