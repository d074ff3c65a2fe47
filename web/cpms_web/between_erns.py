"""How several ERNs came to one case, in words."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from cpms_core.panels.models import ConsultationRequest
from cpms_core.words import words


def why_erns(rows: Iterable[Any]) -> Mapping[UUID, str]:
    """By request, of all requests of one case; each row begins with one and ends with its ERN."""
    requests: dict[UUID, tuple[ConsultationRequest, str]] = {
        row[0].id: (row[0], row[-1]) for row in rows
    }
    targets = {one.forwarded_from: ern for one, ern in requests.values() if one.forwarded_from}
    return {key: _why(one, ern, requests, targets) for key, (one, ern) in requests.items()}


def _why(
    one: ConsultationRequest,
    ern: str,
    requests: Mapping[UUID, tuple[ConsultationRequest, str]],
    targets: Mapping[UUID, str],
) -> str:
    source = requests.get(one.forwarded_from) if one.forwarded_from else None
    if one.state == "forwarded":
        return f"{ern} forwarded it to {targets.get(one.id, 'another ERN')}. “{one.reason}”"
    if one.state == "submitted" and source:
        if source[0].state == "forwarded":
            return ""  # told with the one it came from
        return f"{source[1]} asks {ern} to join. “{one.reason}”"
    return f"{ern}: {words(one.state).lower()}. “{one.reason}”" if one.reason else ""
