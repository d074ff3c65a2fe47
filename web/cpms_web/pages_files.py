"""Files of a case: taken in through the sandbox, shown, released, removed."""

from uuid import UUID

from msgspec import Struct

from cpms_core import Answer, AttachmentView, Data, File, Page, Redirect, route, words
from cpms_core.audit import Event, record
from cpms_core.cases.attachments import (
    HEAD,
    PHOTO,
    Group,
    Taken,
    add_attachment,
    ingest,
    kind_of,
    note_refusal,
    release_attachments,
    remove_attachments,
    say_whether_a_face,
    small_copy,
)
from cpms_core.cases.models import Case
from cpms_core.cases.queries import attachment_view
from cpms_core.cases.reading import case_reading
from cpms_core.cases.scope import find_case_to_edit
from cpms_core.errors import InvalidError, NotFoundError
from cpms_core.http.incoming import Upload
from cpms_core.http.visit import PageVisit
from cpms_core.patients.service import patient_secret
from cpms_web.attached import photos_of
from cpms_web.case_frame import case_frame


class Refused(Struct, frozen=True):
    """A file that could not be taken in, under the name that its sender knows."""

    name: str
    problem: str


def take_in(visit: PageVisit, case_id: UUID) -> tuple[Taken | Refused, ...]:
    """Every sent file through the sandbox into the store, before the transaction begins."""
    scope = find_case_to_edit(visit.session, visit.actor, case_id)
    secret = patient_secret(visit.session, visit.site.key, scope.case.patient, "files")
    # The sandbox may take a while: it must hold neither a connection nor a lock.
    visit.session.rollback()
    if not visit.uploads:
        raise InvalidError("No file was sent. Choose one first.")
    return tuple(_take(visit, upload, secret) for upload in visit.uploads)


def _take(visit: PageVisit, upload: Upload, secret: bytes) -> Taken | Refused:
    try:
        with upload.path.open("rb") as file:
            kind = kind_of(visit.site.registry, file.read(HEAD))
        return ingest(kind, upload.path, visit.files, secret)
    except InvalidError as error:
        return Refused(upload.name, str(error))


@route(
    "POST",
    "/cases/{case_id:uuid}/files",
    permission="case.edit",
    event=Event.ATTACHMENT_ADDED,
    or_event=Event.ATTACHMENT_REFUSED,
    rate="upload",
    prepare=take_in,
)
def add_files(visit: PageVisit, case_id: UUID) -> Answer:
    added, refused = [], []
    for one in visit.prepared:
        if isinstance(one, Refused):
            note_refusal(visit.session, visit.actor, case_id)
            refused.append(one)
        else:
            added.append(add_attachment(visit.session, visit.actor, case_id, one))
    is_script = not visit.form  # a raw body, one file a request
    if is_script and refused:
        return Data(value={"error": refused[0].problem, "fields": {}}, status=422)
    if is_script:
        one = added[0]
        return Data(value={"name": one.name, "kind": one.viewer, "held": one.held})
    said = [f"{words.plural(len(added), 'file')} added."] if added else []
    said += [f"Refused: {one.name[:80]}. {one.problem}" for one in refused[:5]]
    return Redirect(f"/cases/{case_id}#files", " ".join(said))


def small_photo(visit: PageVisit, case_id: UUID, attachment_id: UUID) -> bytes | None:
    """The small copy of a photo, if that is what was asked for."""
    if visit.query.get("size") != "small":
        return None
    photo = _file(visit, case_id, attachment_id)
    if photo.viewer != PHOTO.key:
        raise NotFoundError
    visit.session.rollback()
    return small_copy(visit.files.path(photo.sha256))


