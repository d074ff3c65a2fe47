"""A person's copy of all data the site holds on them (GDPR articles 15 and 20), as one ZIP.

read-me-first.html   for people
data.json            every row of the store, for machines
outcomes/            what panels signed, as PDF
files/               photos and images as they are stored
"""

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, cast
from uuid import UUID

import msgspec
from msgspec import Struct
from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from cpms_core import audit
from cpms_core.actor import Actor
from cpms_core.audit import AuditEvent, Event
from cpms_core.cases.models import Attachment, Case
from cpms_core.clock import clock
from cpms_core.directory.models import Hcp
from cpms_core.files import FileStore
from cpms_core.identity.models import User
from cpms_core.keeping.patient_rows import all_of, tree_of
from cpms_core.keys import SiteKey
from cpms_core.panels.models import Outcome, Panel
from cpms_core.patients.models import Patient, SealedIdentity
from cpms_core.patients.service import centre_vault
from cpms_core.patients.team import find_patient
from cpms_core.patients.vault import Identity
from cpms_core.sandbox import run

FORMAT, VERSION = "cpms-patient-copy", 1
_PIECE = 2**17
_SEALED = "sealed_identity"
_RENDER = "cpms_core.panels.outcome.pdf:render_pdf"
_SUFFIXES = {"image/jpeg": ".jpg", "application/dicom": ".dcm", "application/pdf": ".pdf"}


class ReadBy(Struct, frozen=True, kw_only=True):
    """People of one role and centre who did one thing with the data; no name."""

    roles: str
    centre: str
    tag: str
    times: int
    first: Any
    last: Any


class CopiedFile(Struct, frozen=True, kw_only=True):
    name: str
    """Its place in the ZIP."""
    case_id: UUID
    what: str
    sha256: str


class CopiedOutcome(Struct, frozen=True, kw_only=True):
    name: str
    number: str
    version: int
    frozen: bytes
    signature: bytes


class PatientCopy(Struct, frozen=True, kw_only=True):
    """All of it but the bytes of the files, which are read while the ZIP is sent."""

    patient: Patient
    identities: tuple[Identity, ...]
    tables: dict[str, list[dict[str, Any]]]
    """Every row as it is stored, by table."""
    people: dict[str, str]
    """The names behind ids of people, with their centres."""
    read_by: tuple[ReadBy, ...]
    files: tuple[CopiedFile, ...]
    outcomes: tuple[CopiedOutcome, ...]

    def as_json(self, site_name: str) -> bytes:
        value = {
            "format": FORMAT,
            "version": VERSION,
            "site": site_name,
            "made_at": clock.now(),
            "identity": self.identities,
            "read_by": self.read_by,
            "people": self.people,
            "files": self.files,
            "tables": self.tables,
        }
        return msgspec.json.format(msgspec.json.encode(value), indent=2)


def copy_patient(session: Session, actor: Actor, key: SiteKey, patient_id: UUID) -> PatientCopy:
    """For whoever may know who it is; the copy is handed to the person, not kept here."""
    patient = find_patient(session, actor, patient_id, "patient.copy")
    audit.record(session, actor, Event.PATIENT_COPIED, patient_id=patient.id, hcp_id=patient.hcp_id)
    session.flush()
    everyone = all_of(session, patient)
    tables = _tables(session, everyone)
    return PatientCopy(
        patient=patient,
        identities=tuple(_identities(session, key, everyone)),
        tables=tables,
        people=_people(session, tables),
        read_by=_read_by(session, everyone),
        files=tuple(_files(session, everyone)),
        outcomes=tuple(_outcomes(session, everyone)),
    )


def zip_pieces(copy: PatientCopy, files: FileStore, texts: dict[str, bytes]) -> Iterator[bytes]:
    """The ZIP as it is made; nothing of it lies on the disk, and the largest part is one piece."""
    out = _Out()
    with zipfile.ZipFile(cast("IO[bytes]", out), "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in texts.items():
            archive.writestr(_entry(name), content)
            yield out.take()
        for one in copy.outcomes:
            pdf = run(_RENDER, one.frozen, one.signature, returns=bytes)
            archive.writestr(_entry(one.name), pdf)
            yield out.take()
        for file in copy.files:
            yield from _file_pieces(archive, out, file, files.path(file.sha256))
    yield out.take()


def _file_pieces(
    archive: zipfile.ZipFile, out: "_Out", file: CopiedFile, path: Path
) -> Iterator[bytes]:
    if not path.is_file():
        archive.writestr(_entry(f"{file.name}.missing.txt"), b"The store has lost this file.")
        return
    # Photos and images are compressed as they are.
    entry = _entry(file.name, zipfile.ZIP_STORED)
    with path.open("rb") as source, archive.open(entry, "w", force_zip64=True) as target:
        while piece := source.read(_PIECE):
            target.write(piece)
            yield out.take()


def _entry(name: str, how: int = zipfile.ZIP_DEFLATED) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, clock.now().timetuple()[:6])
    entry.compress_type = how
    return entry


