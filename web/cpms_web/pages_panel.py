"""A panel: its discussion, its members, and its steps."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from cpms_core import Answer, Page, Redirect, route
from cpms_core.audit import Event
from cpms_core.errors import InvalidError
from cpms_core.http.visit import PageVisit
from cpms_core.panels.counting import what_it_needs
from cpms_core.panels.guards import ENOUGH
from cpms_core.panels.moves import move_stage
from cpms_core.panels.outcome.outcomes import start_outcome
from cpms_core.panels.requests.quick import quick_part
from cpms_web.discussion import composer, read_discussion
from cpms_web.panel_frame import around, seen

_PANEL = "/panels/{panel_id:uuid}"


@route("GET", _PANEL, permission="case.summary", event=Event.CASE_READ)
def show_panel(visit: PageVisit, panel_id: UUID) -> Answer:
    return panel_page(visit, panel_id)


@route("POST", _PANEL + "/stage", permission="panel.steer", event=Event.STAGE_CHANGED)
def change_stage(visit: PageVisit, panel_id: UUID) -> Answer:
    to = visit.field("to", max_length=40)
    move_stage(visit.session, visit.actor, panel_id, to, seen(visit))
    return Redirect(f"/panels/{panel_id}", "The panel has moved on.")


@route(
    "POST",
    _PANEL + "/outcome/start",
    permission="panel.steer",
    event=Event.OUTCOME_DRAFTED,
)
def begin_outcome(visit: PageVisit, panel_id: UUID) -> Answer:
    reason = visit.field("reason")
    try:
        start_outcome(visit.session, visit.actor, panel_id, seen(visit), reason)
    except InvalidError as error:
        return panel_page(visit, panel_id, error=error, reason=reason)
    return Redirect(f"/panels/{panel_id}/outcome")


def panel_page(
    visit: PageVisit,
    panel_id: UUID,
    opinion: Mapping[str, Any] | None = None,
    /,
    *,
    error: InvalidError | None = None,
    **typed: str,
) -> Page:
    """`typed` is what a small form held that could not be taken, `opinion` the contribution's."""
    panel = read_discussion(visit, panel_id)
    is_quick = panel.scope.panel.workflow == "quick"
    values: dict[str, Any] = {
        **around(visit, panel.frame.case_id, "panel"),
        "panel": panel,
        "enough": ENOUGH,
        "repair": what_it_needs(visit.session, visit.actor, panel.scope),
        "questions": panel.questions,
        "quick": quick_part(visit.session, visit.actor, panel_id) if is_quick else None,
        **(opinion or composer(visit, panel)),
        "error": str(error) if error else "",
        "fields": error.fields if error else {},
        "typed": {"reason": "", **typed},
    }
    is_wrong = error is not None or bool(values["form"] and values["form"].errors)
    return Page(template="web/panel.html", values=values, status=422 if is_wrong else 200)


ROUTES = (
    show_panel,
    change_stage,
    begin_outcome,
)
