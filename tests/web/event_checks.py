"""Whether an event says the right things: who, in which roles and session, of what, when.

An event's outcome is its tag: a refusal is `site:access:denied`, which names the route. What kind
of data it was is the tag's second word. No purpose is recorded but that of an emergency.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct

from cpms_core.actor import Actor
from cpms_core.clock import clock

Row = Mapping[str, Any]
"""A row of audit_event, and `session_user_id`, whose session it was."""
OF_A_CASE = frozenset({"case_id", "request_id", "panel_id", "attachment_id", "follow_up_id"})


class Expected(Struct, frozen=True):
    """What stands for the ids of this consultation, in hexadecimal digits as SQLite has them."""

    case_id: str
    patient_id: str
    hcp_id: str
    ern_id: str


def wrong_fields(
    event: Row, actor: Actor, expected: Expected, path: str, began_at: datetime
) -> Iterator[str]:
    """Of an event that one request of this person left."""
    told = event["tag"]
    if event["actor_id"] != actor.user_id.hex:
        yield f"{told} names {event['actor_id']} as who did it"
    if event["roles"] != actor.roles_in_words:
        yield f"{told} names the roles {event['roles']!r}"
    if event["session_user_id"] != actor.user_id.hex:
        yield f"{told} names a session of somebody else, or none"
    at = datetime.fromisoformat(event["at"]).replace(tzinfo=UTC)
    if not began_at - timedelta(seconds=1) <= at <= clock.now():
        yield f"{told} was at {at}, the request at {began_at}"
    if told == "site:access:denied":
        if msgspec.json.decode(event["detail"]).get("route") is None:
            yield "the denial names no route"
        return
    yield from _wrong_subject(event, expected, set(re.findall(r"\{(\w+)\}", path)))


def _wrong_subject(event: Row, expected: Expected, named: set[str]) -> Iterator[str]:
    """What the address names is what the event names."""
    if named & OF_A_CASE and event["case_id"] != expected.case_id:
        yield f"{event['tag']} names the case {event['case_id']}"
    if "patient_id" in named and expected.patient_id != event["patient_id"]:
        yield f"{event['tag']} names the patient {event['patient_id']}"
    if named & {"case_id", "patient_id"} and event["hcp_id"] != expected.hcp_id:
        yield f"{event['tag']} names the centre {event['hcp_id']}"
    if named & {"request_id", "ern_id"} and event["ern_id"] != expected.ern_id:
        yield f"{event['tag']} names the ERN {event['ern_id']}"


def as_hex(text: str) -> str:
    return UUID(text).hex
