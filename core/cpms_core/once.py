"""Forms that were sent twice happen once: the second sending gets the first one's answer."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Mapped, Session, mapped_column

from cpms_core.actor import Actor
from cpms_core.clock import clock
from cpms_core.db import Base


class DoneOnce(Base):
    __tablename__ = "done_once"

    key: Mapped[str] = mapped_column(primary_key=True)
    """What the form carried in `_once`."""
    user_id: Mapped[UUID] = mapped_column(primary_key=True)
    location: Mapped[str]
    done_at: Mapped[datetime] = mapped_column(default=clock.now, index=True)


def done_before(session: Session, actor: Actor, key: str) -> str | None:
    """Where the first sending of this form led, if there was one."""
    row = session.get(DoneOnce, (key, actor.user_id))
    return row.location if row else None


def remember(session: Session, actor: Actor, key: str, location: str) -> None:
    session.add(DoneOnce(key=key, user_id=actor.user_id, location=location))
