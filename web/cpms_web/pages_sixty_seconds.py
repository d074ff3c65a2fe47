"""The sixty-second opinion: one question, its pictures, and four kinds of answer, for a phone.

What is answered here is an ordinary contribution, and the form's fields are that form's own.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from cpms_core import Answer, Page, Redirect, route
from cpms_core.audit import Event
from cpms_core.cases.reading import case_reading
from cpms_core.datasets import records
from cpms_core.errors import InvalidError
from cpms_core.http.visit import PageVisit
from cpms_core.panels.discussion.contributions import give
from cpms_core.panels.discussion.opinion import DATASET
from cpms_core.panels.discussion.opinion_typing import keep_typing, open_form
from cpms_core.panels.discussion.scope import find_discussed
from cpms_core.panels.page.queries import read_to_answer
from cpms_web.attached import photos_of, studies_of
from cpms_web.case_frame import case_frame
from cpms_web.discussion import typed_form

_PATH = "/panels/{panel_id:uuid}/quick"
_PLACE = "quick"
_DIAGNOSIS = "differential.0.diagnosis"


@route("GET", _PATH, permission="panel.contribute", event=Event.CASE_READ)
def show_quick(visit: PageVisit, panel_id: UUID) -> Answer:
    return _page(visit, panel_id)


@route(
    "POST",
    _PATH,
    permission="panel.contribute",
    event=Event.CONTRIBUTED,
    or_event=Event.RECORD_DRAFTED,
)
def answer(visit: PageVisit, panel_id: UUID) -> Answer:
    form: dict[str, Any] = dict(visit.form)
    if visit.field("_as", max_length=10) == "pass":
        form["certainty"] = ["not_my_field"]
    try:
        said = _give(visit, panel_id, form)
    except InvalidError as error:
        keep_typing(visit.session, visit.actor, panel_id, form, _PLACE)
        return _page(visit, panel_id, error.fields)
    return Redirect("/", said)


def _give(visit: PageVisit, panel_id: UUID, form: dict[str, Any]) -> str:
    """A diagnosis that no vocabulary knows is given in the words it was written in."""
    said = "Your answer is given and counts as a contribution. Thank you."
    try:
        give(visit.session, visit.actor, panel_id, form, place=_PLACE)
    except InvalidError as error:
        if set(error.fields) != {_DIAGNOSIS}:
            raise
        [written] = form.pop(_DIAGNOSIS)
        plain = {**form, "text": [written]}
        give(visit.session, visit.actor, panel_id, plain, place=_PLACE)
        return f"{said} No code was found for “{written}”, so it stands as you wrote it."
    return said


def _page(visit: PageVisit, panel_id: UUID, errors: Mapping[str, str] | None = None) -> Page:
    session, actor, registry = visit.session, visit.actor, visit.site.registry
    if errors:
        values = typed_form(visit)
    else:
        scope = find_discussed(session, actor, panel_id)
        values = open_form(session, actor, scope, _PLACE).values
    panel = read_to_answer(session, actor, registry, panel_id)
    reading = case_reading(session, actor, registry, panel.frame.case_id)
    attachments = reading.view.attachments
    shown: dict[str, Any] = {
        "panel": panel,
        "frame": case_frame(visit, reading),
        "photos": photos_of(attachments),
        "studies": studies_of(registry, panel.frame.case_id, attachments),
        "form": records.form_view(DATASET, values, errors),
        "place": _PLACE,
    }
    status = 422 if errors else 200
    return Page(template="web/sixty_seconds.html", values=shown, status=status)


ROUTES = (show_quick, answer)
