"""Take files into a case. What is stored is what came out of the sandbox, never what was sent."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from uuid import UUID

from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.orm import Session

from cpms_core import audit, sandbox
from cpms_core.actor import Actor
from cpms_core.audit import Event
from cpms_core.cases.models import Attachment, Case, Facet
from cpms_core.cases.scope import find_case_to_edit
from cpms_core.clock import clock
from cpms_core.declarations import Ingested, Viewer
from cpms_core.errors import InvalidError, NotFoundError
from cpms_core.files import FileStore
from cpms_core.patients.consent_rules import NO_FACE, SHOWS
from cpms_core.registry import Registry

HEAD = 4096


class BuiltIn(Struct, frozen=True, kw_only=True):
    """A kind of file core itself takes in."""

    key: str
    media_type: str
    ingest: str
    recognises: Callable[[bytes], bool]
    group_by: str = ""


PHOTO = BuiltIn(
    key="photo",
    media_type="image/jpeg",
    ingest="cpms_core.cases.photos:ingest",
    recognises=lambda head: (
        head.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"))
        or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")
    ),
)


def kind_of(registry: Registry, head: bytes) -> BuiltIn | Viewer:
    """What a file is by its first bytes; InvalidError with a sentence if it is nothing we keep."""
    if PHOTO.recognises(head):
        return PHOTO
    viewer = registry.viewer_for(head)
    if viewer is None:
        raise InvalidError(
            "This kind of file is not accepted here: photos (JPEG, PNG, WebP) and DICOM images "
            "are. Nothing of it was kept."
        )
    return viewer


class Taken(Struct, frozen=True):
    """A file that went through the sandbox and lies in the store; no row names it yet."""

    kind: BuiltIn | Viewer
    found: Ingested
    sha256: str
    size: int


def ingest(kind: BuiltIn | Viewer, source: Path, files: FileStore, secret: bytes) -> Taken:
    """Make the file safe to keep, in the sandbox, and put the result into the file store."""
    target = files.incoming()
    try:
        found = sandbox.run(kind.ingest, source, target, secret, returns=Ingested, write=target)
        stored = files.adopt(target)
    finally:
        target.unlink(missing_ok=True)
    return Taken(kind, found, stored.sha256, stored.size)


def add_attachment(session: Session, actor: Actor, case_id: UUID, taken: Taken) -> Attachment:
    """Name the file in the case; the same content again is the same attachment."""
    scope = find_case_to_edit(session, actor, case_id)
    known = session.scalar(
        select(Attachment).where(
            Attachment.case_id == case_id,
            Attachment.sha256 == taken.sha256,
            Attachment.removed_at.is_(None),
        )
    )
    _note(session, actor, scope.case, Event.ATTACHMENT_ADDED, taken.kind.key)
    if known is not None:
        return known
    facets = taken.found.facets
    attachment = Attachment(
        case_id=case_id,
        sha256=taken.sha256,
        size=taken.size,
        media_type=taken.kind.media_type,
        viewer=taken.kind.key,
        name=taken.found.name[:200],
        held=taken.found.held[:500],
        group=facets.get(taken.kind.group_by, "") if taken.kind.group_by else "",
        added_by=actor.user_id,
        facets=[Facet(key=key, value=value) for key, value in sorted(facets.items())],
    )
    session.add(attachment)
    session.flush()
    return attachment


@lru_cache(maxsize=500)
def small_copy(path: Path) -> bytes:
    """A stored photo's small copy; its name is its content, so that a copy never goes stale."""
    return sandbox.run("cpms_core.cases.photos:shrink", path, returns=bytes)


class Group(Struct, frozen=True):
    """Files that belong together, a study for instance; or one file alone."""

    viewer: str
    key: str
    attachment_id: UUID | None = None


def remove_attachments(session: Session, actor: Actor, case_id: UUID, group: Group) -> int:
    """Take them out of the case; the files stay until the retention job."""
    scope = find_case_to_edit(session, actor, case_id)
    rows = _rows_of(session, case_id, group)
    for row in rows:
        row.removed_at = clock.now()
    _note(session, actor, scope.case, Event.ATTACHMENT_REMOVED, rows[0].viewer)
    return len(rows)


def release_attachments(session: Session, actor: Actor, case_id: UUID, group: Group) -> int:
    """Held files that somebody of the centre has looked at: from now on others see them too."""
    scope = find_case_to_edit(session, actor, case_id)
    rows = _rows_of(session, case_id, group)
    for row in rows:
        row.held = ""
    _note(session, actor, scope.case, Event.ATTACHMENT_RELEASED, rows[0].viewer)
    return len(rows)


def say_whether_a_face(
    session: Session, actor: Actor, case_id: UUID, attachment_id: UUID, *, has_face: bool
) -> None:
    """A photo without a face needs the consent for other photos only; until said, it has one."""
    scope = find_case_to_edit(session, actor, case_id)
    row = _rows_of(session, case_id, Group(PHOTO.key, "", attachment_id))[0]
    if row.viewer != PHOTO.key:
        raise NotFoundError
    facets = {facet.key: facet for facet in row.facets}
    if has_face and SHOWS in facets:
        session.delete(facets[SHOWS])
    elif not has_face and SHOWS not in facets:
        session.add(Facet(attachment_id=row.id, key=SHOWS, value=NO_FACE))
    session.flush()
    _note(session, actor, scope.case, Event.ATTACHMENT_DESCRIBED, row.viewer)


def note_refusal(session: Session, actor: Actor, case_id: UUID) -> None:
    """A file that could not be taken in; nothing of it was kept."""
    scope = find_case_to_edit(session, actor, case_id)
    _note(session, actor, scope.case, Event.ATTACHMENT_REFUSED, "")


def _rows_of(session: Session, case_id: UUID, group: Group) -> Sequence[Attachment]:
    wanted = select(Attachment).where(
        Attachment.case_id == case_id, Attachment.removed_at.is_(None)
    )
    if group.attachment_id:
        wanted = wanted.where(Attachment.id == group.attachment_id)
    else:
        wanted = wanted.where(
            Attachment.viewer == group.viewer,
            Attachment.group == group.key,
            Attachment.group != "",
        )
    rows = session.scalars(wanted).all()
    if not rows:
        raise NotFoundError
    return rows


def _note(session: Session, actor: Actor, case: Case, event: Event, viewer: str) -> None:
    audit.record(session, actor, event, case_id=case.id, hcp_id=case.hcp_id, viewer=viewer)
