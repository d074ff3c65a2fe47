"""What the pages of requests and panels share: the frame, and reading their forms."""

from typing import Any
from uuid import UUID

from cpms_core.cases.reading import case_reading
from cpms_core.db import new_id
from cpms_core.errors import InvalidError
from cpms_core.http.visit import PageVisit
from cpms_web.case_frame import case_frame


def around(visit: PageVisit, case_id: UUID, on: str) -> dict[str, Any]:
    """The values that every page about a panel has; `on` is the entry of the list at the left."""
    reading = case_reading(visit.session, visit.actor, visit.site.registry, case_id)
    return {"frame": case_frame(visit, reading), "on": on, "once": str(new_id())}


def seen(visit: PageVisit) -> int:
    """The version of the row that the page showed."""
    text = visit.field("seen", max_length=9)
    if text.isascii() and text.isdigit():
        return int(text)
    raise InvalidError("The form is incomplete. Reload the page and decide again.")


def person_ids(visit: PageVisit, name: str) -> list[UUID]:
    """The people that were ticked; each once."""
    try:
        return list(dict.fromkeys(UUID(text) for text in visit.form.get(name, []) if text))
    except ValueError as error:
        raise InvalidError("Choose people of the list.", {name: "Choose again."}) from error


def one_of(chosen: list[UUID], otherwise: str) -> UUID:
    """The one person that was chosen."""
    if len(chosen) != 1:
        raise InvalidError(otherwise)
    return chosen[0]
