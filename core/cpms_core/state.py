"""A few facts the site remembers about itself, by key."""

from sqlalchemy.orm import Mapped, Session, mapped_column

from cpms_core.clock import clock
from cpms_core.db import Base


class SiteState(Base):
    __tablename__ = "site_state"

    key: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str]


def read_state(session: Session, key: str) -> str | None:
    row = session.get(SiteState, key)
    return row.value if row else None


def write_state(session: Session, key: str, value: str) -> None:
    session.merge(SiteState(key=key, value=value))


def prove_writable(session: Session) -> None:
    """Write a row, so that a full or read-only disk shows; the caller commits."""
    write_state(session, "health", clock.now().isoformat())
