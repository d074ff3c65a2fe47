"""Tables of cases and what is kept in them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from cpms_core.clock import clock
from cpms_core.db import Base, new_id
from cpms_core.directory.models import Hcp
from cpms_core.patients.models import Patient


class Case(Base):
    """One patient's one question. What it asks and holds stands in its records."""

    __tablename__ = "clinical_case"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    patient_id: Mapped[UUID] = mapped_column(ForeignKey("patient.id"), index=True)
    hcp_id: Mapped[UUID] = mapped_column(ForeignKey("hcp.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    created_by: Mapped[UUID] = mapped_column(ForeignKey("user_account.id"))
    """Whom it waits for: who opened it, or who took it over since. The audit knows both."""
    withdrawn_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    """When its last open panel closed: from then on its content no longer changes."""
    origin: Mapped[dict[str, Any] | None]
    """For an imported case: format, file name, remarks, and what could not be placed."""

    patient: Mapped[Patient] = relationship()
    hcp: Mapped[Hcp] = relationship()


class CaseShare(Base):
    """Who beside the own centre sees a case, and as what: an expert, or an ERN's dispatchers."""

    __tablename__ = "case_share"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    case_id: Mapped[UUID] = mapped_column(ForeignKey("clinical_case.id"), index=True)
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("user_account.id"), index=True)
    ern_id: Mapped[str | None] = mapped_column(ForeignKey("ern.id"), index=True)
    standing: Mapped[str] = mapped_column(default="")
    """An expert's standing on the panel; empty for an ERN."""
    since: Mapped[datetime] = mapped_column(default=clock.now)
    until: Mapped[datetime | None]
    """When a guest's view ends by itself."""
    ended_at: Mapped[datetime | None]


class Record(Base):
    """A saved version of a dataset in a case. Never changed: the newest row is the value."""

    __tablename__ = "record"
    __table_args__ = (UniqueConstraint("case_id", "dataset", "revision"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    case_id: Mapped[UUID] = mapped_column(ForeignKey("clinical_case.id"))
    dataset: Mapped[str]
    revision: Mapped[int]
    """1 for the first save of this dataset in this case."""
    schema_version: Mapped[int]
    data: Mapped[dict[str, Any]]
    author_id: Mapped[UUID] = mapped_column(ForeignKey("user_account.id"))
    saved_at: Mapped[datetime] = mapped_column(default=clock.now)


class RecordDraft(Base):
    """What somebody has typed and not saved: raw strings, valid or not, so that nothing is lost."""

    __tablename__ = "record_draft"
    __table_args__ = (UniqueConstraint("case_id", "dataset", "author_id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    case_id: Mapped[UUID] = mapped_column(ForeignKey("clinical_case.id"))
    dataset: Mapped[str]
    author_id: Mapped[UUID] = mapped_column(ForeignKey("user_account.id"))
    base_revision: Mapped[int]
    """The revision the typing started from; 0 for none."""
    form: Mapped[dict[str, Any]]
    typed_at: Mapped[datetime]


class CodedValue(Base):
    """The coded terms of the newest records, for search and counts."""

    __tablename__ = "coded_value"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    case_id: Mapped[UUID] = mapped_column(ForeignKey("clinical_case.id"))
    dataset: Mapped[str]
    field: Mapped[str]
    system: Mapped[str]
    code: Mapped[str]
    label: Mapped[str]
    absent: Mapped[bool]

    __table_args__ = (Index(None, "case_id", "dataset"), Index(None, "system", "code"))


class Attachment(Base):
    __tablename__ = "attachment"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    case_id: Mapped[UUID] = mapped_column(ForeignKey("clinical_case.id"), index=True)
    sha256: Mapped[str] = mapped_column(index=True)
    size: Mapped[int]
    media_type: Mapped[str]
    viewer: Mapped[str]
    """Key of the viewer that took it in; `photo` and `document` are core's own."""
    name: Mapped[str]
    held: Mapped[str] = mapped_column(default="")
    group: Mapped[str] = mapped_column("group_key", default="")
    """Value of the viewer's grouping facet; files of one group are one entry."""
    added_at: Mapped[datetime] = mapped_column(default=clock.now)
    added_by: Mapped[UUID] = mapped_column(ForeignKey("user_account.id"))
    removed_at: Mapped[datetime | None]

    facets: Mapped[list["Facet"]] = relationship()


class Facet(Base):
    """A key and value a viewer declared for an attachment."""

    __tablename__ = "facet"

    attachment_id: Mapped[UUID] = mapped_column(ForeignKey("attachment.id"), primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str]

    __table_args__ = (Index(None, "key", "value"),)
