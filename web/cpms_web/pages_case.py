"""A case: read it, take it out of the system."""

from uuid import UUID

from msgspec import Struct

from cpms_core import Answer, File, Page, route
from cpms_core.audit import Event
from cpms_core.cases.exporting import as_csv, as_json, export_case
from cpms_core.cases.reading import SUMMARY_DATASET, CaseReading, read_case
from cpms_core.datasets.display import display_plain
from cpms_core.db import new_id
from cpms_core.errors import NotFoundError
from cpms_core.http.visit import PageVisit
from cpms_core.panels.discussion.question_queries import open_questions
from cpms_core.panels.discussion.question_typing import typed_answers
from cpms_core.panels.requests.submission import missing_parts
from cpms_core.patients.emergencies import emergencies_of
from cpms_web.attached import photos_of, studies_of
from cpms_web.case_frame import CaseFrame, case_frame
from cpms_web.finding_groups import finding_groups

_EXPORT = "save a case outside of this site"
_FOR_MACHINES = "case.export"


@route("GET", "/cases/{case_id:uuid}", permission="case.summary", event=Event.CASE_READ)
def show_case(visit: PageVisit, case_id: UUID) -> Answer:
    registry = visit.site.registry
    reading = read_case(visit.session, visit.actor, registry, case_id)
    frame = case_frame(visit, reading)
    leftover = reading.origin.get("leftover")
    values = {
        "reading": reading,
        "emergencies": emergencies_of(visit.session, reading.patient_id)
        if "patient.read" in reading.may
        else (),
        "frame": frame,
        "asked": open_questions(visit.session, visit.actor, case_id) if reading.is_editable else (),
        "typed_answers": typed_answers(visit.session, visit.actor, case_id),
        "once": str(new_id()),
        "request": next((one for one in frame.sections if one.key == SUMMARY_DATASET), None),
        "photos": photos_of(reading.view.attachments),
        "studies": studies_of(registry, case_id, reading.view.attachments),
        "leftover": display_plain(leftover) if leftover else (),
        "exports": tuple(registry.exports.values()),
        "groups": finding_groups(visit.session, frame.sections),
        **_sending(visit, reading, frame),
    }
    return Page(template="web/case.html", values=values)


@route(
    "POST",
    "/cases/{case_id:uuid}/export.json",
    permission="case.export",
    event=Event.CASE_EXPORTED,
    step_up=_EXPORT,
    api=_FOR_MACHINES,
)
def export_json(visit: PageVisit, case_id: UUID) -> Answer:
    registry = visit.site.registry
    view = export_case(visit.session, visit.actor, registry, case_id, "json")
    content = as_json(view, registry)
    return File(
        content=content, media_type="application/json", download_as=f"{view.pseudonym}.json"
    )


@route(
    "POST",
    "/cases/{case_id:uuid}/export.csv",
    permission="case.export",
    event=Event.CASE_EXPORTED,
    step_up=_EXPORT,
    api=_FOR_MACHINES,
)
def export_csv(visit: PageVisit, case_id: UUID) -> Answer:
    registry = visit.site.registry
    view = export_case(visit.session, visit.actor, registry, case_id, "csv")
    content = as_csv(view, registry)
    return File(
        content=content, media_type="text/csv; charset=utf-8", download_as=f"{view.pseudonym}.csv"
    )


@route(
    "POST",
    "/cases/{case_id:uuid}/exports/{key:str}",
    permission="case.export",
    event=Event.CASE_EXPORTED,
    step_up=_EXPORT,
    api=_FOR_MACHINES,
)
def export_as(visit: PageVisit, case_id: UUID, key: str) -> Answer:
    """In a format that a plugin brings."""
    registry = visit.site.registry
    view = export_case(visit.session, visit.actor, registry, case_id, key)
    export = registry.exports.get(key)
    if export is None:
        raise NotFoundError("There is no such export; the plugin that made it may be off.")
    return File(
        content=export.write(view),
        media_type=export.media_type,
        download_as=f"{view.pseudonym}{export.suffix}",
    )


def _sending(visit: PageVisit, reading: CaseReading, frame: CaseFrame) -> dict[str, object]:
    """What stands between a draft and its sending, for the ERNs it could go to."""
    if not frame.may_submit:
        return {"missing": (), "steps": (), "send_title": ""}
    ern_id = frame.erns_to_ask[0][0] if len(frame.erns_to_ask) == 1 else ""
    case = reading.case
    missing = missing_parts(visit.session, visit.site.registry, case, ern_id)
    lacking = {one.key for one in missing}
    registry = visit.site.registry
    required = (SUMMARY_DATASET, *registry.required_for(ern_id))
    consent = Step("consent" not in lacking, "Consent for care", f"/patients/{reading.patient_id}")
    forms = [
        Step(key not in lacking, one.title, one.form)
        for key in dict.fromkeys(required)
        for one in frame.sections
        if one.key == key
    ]
    helpful = [
        Step(one.saved is not None, one.title, one.form, is_optional=True)
        for key in registry.helpful_for(ern_id)
        for one in frame.sections
        if one.key == key and key not in required
    ]
    title = f"Send to {frame.erns_to_ask[0][1]}" if ern_id else "Send to an ERN"
    return {
        "missing": tuple(one.words for one in missing),
        "steps": (consent, *forms, *helpful),
        "send_title": title,
    }


class Step(Struct, frozen=True):
    """A line of the list of what an ERN needs."""

    done: bool
    title: str
    href: str
    is_optional: bool = False


ROUTES = (show_case, export_json, export_csv, export_as)
