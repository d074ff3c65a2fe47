"""Contributions to a panel: give one, reply, change the own, look back, say what was read."""

from contextlib import suppress
from datetime import datetime
from typing import Any
from uuid import UUID

from cpms_core import Answer, Data, Page, Redirect, route
from cpms_core.audit import Event
from cpms_core.datasets import records
from cpms_core.errors import ConflictError, InvalidError
from cpms_core.http.visit import PageVisit
from cpms_core.panels.discussion import opinion_typing
from cpms_core.panels.discussion.contributions import change_contribution, give
from cpms_core.panels.discussion.history import read_contribution, read_history
from cpms_core.panels.discussion.looks import note_look
from cpms_core.panels.discussion.opinion import DATASET, Opinion
from cpms_core.panels.discussion.opinion_typing import changing, keep_typing, open_change, replying
from cpms_core.panels.discussion.scope import find_discussed
from cpms_core.panels.page.queries import panel_page as panel_around
from cpms_web.discussion import form_values, place_of, read_discussion, typed_form
from cpms_web.pages_panel import panel_page
from cpms_web.panel_frame import around, seen

_PANEL = "/panels/{panel_id:uuid}"
_ALL = _PANEL + "/contributions"
_ONE = _ALL + "/{contribution_id:uuid}"


@route("GET", _PANEL + "/entries", permission="case.summary", event=Event.CASE_READ)
def show_entries(visit: PageVisit, panel_id: UUID) -> Answer:
    """The discussion alone for a page that asks for more of it; for anybody else the whole page."""
    if not visit.is_htmx:
        return panel_page(visit, panel_id)
    panel = read_discussion(visit, panel_id)
    return Page(template="web/_entries.html", values={"panel": panel})


@route("POST", _PANEL + "/seen", permission="case.read", event=Event.PANEL_SEEN)
def note_seen(visit: PageVisit, panel_id: UUID) -> Answer:
    """What the page's script says after some seconds, or its reader by the button."""
    note_look(visit.session, visit.actor, panel_id, _moment(visit))
    return Redirect(f"/panels/{panel_id}")


@route(
    "POST",
    _ALL,
    permission="panel.contribute",
    event=Event.CONTRIBUTED,
    or_event=Event.RECORD_DRAFTED,
)
def contribute(visit: PageVisit, panel_id: UUID) -> Answer:
    """An opinion, or with `reply_to` a reply; with a row's button the form comes back."""
    session, actor, reply_to = visit.session, visit.actor, _reply_to(visit)
    place = replying(reply_to) if reply_to else ""
    edited = records.edit_rows(DATASET, visit.form)
    if edited is not None:
        keep_typing(session, actor, panel_id, edited, place)
        return panel_page(visit, panel_id, form_values(visit, panel_id, edited))
    try:
        given = give(session, actor, panel_id, visit.form, reply_to=reply_to)
    except InvalidError as error:
        return _refused(visit, panel_id, reply_to, place, error)
    at = f"?at={reply_to}" if reply_to else ""
    said = "Your reply is given." if reply_to else "Your contribution is given."
    return Redirect(f"/panels/{panel_id}{at}#c-{given.id}", said)


@route("POST", _ALL + "/typing", permission="panel.contribute", event=Event.RECORD_DRAFTED)
def keep(visit: PageVisit, panel_id: UUID) -> Answer:
    """What the page's script sends while somebody types."""
    place = place_of(visit)
    base = seen(visit) if place.startswith("change") else 0
    kept_at = keep_typing(visit.session, visit.actor, panel_id, visit.form, place, base)
    return Data(value={"kept_at": kept_at})


@route("POST", _ALL + "/discard", permission="panel.contribute", event=Event.RECORD_DRAFT_DROPPED)
def discard(visit: PageVisit, panel_id: UUID) -> Answer:
    opinion_typing.discard_typing(visit.session, visit.actor, panel_id, place_of(visit))
    return Redirect(f"/panels/{panel_id}", "What you had typed and not given is gone.")


@route("GET", _ONE + "/reply", permission="panel.contribute", event=Event.CASE_READ)
def show_reply(visit: PageVisit, panel_id: UUID, contribution_id: UUID) -> Answer:
    return _reply_page(visit, panel_id, contribution_id)


@route("GET", _ONE, permission="panel.contribute", event=Event.CASE_READ)
def show_change(visit: PageVisit, panel_id: UUID, contribution_id: UUID) -> Answer:
    left = open_change(visit.session, visit.actor, panel_id, contribution_id)
    read_contribution(visit.session, visit.actor, panel_id, contribution_id)
    form = form_values(visit, panel_id, left.values, typed_at=left.typed_at)
    return _change_page(visit, panel_id, contribution_id, form, left.row_version)


