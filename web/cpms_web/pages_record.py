"""The forms of a case: fill, keep what was typed, save, compare, look back."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from msgspec import Struct

from cpms_core import Answer, Data, Page, Redirect, route
from cpms_core.audit import Event
from cpms_core.cases import records as case_records
from cpms_core.cases.covered import fields_uncovered
from cpms_core.cases.models import Record
from cpms_core.cases.queries import saved_record, shown_record
from cpms_core.cases.reading import case_reading
from cpms_core.cases.scope import find_case_to_edit
from cpms_core.datasets import records
from cpms_core.errors import ConflictError, ConsentMissingError, InvalidError
from cpms_core.http.visit import PageVisit
from cpms_web.case_frame import case_frame

_PATH = "/cases/{case_id:uuid}/records/{dataset:str}"
_BASE = "_base"
"""The hidden field that says from which revision the typing started."""


class Shown(Struct, frozen=True, kw_only=True):
    """A form as it goes to the page."""

    values: records.Form
    base: int
    errors: Mapping[str, str] = {}
    draft_at: Any = None
    status: int = 200


@route("GET", _PATH, permission="case.edit", event=Event.RECORD_READ)
def show_form(visit: PageVisit, case_id: UUID, dataset: str) -> Answer:
    find_case_to_edit(visit.session, visit.actor, case_id)  # says why, if nothing can be saved
    found = case_records.open_form(
        visit.session, visit.actor, visit.site.registry, case_id, dataset
    )
    shown = Shown(values=found.values, base=found.base_revision, draft_at=found.draft_at)
    return _form(visit, case_id, dataset, shown)


@route(
    "POST",
    _PATH,
    permission="case.edit",
    event=Event.RECORD_SAVED,
    or_event=Event.RECORD_DRAFTED,
)
def save(visit: PageVisit, case_id: UUID, dataset: str) -> Answer:
    registry = visit.site.registry
    entry = case_records.dataset_entry(registry, dataset)
    base = _base(visit)
    edited = records.edit_rows(entry.dataset, visit.form)
    if edited is not None:  # the button for a row more or less, without a script
        _keep(visit, case_id, dataset, edited, base)
        return _form(visit, case_id, dataset, Shown(values=edited, base=base))
    try:
        case_records.save_record(
            visit.session, visit.actor, registry, case_id, dataset, visit.form, base
        )
    except InvalidError as error:
        _keep(visit, case_id, dataset, visit.form, base)
        typed = records.raw_form(entry.dataset, visit.form)
        shown = Shown(values=typed, base=base, errors=error.fields, status=422)
        return _form(visit, case_id, dataset, shown)
    except (ConflictError, ConsentMissingError) as error:
        _keep(visit, case_id, dataset, visit.form, base)
        if isinstance(error, ConflictError) and isinstance(error.theirs, Record):
            return _conflict(visit, case_id, dataset, error.theirs, error.yours)
        error.keeps_changes = True
        raise
    return Redirect(f"/cases/{case_id}", f"“{entry.dataset.title}” is saved.")


@route("POST", _PATH + "/draft", permission="case.edit", event=Event.RECORD_DRAFTED)
def keep(visit: PageVisit, case_id: UUID, dataset: str) -> Answer:
    """What the page's script sends while somebody types."""
    kept_at = _keep(visit, case_id, dataset, visit.form, _base(visit))
    return Data(value={"kept_at": kept_at})


@route("POST", _PATH + "/discard", permission="case.edit", event=Event.RECORD_DRAFT_DROPPED)
def discard(visit: PageVisit, case_id: UUID, dataset: str) -> Answer:
    case_records.discard_draft(visit.session, visit.actor, visit.site.registry, case_id, dataset)
    return Redirect(
        f"/cases/{case_id}/records/{dataset}", "What was not saved is gone; this is what is saved."
    )


