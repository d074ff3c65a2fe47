"""A few facts the site remembers about itself, by key."""

from sqlalchemy.orm import Mapped, Session, mapped_column

from cpms_core.clock import clock
from cpms_core.db import Base
from cpms_core.keys import SiteKey

KEY_ID = "key_id"


class SiteState(Base):
    __tablename__ = "site_state"

    key: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str]


def read_state(session: Session, key: str) -> str | None:
    row = session.get(SiteState, key)
    return row.value if row else None


def write_state(session: Session, key: str, value: str) -> None:
    session.merge(SiteState(key=key, value=value))


def ensure_key(session: Session, key: SiteKey) -> None:
    """Raise SiteKeyError unless this is the key of this site; the first one seen becomes it."""
    expected = read_state(session, KEY_ID)
    if expected is None:
        write_state(session, KEY_ID, key.key_id)
    else:
        key.require_id(expected)


def prove_writable(session: Session) -> None:
    """Write a row, so that a full or read-only disk shows; the caller commits."""
    write_state(session, "health", clock.now().isoformat())