@route(
    "POST",
    _ONE,
    permission="panel.contribute",
    event=Event.CONTRIBUTION_CHANGED,
    or_event=Event.RECORD_DRAFTED,
)
def change(visit: PageVisit, panel_id: UUID, contribution_id: UUID) -> Answer:
    session, actor, base = visit.session, visit.actor, seen(visit)
    place = changing(contribution_id)
    edited = records.edit_rows(DATASET, visit.form)
    if edited is not None:
        keep_typing(session, actor, panel_id, edited, place, base)
        form = form_values(visit, panel_id, edited)
        return _change_page(visit, panel_id, contribution_id, form, base)
    try:
        change_contribution(session, actor, panel_id, contribution_id, visit.form, base)
    except InvalidError as error:
        keep_typing(session, actor, panel_id, visit.form, place, base)
        form = form_values(visit, panel_id, typed_form(visit), error.fields)
        return _change_page(visit, panel_id, contribution_id, form, base)
    except ConflictError as error:
        if not isinstance(error.yours, Opinion):
            raise
        keep_typing(session, actor, panel_id, visit.form, place, base)
        return _conflict_page(visit, panel_id, contribution_id, error.theirs, error.yours)
    return Redirect(
        f"/panels/{panel_id}?at={contribution_id}#c-{contribution_id}",
        "Your contribution is changed. Its earlier version stays readable.",
    )


@route("GET", _ONE + "/history", permission="case.read", event=Event.CASE_READ)
def show_history(visit: PageVisit, panel_id: UUID, contribution_id: UUID) -> Answer:
    history = read_history(visit.session, visit.actor, panel_id, contribution_id)
    return _page(visit, panel_id, "contribution_history", history=history)


def _refused(
    visit: PageVisit, panel_id: UUID, reply_to: UUID | None, place: str, error: InvalidError
) -> Page:
    with suppress(InvalidError):  # too long to be kept: it is in the form that comes back
        keep_typing(visit.session, visit.actor, panel_id, visit.form, place)
    if reply_to:
        return _reply_page(visit, panel_id, reply_to, error)
    form = form_values(visit, panel_id, typed_form(visit), error.fields)
    return panel_page(visit, panel_id, form)


def _reply_page(
    visit: PageVisit, panel_id: UUID, contribution_id: UUID, error: InvalidError | None = None
) -> Page:
    find_discussed(visit.session, visit.actor, panel_id)
    found = read_contribution(visit.session, visit.actor, panel_id, contribution_id)
    place = replying(contribution_id)
    left = opinion_typing.open_form(visit.session, visit.actor, found.scope, place)
    return _page(
        visit,
        panel_id,
        "reply",
        said=found.said,
        text=(left.values.get("text") or [""])[0],
        place=place,
        names=found.names,
        wrong=error.fields.get("text", "") if error else "",
    )


def _change_page(
    visit: PageVisit, panel_id: UUID, contribution_id: UUID, form: dict[str, Any], base: int
) -> Page:
    return _page(
        visit,
        panel_id,
        "contribution",
        **form,
        base_version=base,
        place=changing(contribution_id),
        contribution_id=contribution_id,
        status=422 if form["form"].errors else 200,
    )


def _conflict_page(
    visit: PageVisit, panel_id: UUID, contribution_id: UUID, theirs: Opinion, yours: Opinion
) -> Page:
    theirs_as, yours_as = records.encode(theirs), records.encode(yours)
    now = read_contribution(visit.session, visit.actor, panel_id, contribution_id)
    return _page(
        visit,
        panel_id,
        "contribution_conflict",
        theirs=records.display(DATASET, theirs_as),
        yours=records.display(DATASET, yours_as),
        changed=records.diff(DATASET, theirs_as, yours_as),
        saved_at=now.said.edited_at,
        row_version=now.row_version,
        typed=[(name, text) for name, texts in visit.form.items() for text in texts],
        place=changing(contribution_id),
        contribution_id=contribution_id,
        status=409,
    )


def _page(visit: PageVisit, panel_id: UUID, template: str, status: int = 200, **more: Any) -> Page:
    """One of the small pages around a contribution; htmx gets its form alone."""
    panel = panel_around(visit.session, visit.actor, visit.site.registry, panel_id)
    values = {**around(visit, panel.frame.case_id, "discussion"), "panel": panel, **more}
    if more.get("wrong"):
        status = 422
    block = "reply" if template == "reply" else None
    return Page(template=f"web/{template}.html", values=values, block=block, status=status)


def _reply_to(visit: PageVisit) -> UUID | None:
    text = visit.field("reply_to", max_length=36)
    try:
        return UUID(text) if text else None
    except ValueError as error:
        raise InvalidError("The form is incomplete. Reload the page, then reply again.") from error


def _moment(visit: PageVisit) -> datetime:
    try:
        moment = datetime.fromisoformat(visit.field("shown_at", max_length=40))
    except ValueError as error:
        raise InvalidError("The form is incomplete. Reload the page.") from error
    if moment.tzinfo is None:
        raise InvalidError("The form is incomplete. Reload the page.")
    return moment


ROUTES = (
    show_entries,
    note_seen,
    contribute,
    keep,
    discard,
    show_reply,
    show_change,
    change,
    show_history,
)
