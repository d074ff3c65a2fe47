"""Send a case to an ERN: first what that does and who will see it, then the sending."""

from uuid import UUID

from cpms_core import Answer, Page, Redirect, route
from cpms_core.audit import Event
from cpms_core.cases.reading import SUMMARY_DATASET, CaseReading, read_case
from cpms_core.cases.scope import find_case
from cpms_core.db import new_id
from cpms_core.directory.areas import offered_areas
from cpms_core.errors import InvalidError, NotFoundError
from cpms_core.http.visit import PageVisit
from cpms_core.panels.clock.promises import counted_from, promises_for
from cpms_core.panels.requests.submission import preview_submission, submit_request
from cpms_core.words import by
from cpms_web.case_frame import CaseFrame, case_frame


@route("GET", "/cases/{case_id:uuid}/submit", permission="case.submit", event=Event.CASE_READ)
def show_submission(visit: PageVisit, case_id: UUID) -> Answer:
    find_case(visit.session, visit.actor, case_id, "case.submit")
    return _page(visit, case_id, visit.query.get("ern", ""))


@route(
    "POST", "/cases/{case_id:uuid}/submit", permission="case.submit", event=Event.REQUEST_SUBMITTED
)
def submit(visit: PageVisit, case_id: UUID) -> Answer:
    ern_id, area = visit.field("ern"), visit.field("area")
    registry = visit.site.registry
    try:
        request = submit_request(visit.session, visit.actor, registry, case_id, ern_id, area)
    except InvalidError as error:
        return _page(visit, case_id, ern_id, area, error)
    promises = promises_for(visit.session, ern_id)
    due = promises.due("first answer", request.urgency, counted_from(request))
    return Redirect(f"/cases/{case_id}", f"Sent. A first answer is promised by {by(due)}.")


def _page(
    visit: PageVisit, case_id: UUID, ern_id: str, area: str = "", error: InvalidError | None = None
) -> Page:
    registry = visit.site.registry
    reading = read_case(visit.session, visit.actor, registry, case_id)
    frame = case_frame(visit, reading, "submit")
    erns = dict(frame.erns_to_ask)
    if not ern_id and len(erns) == 1:
        ern_id = next(iter(erns))
    if ern_id and ern_id not in erns:
        if error is None:
            raise NotFoundError("This ERN does not take requests on this site.")
        ern_id = ""  # it ended while the form was open: choose another one
    preview, promised = None, None
    if ern_id and frame.may_submit:
        promised = promises_for(visit.session, ern_id).preview(_answer(reading, "urgency"))
        preview = preview_submission(visit.session, visit.actor, registry, case_id, ern_id)
    values = {
        "frame": frame,
        "erns": erns,
        "ern_id": ern_id,
        "preview": preview,
        "areas": offered_areas(visit.session, registry, ern_id),
        "area": area,
        "error": error,
        "seen": _seen(reading, frame),
        "question": _answer(reading, "question"),
        "urgency": _answer(reading, "urgency"),
        "promised": promised,
        "once": str(new_id()),
    }
    return Page(template="web/submit.html", values=values, status=422 if error else 200)


def _answer(reading: CaseReading, field: str) -> str:
    record = reading.view.records.get(SUMMARY_DATASET)
    return str(record.data.get(field, "")) if record else ""


def _seen(reading: CaseReading, frame: CaseFrame) -> list[str]:
    """What the invited experts will find, counted."""
    seen = [one.title for one in frame.sections if one.saved]
    held = sum(bool(one.held) for one in reading.view.attachments)
    if frame.photos:
        seen.append(
            f"{frame.photos} photos"
            if "photo" not in frame.uncovered_files
            else "no photos: no consent"
        )
    if frame.studies:
        seen.append(f"{frame.studies} sets of images")
    if held:
        seen.append(f"not yet: {held} files that are held for your check")
    return seen


ROUTES = (show_submission, submit)
