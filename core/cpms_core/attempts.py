"""How often something was tried within five minutes: counted in the store, for all workers alike.

For what is rare and worth guarding, such as beginning a sign-in. Pages are limited in each worker's
memory instead (`http/limits.py`), for a write at every page would cost more than the page.
"""

import hashlib
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from cpms_core.clock import clock
from cpms_core.db import Base
from cpms_core.errors import TooManyError

WINDOW = timedelta(minutes=5)


class AttemptCount(Base):
    __tablename__ = "attempt_count"

    key: Mapped[bytes] = mapped_column(primary_key=True)
    """A digest of what is counted: no address of anybody is kept."""
    began_at: Mapped[datetime] = mapped_column(primary_key=True)
    count: Mapped[int] = mapped_column(default=1)


def count_attempt(session: Session, kind: str, who: str, most: int) -> None:
    """Count one more; TooManyError if there were `most` of them already.

    The caller's transaction has to be committed for it to count, also when it fails: see
    `keeps_changes`, which the error carries.
    """
    now = clock.now()
    began = datetime.fromtimestamp(now.timestamp() // WINDOW.seconds * WINDOW.seconds, now.tzinfo)
    key = hashlib.sha256(f"{kind}\0{who}".encode("utf-8", "surrogatepass")).digest()
    session.execute(delete(AttemptCount).where(AttemptCount.began_at < began - WINDOW))
    insert = (postgresql if session.get_bind().dialect.name == "postgresql" else sqlite).insert
    session.execute(
        insert(AttemptCount)
        .values(key=key, began_at=began, count=1)
        .on_conflict_do_update(
            index_elements=["key", "began_at"], set_={"count": AttemptCount.count + 1}
        )
    )
    counted = session.scalar(
        select(AttemptCount.count).where(AttemptCount.key == key, AttemptCount.began_at == began)
    )
    if (counted or 0) > most:
        wait = int((began + WINDOW - now).total_seconds()) + 1
        error = TooManyError(f"That was very often. Please wait {-(-wait // 60)} min.", wait)
        error.keeps_changes = True
        raise error
