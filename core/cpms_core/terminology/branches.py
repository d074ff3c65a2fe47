"""Which part of the body a coded term is about, to show findings in groups."""

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session

from cpms_core.terminology.models import Concept


def branches_of(session: Session, codes: Collection[str]) -> dict[str, str]:
    """By code; codes that are unknown here, or stand in no branch, are left out."""
    rows = session.execute(
        select(Concept.code, Concept.branch).where(Concept.code.in_(codes), Concept.branch != "")
    )
    return {str(row.code): str(row.branch) for row in rows}
