"""Requests for access that wait too long: marked once for each turn, so that pages say so.

Whoever decides sees them first from then on, and system administrators see them too. There is no
mail yet: a page is all that reminds anybody.
"""

from datetime import datetime, timedelta

from sqlalchemy import and_, or_, update
from sqlalchemy.orm import Session

from cpms_core import audit
from cpms_core.audit import Event
from cpms_core.clock import clock
from cpms_core.identity.models import AccessRequest

WORKING_DAYS_TO_DECIDE = 2
DAYS_TO_ANSWER = 7
_SATURDAY = 5


def remind_of_requests(session: Session) -> int:
    """Mark those whose time is over now; how many they were."""
    now = clock.now()
    to_decide = and_(
        AccessRequest.state == "submitted",
        AccessRequest.waits_since <= working_days_before(now, WORKING_DAYS_TO_DECIDE),
    )
    to_answer = and_(
        AccessRequest.state == "asked",
        AccessRequest.waits_since <= now - timedelta(days=DAYS_TO_ANSWER),
    )
    # One statement: of two workers that come at once, the second finds nothing left.
    late = session.execute(
        update(AccessRequest)
        .where(AccessRequest.reminded_at.is_(None), or_(to_decide, to_answer))
        .values(reminded_at=now)
        .returning(AccessRequest.id, AccessRequest.hcp_id, AccessRequest.ern_id)
        .execution_options(synchronize_session=False)
    ).all()
    for request_id, hcp_id, ern_id in late:
        audit.record(
            session,
            None,
            Event.ACCESS_REMINDED,
            subject_id=request_id,
            hcp_id=hcp_id,
            ern_id=ern_id,
        )
    return len(late)


def working_days_before(moment: datetime, days: int) -> datetime:
    """The same time so many working days earlier; Saturdays and Sundays do not count."""
    if moment.weekday() >= _SATURDAY:
        # At a weekend it is still the midnight after Friday.
        saturday = moment - timedelta(days=moment.weekday() - _SATURDAY)
        moment = saturday.replace(hour=0, minute=0, second=0, microsecond=0)
    while days:
        moment -= timedelta(days=1)
        days -= moment.weekday() < _SATURDAY
    return moment
