"""Tables of what comes after a signed outcome: follow-ups, and asking to reopen."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from cpms_core.clock import clock
from cpms_core.db import Base, new_id


class FollowUp(Base):
    """The submitter is asked on a day what became of the advice."""

    __tablename__ = "follow_up"
    __table_args__ = (UniqueConstraint("panel_id", "kind"), Index(None, "state", "due_on"))

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    panel_id: Mapped[UUID] = mapped_column(ForeignKey("panel.id"))
    kind: Mapped[str]
    """day_21, month_3, month_12."""
    due_on: Mapped[date]
    state: Mapped[str] = mapped_column(default="planned")
    """planned, answered, expired."""
    note: Mapped[str] = mapped_column(default="")
    answered_by: Mapped[UUID | None] = mapped_column(ForeignKey("user_account.id"))
    answered_at: Mapped[datetime | None]


class FollowUpAnswer(Base):
    """What became of one recommendation."""

    __tablename__ = "follow_up_answer"

    follow_up_id: Mapped[UUID] = mapped_column(ForeignKey("follow_up.id"), primary_key=True)
    outcome_id: Mapped[UUID] = mapped_column(ForeignKey("outcome.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    """Of the recommendation in that outcome, from 1."""
    said: Mapped[str]
    """done, planned, not_done."""
    why: Mapped[str] = mapped_column(default="")
    answered_at: Mapped[datetime] = mapped_column(default=clock.now)


class Reopening(Base):
    """A submitter asks to take a closed panel up again."""

    __tablename__ = "panel_reopening"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    panel_id: Mapped[UUID] = mapped_column(ForeignKey("panel.id"), index=True)
    reason: Mapped[str]
    asked_by: Mapped[UUID] = mapped_column(ForeignKey("user_account.id"))
    asked_at: Mapped[datetime] = mapped_column(default=clock.now)
    state: Mapped[str] = mapped_column(default="asked", index=True)
    """asked, granted, refused."""
    answer: Mapped[str] = mapped_column(default="")
    decided_by: Mapped[UUID | None] = mapped_column(ForeignKey("user_account.id"))
    decided_at: Mapped[datetime | None]
