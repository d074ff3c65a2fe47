"""Read cases: frozen views for pages and plugins, filtered by access and consent."""

from typing import Any
from uuid import UUID

from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from cpms_core import words
from cpms_core.actor import Actor
from cpms_core.cases.covered import (
    files_uncovered,
    is_own,
    lock_fields,
    not_covered,
    records_uncovered,
)
from cpms_core.cases.models import Attachment, Record
from cpms_core.cases.scope import Scope, find_case
from cpms_core.datasets import records
from cpms_core.datasets.display import Names
from cpms_core.errors import NotFoundError
from cpms_core.identity.models import User
from cpms_core.registry import DatasetEntry, Registry
from cpms_core.views import AttachmentView, CaseView, RecordView


def case_view(
    session: Session,
    actor: Actor,
    registry: Registry,
    case_id: UUID,
    permission: str,
    *,
    has_facets: bool = True,
    leaves: bool = False,
) -> CaseView:
    scope = find_case(session, actor, case_id, permission)
    return view_of(session, actor, registry, scope, has_facets=has_facets, leaves=leaves)


def view_of(
    session: Session,
    actor: Actor,
    registry: Registry,
    scope: Scope,
    *,
    has_facets: bool = True,
    leaves: bool = False,
) -> CaseView:
    """All of a case that this actor may see; a study of 500 images has 7,000 facets.

    What leaves the site is what others than the own centre read, whoever sends it away.
    """
    case_id, patient = scope.case.id, scope.case.patient
    is_all = is_own(actor, scope) and not leaves
    views = {view.dataset: view for view in record_views(session, registry, case_id)}
    plain = [key for key, one in views.items() if one.is_plain]
    lacking = records_uncovered(registry, scope.case, views, plain)
    attached = attachment_views(session, registry, scope, is_all=is_all, has_facets=has_facets)
    return CaseView(
        id=scope.case.id,
        pseudonym=patient.pseudonym,
        sex=patient.sex,
        birth_year=patient.birth_year,
        birth_month=patient.birth_month,
        age=words.age(patient.birth_year, patient.birth_month),
        centre=scope.case.hcp.name,
        country=scope.case.hcp.country_id,
        records={
            key: lock_fields(registry, scope.case, one, is_all=is_all)
            for key, one in views.items()
            if is_all or key not in lacking
        },
        attachments=attached.shown,
        uncovered=lacking,
        uncovered_files=attached.uncovered,
    )


def record_views(session: Session, registry: Registry, case_id: UUID) -> list[RecordView]:
    """The newest version of every dataset, in the registry's order; those of absent plugins last.

    Data of an absent plugin stay readable as they were stored.
    """
    rows = session.execute(
        select(Record, User.name)
        .join(User, User.id == Record.author_id)
        .where(Record.case_id == case_id)
        .order_by(Record.dataset, Record.revision)
    )
    newest = {row.dataset: (row, author) for row, author in rows}
    order = {key: place for place, key in enumerate(registry.datasets)}
    ordered = sorted(newest.values(), key=lambda pair: order.get(pair[0].dataset, len(order)))
    return [_record_view(registry, row, author) for row, author in ordered]


def saved_record(session: Session, registry: Registry, row: Record) -> RecordView:
    """One saved version, with its author's name."""
    return _record_view(registry, row, session.get_one(User, row.author_id).name)


def _record_view(registry: Registry, row: Record, author: str) -> RecordView:
    entry = registry.datasets.get(row.dataset)
    upgraded = _upgraded(entry, row) if entry else None
    is_read = entry is not None and upgraded is not None
    return RecordView(
        dataset=row.dataset,
        version=entry.dataset.version if entry and is_read else row.schema_version,
        data=row.data if upgraded is None else upgraded,
        author=author,
        saved_at=row.saved_at,
        revision=row.revision,
        is_plain=not is_read,
    )


def _upgraded(entry: DatasetEntry, row: Record) -> dict[str, Any] | None:
    """As the present version would store it; None if it cannot be read."""
    try:
        records.decode(entry.dataset, row.schema_version, row.data)
        return records.upgraded(entry.dataset, row.schema_version, row.data)
    except records.UnreadableRecordError:
        return None


def shown_record(
    registry: Registry, view: RecordView, names: Names | None = None
) -> tuple[records.Shown, ...]:
    """A record as people read it; without its plugin, or if it does not fit, as plain fields."""
    entry = registry.datasets.get(view.dataset)
    if entry is None or view.is_plain:
        return records.display_plain(view.data)
    return records.display(entry.dataset, view.data, names, view.locked)


class Attached(Struct, frozen=True):
    shown: tuple[AttachmentView, ...]
    uncovered: dict[str, str]
    """Viewer → the class of its files that the consent does not cover, by title."""


def attachment_views(
    session: Session, registry: Registry, scope: Scope, *, is_all: bool, has_facets: bool = True
) -> Attached:
    """All of the case, or those that others than its centre see: none that is held."""
    wanted = (
        select(Attachment)
        .where(Attachment.case_id == scope.case.id, Attachment.removed_at.is_(None))
        .order_by(Attachment.added_at, Attachment.id)
    )
    if has_facets:
        wanted = wanted.options(selectinload(Attachment.facets))
    rows = session.scalars(wanted).all()
    lacking = files_uncovered(session, registry, scope.case, rows)
    shown = [row for row in rows if is_all or not (row.held or row.id in lacking)]
    return Attached(
        tuple(_attachment_view(row, has_facets=has_facets) for row in shown),
        {row.viewer: lacking[row.id] for row in rows if row.id in lacking},
    )


def attachment_view(
    session: Session,
    actor: Actor,
    registry: Registry,
    case_id: UUID,
    attachment_id: UUID,
    permission: str,
) -> AttachmentView:
    scope = find_case(session, actor, case_id, permission)
    row = session.get(Attachment, attachment_id)
    if row is None or row.case_id != case_id or row.removed_at is not None:
        raise NotFoundError
    if not is_own(actor, scope):
        lacking = files_uncovered(session, registry, scope.case, [row])
        if lacking:
            raise NotFoundError(not_covered(lacking[row.id]))
        if row.held:
            raise NotFoundError("This file waits for a check by the submitting centre.")
    return _attachment_view(row)


def _attachment_view(row: Attachment, *, has_facets: bool = True) -> AttachmentView:
    return AttachmentView(
        id=row.id,
        name=row.name,
        media_type=row.media_type,
        size=row.size,
        sha256=row.sha256,
        facets={facet.key: facet.value for facet in row.facets} if has_facets else {},
        added_at=row.added_at,
        held=row.held,
        viewer=row.viewer,
        group=row.group,
    )
