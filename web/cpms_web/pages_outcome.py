"""An outcome: draft it, ask the members, judge it, take it back, read it signed."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from cpms_core import Answer, Data, Page, Redirect, route
from cpms_core.audit import Event
from cpms_core.clock import clock
from cpms_core.datasets import records
from cpms_core.errors import ConflictError, InvalidError, NotFoundError
from cpms_core.http.visit import PageVisit
from cpms_core.panels.after.follow_up_plan import asked_on
from cpms_core.panels.after.queries import read_after
from cpms_core.panels.outcome import form as outcome_form
from cpms_core.panels.outcome import outcomes, positions
from cpms_core.panels.outcome.letters import TITLES as LETTERS
from cpms_core.panels.outcome.queries import OutcomePage, read_outcome_page
from cpms_core.panels.page.queries import panel_page
from cpms_web.panel_frame import around, seen

PATH = "/panels/{panel_id:uuid}/outcome"
_LONGEST_NUMBER = 6


@route("GET", PATH, permission="case.summary", event=Event.OUTCOME_READ)
def show_outcome(visit: PageVisit, panel_id: UUID) -> Answer:
    """The lead's form while it is drafted; the text from then on, or a signed `?version=`."""
    outcome = read_outcome_page(visit.session, visit.actor, panel_id, version_asked(visit))
    if outcome.state == "draft" and outcome.may_steer:
        form = outcome_form.open_outcome_form(visit.session, visit.actor, panel_id)
        return _form(visit, panel_id, form.values, form.row_version, draft_at=form.draft_at)
    return _text(visit, outcome)


@route(
    "POST",
    PATH,
    permission="panel.steer",
    event=Event.OUTCOME_DRAFTED,
    or_event=Event.RECORD_DRAFTED,
)
def save_draft(visit: PageVisit, panel_id: UUID) -> Answer:
    """Save, and with another button put it to the members, or read its letters, in one step."""
    session, actor, base = visit.session, visit.actor, seen(visit)
    edited = records.edit_rows(outcomes.DATASET, visit.form)
    if edited is not None:
        outcome_form.keep_outcome_typing(session, actor, panel_id, edited, base)
        return _form(visit, panel_id, edited, base)
    try:
        saved = outcomes.save_outcome_draft(session, actor, panel_id, visit.form, base)
    except InvalidError as error:
        outcome_form.keep_outcome_typing(session, actor, panel_id, visit.form, base)
        typed = records.raw_form(outcomes.DATASET, visit.form)
        return _form(visit, panel_id, typed, base, errors=error.fields, status=422)
    except ConflictError as error:
        if error.yours is None:
            raise
        outcome_form.keep_outcome_typing(session, actor, panel_id, visit.form, base)
        return _conflict(visit, panel_id, error.theirs or {}, records.encode(error.yours))
    then = visit.field("_then")
    if then == "put":
        return _put(visit, panel_id, saved.row_version)
    page = "/letters" if then == "letters" else ""
    return Redirect(f"/panels/{panel_id}/outcome{page}", "The draft is saved.")


@route("POST", PATH + "/typing", permission="panel.steer", event=Event.RECORD_DRAFTED)
def keep_typing(visit: PageVisit, panel_id: UUID) -> Answer:
    kept_at = outcome_form.keep_outcome_typing(
        visit.session, visit.actor, panel_id, visit.form, seen(visit)
    )
    return Data(value={"kept_at": kept_at})


@route("POST", PATH + "/discard", permission="panel.steer", event=Event.RECORD_DRAFT_DROPPED)
def discard_typing(visit: PageVisit, panel_id: UUID) -> Answer:
    outcome_form.discard_outcome_typing(visit.session, visit.actor, panel_id)
    return Redirect(
        f"/panels/{panel_id}/outcome", "What was not saved is gone; this is what is saved."
    )


@route(
    "POST",
    PATH + "/position",
    permission="outcome.judge",
    event=Event.POSITION_GIVEN,
)
def judge(visit: PageVisit, panel_id: UUID) -> Answer:
    verdict, remark = (
        visit.field("verdict", max_length=20),
        visit.field("remark", max_length=20_000),
    )
    try:
        about = [int(text) for text in visit.form.get("about", []) if text.isdecimal()][:100]
        positions.give_position(
            visit.session, visit.actor, panel_id, seen(visit), verdict, remark, about
        )
    except InvalidError as error:
        outcome = read_outcome_page(visit.session, visit.actor, panel_id)
        return _text(visit, outcome, error=error, verdict=verdict, remark=remark)
    return Redirect(f"/panels/{panel_id}/outcome", "Your answer is taken. You can change it.")


@route("POST", PATH + "/back", permission="panel.steer", event=Event.OUTCOME_TAKEN_BACK)
def take_back(visit: PageVisit, panel_id: UUID) -> Answer:
    renewed = outcomes.take_back(visit.session, visit.actor, panel_id)
    return Redirect(
        f"/panels/{panel_id}/outcome",
        f"This is version {renewed.version}. The members will be asked about it anew.",
    )


