"""How each of many cases stands, in a word: for tables."""

from collections.abc import Sequence
from uuid import UUID

from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.orm import Session

from cpms_core import words
from cpms_core.directory.models import Ern
from cpms_core.panels import stages
from cpms_core.panels.models import ConsultationRequest, Panel

REQUEST_BADGES = {"submitted": "info", "returned": "waiting", "accepted": "info"}


class Stand(Struct, frozen=True, kw_only=True):
    title: str
    badge: str
    ern: str
    number: str


def stands_of(session: Session, case_ids: Sequence[UUID]) -> dict[UUID, Stand]:
    """By case; of several requests the newest. A case without one is a draft and not in it."""
    rows = session.execute(
        select(
            ConsultationRequest.case_id,
            ConsultationRequest.state,
            Panel.stage,
            Panel.number,
            Ern.name,
        )
        .join(Ern, Ern.id == ConsultationRequest.ern_id)
        .outerjoin(Panel, Panel.request_id == ConsultationRequest.id)
        .where(ConsultationRequest.case_id.in_(case_ids))
        .order_by(ConsultationRequest.submitted_at)
    )
    return {
        case_id: Stand(
            title=stages.title(stage) if stage else words.words(state),
            badge=stages.badge(stage) if stage else REQUEST_BADGES.get(state, "plain"),
            ern=ern,
            number=number or "",
        )
        for case_id, state, stage, number, ern in rows
    }