class _Out:
    """What the archive writes to; it cannot go back."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, piece: bytes, /) -> int:
        self._pieces.append(bytes(piece))
        return len(piece)

    def flush(self) -> None:
        """Nothing waits anywhere else."""

    def take(self) -> bytes:
        taken, self._pieces = b"".join(self._pieces), []
        return taken


def _tables(session: Session, patient_ids: list[UUID]) -> dict[str, list[dict[str, Any]]]:
    found = {}
    for table, mine in tree_of(patient_ids).items():
        if table.name == _SEALED:
            continue  # it stands in the copy opened
        rows = session.execute(select(table).where(mine)).mappings()
        found[table.name] = [{name: _plain(value) for name, value in row.items()} for row in rows]
    return found


def _plain(value: Any) -> Any:
    """Bytes that are text, a frozen outcome's, as text."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return value


def _people(session: Session, tables: dict[str, list[dict[str, Any]]]) -> dict[str, str]:
    ids = {
        value
        for rows in tables.values()
        for row in rows
        for value in row.values()
        if isinstance(value, UUID)
    }
    rows = session.execute(
        select(User.id, User.name, Hcp.name)
        .outerjoin(Hcp, Hcp.id == User.hcp_id)
        .where(User.id.in_(ids))
    )
    return {str(one): f"{name}, {centre}" if centre else name for one, name, centre in rows}


def _identities(session: Session, key: SiteKey, patient_ids: list[UUID]) -> Iterator[Identity]:
    for row in session.scalars(
        select(SealedIdentity).where(SealedIdentity.patient_id.in_(patient_ids))
    ):
        vault = centre_vault(session, key, row.hcp_id)
        yield vault.open(row.patient_id, row.wrapped_key, row.sealed)


def _read_by(session: Session, patient_ids: list[UUID]) -> tuple[ReadBy, ...]:
    cases = select(Case.id).where(Case.patient_id.in_(patient_ids))
    rows = session.execute(
        select(
            AuditEvent.roles,
            Hcp.name,
            AuditEvent.tag,
            func.count(),
            func.min(AuditEvent.at, type_=AuditEvent.at.type),
            func.max(AuditEvent.at, type_=AuditEvent.at.type),
        )
        .outerjoin(User, User.id == AuditEvent.actor_id)
        .outerjoin(Hcp, Hcp.id == User.hcp_id)
        .where(or_(AuditEvent.case_id.in_(cases), AuditEvent.patient_id.in_(patient_ids)))
        .group_by(AuditEvent.roles, Hcp.name, AuditEvent.tag)
        .order_by(func.max(AuditEvent.at).desc())
    )
    return tuple(
        ReadBy(roles=roles, centre=centre or "", tag=tag, times=times, first=first, last=last)
        for roles, centre, tag, times, first, last in rows
    )


def _files(session: Session, patient_ids: list[UUID]) -> Iterator[CopiedFile]:
    """Also those that were taken out of a case and still lie in the store."""
    cases = select(Case.id).where(Case.patient_id.in_(patient_ids))
    rows = session.scalars(
        select(Attachment)
        .where(Attachment.case_id.in_(cases))
        .order_by(Attachment.added_at, Attachment.id)
    )
    for number, row in enumerate(rows, 1):
        yield CopiedFile(
            name=f"files/{number:05d}{_SUFFIXES.get(row.media_type, '.bin')}",
            case_id=row.case_id,
            what=row.name,
            sha256=row.sha256,
        )


def _outcomes(session: Session, patient_ids: list[UUID]) -> Iterator[CopiedOutcome]:
    signed = (
        select(Panel.number, Outcome)
        .join(Panel, Panel.id == Outcome.panel_id)
        .join(Case, Case.id == Panel.case_id)
        .where(Case.patient_id.in_(patient_ids), Outcome.signed_at.is_not(None))
        .order_by(Panel.number, Outcome.version)
    )
    for number, row in session.execute(signed):
        yield CopiedOutcome(
            name=f"outcomes/{number}-version-{row.version}.pdf",
            number=number,
            version=row.version,
            frozen=row.frozen or b"",
            signature=row.signature or b"",
        )
