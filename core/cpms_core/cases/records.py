"""Save and read datasets of a case: append-only versions, and drafts so that nothing typed is lost.

The newest row of a dataset is its value, the rest its history. A save says which revision it
started from; if somebody saved in between, both versions are shown and neither is lost.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from cpms_core import audit
from cpms_core.actor import Actor
from cpms_core.audit import Event
from cpms_core.cases.covered import ensure_covered, fields_uncovered, is_own
from cpms_core.cases.models import Attachment, Case, CodedValue, Record, RecordDraft
from cpms_core.cases.scope import find_case, find_case_to_edit
from cpms_core.clock import clock
from cpms_core.datasets import records
from cpms_core.errors import ConflictError, InvalidError, NotFoundError
from cpms_core.identity.models import User
from cpms_core.registry import DatasetEntry, Registry
from cpms_core.terminology.search import resolve

Form = Mapping[str, Sequence[str]]
_MAX_DRAFT = 2_000_000


class OpenForm(Struct, frozen=True, kw_only=True):
    """A dataset's form as this person finds it."""

    entry: DatasetEntry
    values: records.Form
    """The saved value's, or the draft's if there is one."""
    base_revision: int
    draft_at: datetime | None
    """When the unsaved typing that is shown was kept."""
    saved_at: datetime | None


class Revision(Struct, frozen=True, kw_only=True):
    revision: int
    author: str
    saved_at: datetime
    changes: Sequence[records.Change]
    """Since the revision before."""


def dataset_entry(registry: Registry, dataset: str) -> DatasetEntry:
    entry = registry.datasets.get(dataset)
    if entry is None:
        raise NotFoundError("This form belongs to a plugin that is switched off.")
    return entry


def newest(session: Session, case_id: UUID, dataset: str) -> Record | None:
    return session.scalar(
        select(Record)
        .where(Record.case_id == case_id, Record.dataset == dataset)
        .order_by(Record.revision.desc())
        .limit(1)
    )


def value_of(entry: DatasetEntry, row: Record | None) -> Struct | None:
    """A stored row as the dataset's present schema."""
    return records.decode(entry.dataset, row.schema_version, row.data) if row else None


def open_form(
    session: Session, actor: Actor, registry: Registry, case_id: UUID, dataset: str
) -> OpenForm:
    """The saved value, or what this person has typed since and not saved."""
    entry = dataset_entry(registry, dataset)
    scope = find_case(session, actor, case_id, "case.edit")
    row = newest(session, case_id, dataset)
    draft = find_draft(session, actor, case_id, dataset)
    if draft is not None:
        values = records.raw_form(entry.dataset, draft.form)
        base = draft.base_revision
    else:
        values = records.as_form(entry.dataset, value_of(entry, row))
        base = row.revision if row else 0
    _note(session, actor, Event.RECORD_READ, scope.case, dataset)
    return OpenForm(
        entry=entry,
        values=values,
        base_revision=base,
        draft_at=draft.typed_at if draft else None,
        saved_at=row.saved_at if row else None,
    )


def save_record(
    session: Session,
    actor: Actor,
    registry: Registry,
    case_id: UUID,
    dataset: str,
    form: Form,
    base_revision: int,
) -> Record:
    """A new version; InvalidError names every wrong field, ConflictError holds both versions."""
    entry = dataset_entry(registry, dataset)
    scope = find_case_to_edit(session, actor, case_id)
    # Two savers at once: the second must see what the first has saved, not slip in behind it.
    session.execute(select(Case.id).where(Case.id == case_id).with_for_update())
    row = newest(session, case_id, dataset)
    parsed = _parsed(session, entry, case_id, form, row)
    if parsed.errors or parsed.value is None:
        raise InvalidError(
            "Some entries need your attention. What you typed is kept, but not saved yet.",
            parsed.errors,
        )
    if base_revision != (row.revision if row else 0):
        raise ConflictError(
            "Somebody else saved this form after you opened it. Nothing of either is lost.",
            theirs=row,
            yours=parsed.value,
        )
    drop_draft(session, actor, case_id, dataset)
    return store_record(session, actor, scope.case, entry, parsed.value)


def store_record(
    session: Session, actor: Actor, case: Case, entry: DatasetEntry, value: Struct
) -> Record:
    """Append a value that is known to be right; the same value again adds nothing."""
    dataset = entry.dataset
    data = records.encode(value)
    row = newest(session, case.id, dataset.key)
    if row is None or row.data != data or row.schema_version != dataset.version:
        row = Record(
            case_id=case.id,
            dataset=dataset.key,
            revision=row.revision + 1 if row else 1,
            schema_version=dataset.version,
            data=data,
            author_id=actor.user_id,
        )
        session.add(row)
        _index_codes(session, case.id, entry, data)
    _note(session, actor, Event.RECORD_SAVED, case, dataset.key, revision=row.revision)
    session.flush()
    return row


