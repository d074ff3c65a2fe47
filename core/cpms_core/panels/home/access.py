"""What is asked of somebody's own request for access, and the requests of others to decide."""

from typing import Any

from cpms_core import words
from cpms_core.identity.access_request_queries import asked_back, waiting_requests
from cpms_core.panels.clock.clocks import Clock
from cpms_core.panels.home.waiting import Item, Part, Reader


def _own_item(row: Any, _: Reader) -> Item:
    return Item(
        title="Your request for access",
        text=f"“{row.message}”",
        note="It goes on with your answer",
        action="Answer",
        href=f"/access/{row.id}",
        clock=Clock(
            state="late" if row.reminded_at else "soon", words=f"asked {words.since(row.since)} ago"
        ),
    )


def _queue_item(row: Any, _: Reader) -> Item | None:
    if not row.requests:
        return None
    late = f"{words.plural(row.late, 'person has', 'people have')} waited too long. "
    return Item(
        title=f"{words.plural(row.requests, 'request')} for access",
        text=f"{late if row.late else ''}Call each before you say yes.",
        note=f"waiting since {words.day(row.since)}",
        action="Decide",
        href="/access/queue",
        clock=Clock(state="late" if row.late else "", words=f"waiting {words.since(row.since)}"),
    )


PARTS = (Part(asked_back, _own_item), Part(waiting_requests, _queue_item, "access.queue"))
