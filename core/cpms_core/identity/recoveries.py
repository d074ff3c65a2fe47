"""How a person's keys were replaced lately, in names. Only reads."""

from datetime import datetime, timedelta
from typing import Final, Literal
from uuid import UUID

from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.orm import Session

from cpms_core.clock import clock
from cpms_core.identity.models import Recovery, User
from cpms_core.identity.recovery import ends_at

SHOWN_FOR: Final = timedelta(days=60)


class RecoveryView(Struct, frozen=True, kw_only=True):
    id: UUID
    state: Literal["open", "confirmed", "ended"]
    reason: str
    started_by: UUID | None
    starter: str
    """Empty if the person's own recovery code started it."""
    confirmer: str
    started_at: datetime
    ended_at: datetime
    """When it was confirmed or given up; while it is open, when it will end by itself."""


def recoveries_of(session: Session, user_id: UUID) -> tuple[RecoveryView, ...]:
    """Those of the last weeks, the newest first."""
    rows = session.scalars(
        select(Recovery)
        .where(Recovery.user_id == user_id, Recovery.started_at > clock.now() - SHOWN_FOR)
        .order_by(Recovery.started_at.desc(), Recovery.id.desc())
    ).all()
    ids = {row.started_by for row in rows} | {row.confirmed_by for row in rows}
    found = session.execute(select(User.id, User.name).where(User.id.in_(ids - {None})))
    names: dict[UUID | None, str] = {row[0]: row[1] for row in found}
    return tuple(
        RecoveryView(
            id=row.id,
            state=_state(row),
            reason=row.reason,
            started_by=row.started_by,
            starter=names.get(row.started_by, ""),
            confirmer=names.get(row.confirmed_by, ""),
            started_at=row.started_at,
            ended_at=row.ended_at or ends_at(row),
        )
        for row in rows
    )


def _state(row: Recovery) -> Literal["open", "confirmed", "ended"]:
    if row.confirmed_by is not None:
        return "confirmed"
    is_open = row.ended_at is None and ends_at(row) > clock.now()
    return "open" if is_open else "ended"
