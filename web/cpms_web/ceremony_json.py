"""What the browser's half of a key ceremony sends and receives (assets/js/ceremony.js)."""

from typing import Any
from uuid import UUID

import msgspec

from cpms_core.errors import InvalidError
from cpms_core.http.visit import PageVisit
from cpms_core.identity.ceremonies import Begun

_LONGEST = 400  # no address, code or path is longer


def ceremony_json(begun: Begun) -> dict[str, Any]:
    """The answer to the first request: which ceremony this is, and what to ask the key."""
    return {"ceremony": str(begun.challenge_id), "publicKey": begun.options}


def answered(visit: PageVisit) -> tuple[UUID, bytes]:
    """Of the second request: the ceremony's id, and the key's answer as it came."""
    body = visit.incoming.json
    credential = body.get("credential") if isinstance(body, dict) else None
    if not isinstance(credential, dict):
        raise InvalidError("The browser's answer is incomplete. Please start again.")
    try:
        return UUID(text_of(body, "ceremony")), msgspec.json.encode(credential)
    except ValueError as error:
        raise InvalidError("The browser's answer is incomplete. Please start again.") from error


def text_of(body: Any, key: str) -> str:
    """A short text of a JSON body; empty if it is missing, InvalidError if it is anything else."""
    value = body.get(key, "") if isinstance(body, dict) else None
    if not isinstance(value, str) or len(value) > _LONGEST:
        raise InvalidError("The browser sent something unexpected. Please reload the page.")
    return value
