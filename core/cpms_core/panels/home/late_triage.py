"""Requests that nobody triages, on an administrator's Home: how many, and nothing of the cases."""

from functools import cache
from typing import Any

from sqlalchemy import func, select

from cpms_core import me, words
from cpms_core.cases.models import Case
from cpms_core.directory.models import Ern
from cpms_core.panels.clock.clocks import running
from cpms_core.panels.clock.late_triage import ADMINISTRATORS
from cpms_core.panels.home.waiting import Item, Part, Reader
from cpms_core.panels.models import ConsultationRequest
from cpms_core.panels.scope import is_shown_to_others
from cpms_core.rows import AnyQuery


@cache
def _late_requests() -> AnyQuery:
    request = ConsultationRequest
    return (
        select(
            Ern.name,
            func.count().label("requests"),
            func.min(request.due_at, type_=request.due_at.type).label("due_at"),
        )
        .join(Ern, Ern.id == request.ern_id)
        .join(Case, Case.id == request.case_id)
        .where(
            me.IS_ADMIN,
            request.state == "submitted",
            request.escalated >= ADMINISTRATORS,
            is_shown_to_others(),
        )
        .group_by(Ern.id, Ern.name)
        .order_by("due_at")
    )


def _late_item(row: Any, _: Reader) -> Item:
    asked = words.plural(row.requests, "request")
    return Item(
        title=f"Late: {asked} to triage at {row.name}",
        text="Talk to its coordinators, or see that somebody is named who decides.",
        note="Whoever triages there was told, and nothing is decided yet",
        action="Look who does",
        href="/people",
        clock=running("triage", row.due_at),
    )


PARTS = (Part(_late_requests, _late_item),)