@route("POST", _PATH + "/check", permission="case.edit", event=None)
def check_field(visit: PageVisit, case_id: UUID, dataset: str) -> Answer:
    """What is wrong with one field, on leaving it: the words that go under it."""
    parsed = case_records.check_form(
        visit.session, visit.actor, visit.site.registry, case_id, dataset, visit.form
    )
    message = parsed.errors.get(visit.field("_field", max_length=300), "")
    return Page(template="web/field_error.html", values={"message": message})


@route("GET", _PATH + "/history", permission="case.read", event=Event.RECORD_READ)
def show_history(visit: PageVisit, case_id: UUID, dataset: str) -> Answer:
    registry = visit.site.registry
    entry = case_records.dataset_entry(registry, dataset)
    revisions = case_records.history(visit.session, visit.actor, registry, case_id, dataset)
    reading = case_reading(visit.session, visit.actor, registry, case_id)
    frame = case_frame(visit, reading, dataset)
    hidden = {} if frame.is_own else fields_uncovered(registry, reading.case, dataset)
    values = {
        "frame": frame,
        "dataset": entry.dataset,
        "revisions": revisions,
        "hidden": dict.fromkeys(hidden.values()),
    }
    return Page(template="web/record_history.html", values=values)


def _form(visit: PageVisit, case_id: UUID, dataset: str, shown: Shown) -> Page:
    registry = visit.site.registry
    entry = case_records.dataset_entry(registry, dataset)
    reading = case_reading(visit.session, visit.actor, registry, case_id)
    url = f"/cases/{case_id}/records/{dataset}"
    frame = case_frame(visit, reading, dataset)
    values = {
        "frame": frame,
        "dataset": entry.dataset,
        "form": records.form_view(
            entry.dataset,
            shown.values,
            shown.errors,
            files=reading.view.attachments,
            locked=fields_uncovered(registry, reading.case, dataset),
            check_url=f"{url}/check",
        ),
        "url": url,
        "base": shown.base,
        "draft_at": shown.draft_at,
        "is_saved": shown.base > 0,
        "following": _following(frame.sections, dataset),
    }
    return Page(template="web/record.html", values=values, status=shown.status)


def _conflict(visit: PageVisit, case_id: UUID, dataset: str, theirs: Record, yours: Struct) -> Page:
    """Both versions side by side; what was typed rides along, to be saved over theirs."""
    registry = visit.site.registry
    entry = case_records.dataset_entry(registry, dataset)
    reading = case_reading(visit.session, visit.actor, registry, case_id)
    mine = records.encode(yours)
    view = saved_record(visit.session, registry, theirs)
    values = {
        "frame": case_frame(visit, reading, dataset),
        "dataset": entry.dataset,
        "url": f"/cases/{case_id}/records/{dataset}",
        "theirs": view,
        "their_record": shown_record(registry, view),
        "my_record": records.display(entry.dataset, mine),
        "changes": records.diff(entry.dataset, view.data, mine),
        "typed": [(name, text) for name, texts in visit.form.items() for text in texts],
        "revision": theirs.revision,
    }
    return Page(template="web/conflict.html", values=values, status=409)


def _keep(visit: PageVisit, case_id: UUID, dataset: str, form: case_records.Form, base: int) -> Any:
    return case_records.keep_draft(
        visit.session, visit.actor, visit.site.registry, case_id, dataset, form, base
    )


def _base(visit: PageVisit) -> int:
    text = visit.field(_BASE, max_length=9)
    if text.isascii() and text.isdigit():
        return int(text)
    raise InvalidError("The form is incomplete. Reload the page; what was typed is kept.")


def _following(sections: Any, here: str) -> Any:
    """The next form after this one, for who fills the record from top to bottom."""
    forms = [one for one in sections if one.form]
    place = next((n for n, one in enumerate(forms) if one.key == here), len(forms))
    return forms[place + 1] if place + 1 < len(forms) else None


ROUTES = (show_form, save, keep, discard, check_field, show_history)