@route("POST", PATH + "/amend", permission="panel.steer", event=Event.OUTCOME_DRAFTED)
def amend(visit: PageVisit, panel_id: UUID) -> Answer:
    reason = visit.field("reason", max_length=20_000)
    try:
        renewed = outcomes.amend_outcome(visit.session, visit.actor, panel_id, seen(visit), reason)
    except InvalidError as error:
        outcome = read_outcome_page(visit.session, visit.actor, panel_id)
        return _text(visit, outcome, error=error, reason=reason)
    return Redirect(
        f"/panels/{panel_id}/outcome",
        f"This is the draft of version {renewed.version}. The signed outcome holds until it is "
        "signed.",
    )


@route("POST", PATH + "/keep", permission="panel.steer", event=Event.OUTCOME_TAKEN_BACK)
def keep(visit: PageVisit, panel_id: UUID) -> Answer:
    """No amendment after all."""
    outcomes.keep_signed_outcome(visit.session, visit.actor, panel_id)
    return Redirect(f"/panels/{panel_id}/outcome", "The signed outcome stands as it is.")


def version_asked(visit: PageVisit) -> int | None:
    """Of the address, `?version=1`; None for what holds now."""
    text = visit.query.get("version", "")
    if not text:
        return None
    if text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER:
        return int(text)
    raise NotFoundError("There is no such version.")


def _put(visit: PageVisit, panel_id: UUID, row_version: int) -> Answer:
    try:
        outcomes.put_to_members(
            visit.session,
            visit.actor,
            visit.site.registry,
            visit.site.settings.site_name,
            panel_id,
            row_version,
        )
    except InvalidError as error:
        form = outcome_form.open_outcome_form(visit.session, visit.actor, panel_id)
        errors = {"": str(error)}
        return _form(visit, panel_id, form.values, form.row_version, errors=errors, status=422)
    return Redirect(f"/panels/{panel_id}/outcome", "The text is with the members now.")


def _form(
    visit: PageVisit,
    panel_id: UUID,
    typed: records.Form,
    base: int,
    *,
    errors: Mapping[str, str] | None = None,
    draft_at: Any = None,
    status: int = 200,
) -> Page:
    panel = panel_page(visit.session, visit.actor, visit.site.registry, panel_id)
    values = {
        **around(visit, panel.frame.case_id, "outcome"),
        "panel": panel,
        "form": records.form_view(outcomes.DATASET, typed, errors),
        "base": base,
        "draft_at": draft_at,
        "after": read_after(visit.session, visit.actor, panel_id),
        "url": f"/panels/{panel_id}/outcome",
    }
    return Page(template="web/outcome_form.html", values=values, status=status)


def _conflict(
    visit: PageVisit, panel_id: UUID, theirs: dict[str, Any], yours: dict[str, Any]
) -> Page:
    panel = panel_page(visit.session, visit.actor, visit.site.registry, panel_id)
    assert panel.outcome is not None
    values = {
        **around(visit, panel.frame.case_id, "outcome"),
        "panel": panel,
        "url": f"/panels/{panel_id}/outcome",
        "theirs": records.display(outcomes.DATASET, theirs),
        "yours": records.display(outcomes.DATASET, yours),
        "changed": records.diff(outcomes.DATASET, theirs, yours),
        "saved_at": panel.outcome.changed_at,
        "typed": [(name, text) for name, texts in visit.form.items() for text in texts],
        "row_version": panel.outcome.row_version,
    }
    return Page(template="web/outcome_conflict.html", values=values, status=409)


def _text(
    visit: PageVisit,
    outcome: OutcomePage,
    *,
    error: InvalidError | None = None,
    verdict: str = "",
    remark: str = "",
    reason: str = "",
) -> Page:
    mine = outcome.my_position
    panel = panel_page(visit.session, visit.actor, visit.site.registry, outcome.panel_id)
    values = {
        **around(visit, outcome.case_id, "outcome"),
        "panel": panel,
        "outcome": outcome,
        "url": f"/panels/{outcome.panel_id}/outcome",
        "verdicts": positions.VERDICTS,
        "verdict": verdict or (mine.verdict if mine else ""),
        "remark": remark or (mine.remark if mine else ""),
        "about": mine.about if mine else [],
        "after": read_after(visit.session, visit.actor, outcome.panel_id),
        "letters": LETTERS,
        "reason": reason,
        "asked_on": tuple(asked_on(clock.today()).values()),
        "error": str(error) if error else "",
        "fields": error.fields if error else {},
    }
    return Page(template="web/outcome.html", values=values, status=422 if error else 200)


ROUTES = (show_outcome, save_draft, keep_typing, discard_typing, judge, take_back, amend, keep)
