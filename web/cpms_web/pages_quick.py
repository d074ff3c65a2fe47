"""The quick workflow's two acts: ask again, or close with a note."""

from collections.abc import Callable
from uuid import UUID

from cpms_core import Answer, Redirect, route
from cpms_core.audit import Event
from cpms_core.errors import InvalidError
from cpms_core.http.visit import PageVisit
from cpms_core.panels.requests.quick import ask_again, close_with_note
from cpms_web.pages_panel import panel_page
from cpms_web.panel_frame import seen

_PANEL = "/panels/{panel_id:uuid}"


@route("POST", _PANEL + "/close", permission="panel.close", event=Event.STAGE_CHANGED)
def close(visit: PageVisit, panel_id: UUID) -> Answer:
    said = "Closed. The panel sees your note; you are asked later what became of the advice."
    return _act(visit, panel_id, close_with_note, "note", said)


@route("POST", _PANEL + "/ask-again", permission="panel.close", event=Event.CONTRIBUTED)
def ask(visit: PageVisit, panel_id: UUID) -> Answer:
    return _act(visit, panel_id, ask_again, "again", "Asked. The panel is open again.")


def _act(
    visit: PageVisit, panel_id: UUID, act: Callable[..., None], field: str, said: str
) -> Answer:
    text = visit.field(field, max_length=100_000)
    try:
        act(visit.session, visit.actor, panel_id, text, seen(visit))
    except InvalidError as error:
        renamed = InvalidError(str(error), {field: error.fields.get("reason", str(error))})
        return panel_page(visit, panel_id, error=renamed, **{field: text})
    return Redirect(f"/panels/{panel_id}", said)


ROUTES = (close, ask)
