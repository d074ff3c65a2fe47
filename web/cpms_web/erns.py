"""The ERNs by their names."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from cpms_core.directory.models import Ern


def ern_names(session: Session) -> dict[str, str]:
    """Id → name as it writes itself, by name."""
    return {row[0]: row[1] for row in session.execute(select(Ern.id, Ern.name).order_by(Ern.name))}