def keep_draft(
    session: Session,
    actor: Actor,
    registry: Registry,
    case_id: UUID,
    dataset: str,
    form: Form,
    base_revision: int,
) -> datetime:
    """Keep raw typing, right or wrong, until it is saved or dropped; when it was kept.

    Typing that is back at what is saved needs no draft.
    """
    entry = dataset_entry(registry, dataset)
    scope = find_case(session, actor, case_id, "case.edit")
    if sum(len(value) for values in form.values() for value in values) > _MAX_DRAFT:
        raise InvalidError("This is more text than a form can keep.")
    typed = records.raw_form(entry.dataset, form)
    now = clock.now()
    draft = find_draft(session, actor, case_id, dataset)
    if _is_saved(session, entry, case_id, typed, base_revision):
        drop_draft(session, actor, case_id, dataset)
    elif draft is not None:
        draft.form, draft.base_revision, draft.typed_at = dict(typed), base_revision, now
    else:
        session.add(
            RecordDraft(
                case_id=case_id,
                dataset=dataset,
                author_id=actor.user_id,
                form=dict(typed),
                base_revision=base_revision,
                typed_at=now,
            )
        )
    _note(session, actor, Event.RECORD_DRAFTED, scope.case, dataset)
    return now


def _is_saved(
    session: Session, entry: DatasetEntry, case_id: UUID, typed: records.Form, base_revision: int
) -> bool:
    row = newest(session, case_id, entry.dataset.key)
    if base_revision != (row.revision if row else 0):
        return False
    saved = records.as_form(entry.dataset, value_of(entry, row))
    return typed == records.raw_form(entry.dataset, saved)


def discard_draft(
    session: Session, actor: Actor, registry: Registry, case_id: UUID, dataset: str
) -> None:
    """Throw away what was typed and not saved, because its author says so."""
    dataset_entry(registry, dataset)
    scope = find_case(session, actor, case_id, "case.edit")
    drop_draft(session, actor, case_id, dataset)
    _note(session, actor, Event.RECORD_DRAFT_DROPPED, scope.case, dataset)


def check_form(
    session: Session, actor: Actor, registry: Registry, case_id: UUID, dataset: str, form: Form
) -> records.Parsed:
    """What saving would say of this form; nothing is kept."""
    entry = dataset_entry(registry, dataset)
    find_case(session, actor, case_id, "case.edit")
    return _parsed(session, entry, case_id, form, newest(session, case_id, dataset))


def _parsed(
    session: Session, entry: DatasetEntry, case_id: UUID, form: Form, row: Record | None
) -> records.Parsed:
    return records.parse(
        entry.dataset,
        form,
        resolve=lambda systems, text: resolve(session, systems, text),
        files=attachment_ids(session, case_id),
        before=value_of(entry, row),
    )


def drop_draft(session: Session, actor: Actor, case_id: UUID, dataset: str) -> None:
    session.execute(
        delete(RecordDraft).where(
            RecordDraft.case_id == case_id,
            RecordDraft.dataset == dataset,
            RecordDraft.author_id == actor.user_id,
        )
    )


def history(
    session: Session, actor: Actor, registry: Registry, case_id: UUID, dataset: str
) -> list[Revision]:
    """Every saved version, newest first, with what it changed of what the actor reads."""
    entry = dataset_entry(registry, dataset)
    scope = find_case(session, actor, case_id, "case.read")
    ensure_covered(actor, registry, scope, dataset)
    own = is_own(actor, scope)
    hidden = {} if own else fields_uncovered(registry, scope.case, dataset)
    rows = session.execute(
        select(Record, User.name)
        .join(User, User.id == Record.author_id)
        .where(Record.case_id == case_id, Record.dataset == dataset)
        .order_by(Record.revision)
    ).all()
    _note(session, actor, Event.RECORD_READ, scope.case, dataset)
    revisions: list[Revision] = []
    before: dict[str, Any] | None = None
    for row, author in rows:
        whole = records.upgraded(entry.dataset, row.schema_version, row.data)
        value = records.without(whole, hidden)
        revisions.append(
            Revision(
                revision=row.revision,
                author=author,
                saved_at=row.saved_at,
                changes=records.diff(entry.dataset, before, value),
            )
        )
        before = value
    return revisions[::-1]


def find_draft(session: Session, actor: Actor, case_id: UUID, dataset: str) -> RecordDraft | None:
    return session.scalar(
        select(RecordDraft).where(
            RecordDraft.case_id == case_id,
            RecordDraft.dataset == dataset,
            RecordDraft.author_id == actor.user_id,
        )
    )


def _note(
    session: Session,
    actor: Actor,
    event: Event,
    case: Case,
    dataset: str,
    revision: int | None = None,
) -> None:
    audit.record(
        session,
        actor,
        event,
        case_id=case.id,
        hcp_id=case.hcp_id,
        dataset=dataset,
        revision=revision,
    )


def _index_codes(
    session: Session, case_id: UUID, entry: DatasetEntry, data: dict[str, Any]
) -> None:
    key = entry.dataset.key
    session.execute(
        delete(CodedValue).where(CodedValue.case_id == case_id, CodedValue.dataset == key)
    )
    for code in records.codes(entry.dataset, data):
        session.add(
            CodedValue(
                case_id=case_id,
                dataset=key,
                field=code.field,
                system=code.system,
                code=code.code,
                label=code.label,
                absent=code.is_absent,
            )
        )


def attachment_ids(session: Session, case_id: UUID) -> frozenset[UUID]:
    rows = select(Attachment.id).where(
        Attachment.case_id == case_id, Attachment.removed_at.is_(None)
    )
    return frozenset(session.scalars(rows))
