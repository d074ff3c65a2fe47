"""Tables around a panel's discussion: earlier versions, mentions, questions, who has read what."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from cpms_core.clock import clock
from cpms_core.db import Base, JsonValue, new_id


class ContributionVersion(Base):
    """A contribution as it stood before its author changed it."""

    __tablename__ = "contribution_version"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    contribution_id: Mapped[UUID] = mapped_column(ForeignKey("contribution.id"), index=True)
    certainty: Mapped[str]
    text: Mapped[str]
    body: Mapped[dict[str, Any]] = mapped_column(JsonValue)
    written_at: Mapped[datetime]


class Mention(Base):
    """Somebody of the panel who is spoken to by name."""

    __tablename__ = "mention"

    contribution_id: Mapped[UUID] = mapped_column(ForeignKey("contribution.id"), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(
        ForeignKey("user_account.id"), primary_key=True, index=True
    )
    at: Mapped[datetime] = mapped_column(default=clock.now)


class PanelQuestion(Base):
    """What a panel asks of the submitter. While a blocking one is open, the ball is there."""

    __tablename__ = "panel_question"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    panel_id: Mapped[UUID] = mapped_column(ForeignKey("panel.id"), index=True)
    asked_by: Mapped[UUID] = mapped_column(ForeignKey("user_account.id"))
    asked_at: Mapped[datetime] = mapped_column(default=clock.now)
    text: Mapped[str]
    wanted: Mapped[list[str]] = mapped_column(JsonValue, default=list)
    """Keys of `questions.WANTED`."""
    asks_to_wait: Mapped[bool] = mapped_column(default=False)
    """Whether its asker thinks that the panel cannot go on without the answer."""
    is_blocking: Mapped[bool] = mapped_column(default=False)
    """Whether the lead says so too: then the clock stands still for it."""
    state: Mapped[str] = mapped_column(default="open")
    """open, answered, refused, taken_back."""
    answer: Mapped[str] = mapped_column(default="")
    answered_by: Mapped[UUID | None] = mapped_column(ForeignKey("user_account.id"))
    answered_at: Mapped[datetime | None]


class PanelLook(Base):
    """How far somebody has read a panel."""

    __tablename__ = "panel_look"

    panel_id: Mapped[UUID] = mapped_column(ForeignKey("panel.id"), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("user_account.id"), primary_key=True)
    seen_at: Mapped[datetime] = mapped_column(default=clock.now)