@route(
    "GET",
    "/cases/{case_id:uuid}/files/{attachment_id:uuid}",
    permission="case.images",
    event=Event.ATTACHMENT_READ,
    prepare=small_photo,
    api="case.files",
)
def show_file(visit: PageVisit, case_id: UUID, attachment_id: UUID) -> Answer:
    """A photo's bytes; any other file is handed over to be saved."""
    found = _file(visit, case_id, attachment_id)
    _note_reading(visit, case_id, found)
    if visit.prepared is not None:
        return File(content=visit.prepared, media_type=PHOTO.media_type)
    path = visit.files.path(found.sha256)
    is_photo = found.viewer == PHOTO.key
    return File(
        content=path,
        media_type=PHOTO.media_type if is_photo else "application/octet-stream",
        download_as=None if is_photo else found.name,
    )


@route(
    "GET",
    "/cases/{case_id:uuid}/photos/{attachment_id:uuid}",
    permission="case.images",
    event=Event.ATTACHMENT_READ,
)
def show_photo(visit: PageVisit, case_id: UUID, attachment_id: UUID) -> Answer:
    """One photo as large as the window, with its neighbours."""
    found = _file(visit, case_id, attachment_id)
    reading = case_reading(visit.session, visit.actor, visit.site.registry, case_id)
    photos = photos_of(reading.view.attachments)
    place = next((n for n, one in enumerate(photos) if one.id == attachment_id), None)
    if place is None:
        raise NotFoundError
    _note_reading(visit, case_id, found)
    values = {
        "frame": case_frame(visit, reading, "photo"),
        "photo": found,
        "number": place + 1,
        "count": len(photos),
        "previous": photos[place - 1] if place else None,
        "following": photos[place + 1] if place + 1 < len(photos) else None,
    }
    return Page(template="web/photo.html", values=values)


@route(
    "POST",
    "/cases/{case_id:uuid}/remove",
    permission="case.edit",
    event=Event.ATTACHMENT_REMOVED,
)
def remove(visit: PageVisit, case_id: UUID) -> Answer:
    count = remove_attachments(visit.session, visit.actor, case_id, _group(visit))
    return Redirect(f"/cases/{case_id}#files", f"{words.plural(count, 'file')} removed.")


@route(
    "POST",
    "/cases/{case_id:uuid}/release",
    permission="case.edit",
    event=Event.ATTACHMENT_RELEASED,
)
def release(visit: PageVisit, case_id: UUID) -> Answer:
    count = release_attachments(visit.session, visit.actor, case_id, _group(visit))
    return Redirect(
        f"/cases/{case_id}#files",
        f"{words.plural(count, 'file')} released: who sees the case sees them too.",
    )


@route(
    "POST",
    "/cases/{case_id:uuid}/photos/{attachment_id:uuid}/face",
    permission="case.edit",
    event=Event.ATTACHMENT_DESCRIBED,
)
def say_face(visit: PageVisit, case_id: UUID, attachment_id: UUID) -> Answer:
    """Whether a face is on a photo, which decides what consent it needs."""
    has_face = visit.field("face") != "no"
    say_whether_a_face(visit.session, visit.actor, case_id, attachment_id, has_face=has_face)
    said = "as one of the face" if has_face else "as one without a face"
    return Redirect(f"/cases/{case_id}/photos/{attachment_id}", f"The photo counts {said} now.")


def _file(visit: PageVisit, case_id: UUID, attachment_id: UUID) -> AttachmentView:
    registry = visit.site.registry
    return attachment_view(
        visit.session, visit.actor, registry, case_id, attachment_id, "case.images"
    )


def _note_reading(visit: PageVisit, case_id: UUID, found: AttachmentView) -> None:
    record(
        visit.session,
        visit.actor,
        Event.ATTACHMENT_READ,
        case_id=case_id,
        hcp_id=visit.session.get_one(Case, case_id).hcp_id,
        subject_id=found.id,
        viewer=found.viewer,
    )


def _group(visit: PageVisit) -> Group:
    """A study by its viewer and key, or one file by its id."""
    single = visit.field("attachment")
    try:
        attachment_id = UUID(single) if single else None
    except ValueError as error:
        raise NotFoundError from error
    return Group(visit.field("viewer"), visit.field("group"), attachment_id)


ROUTES = (add_files, show_file, show_photo, say_face, remove, release)
