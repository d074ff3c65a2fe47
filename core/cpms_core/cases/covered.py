"""What of a case the patient's consent covers, for whoever reads it from outside its own centre."""

from collections.abc import Iterable
from uuid import UUID

from msgspec.structs import replace
from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from cpms_core.access import may
from cpms_core.actor import Actor
from cpms_core.cases.models import Attachment, Case, CodedValue, Facet
from cpms_core.cases.scope import Scope
from cpms_core.datasets.extracts import holds, without
from cpms_core.errors import ConsentMissingError
from cpms_core.patients.consent_rules import (
    NO_FACE,
    SHOWS,
    UNNAMED,
    is_covering,
    needs_of_dataset,
    needs_of_fields,
    needs_of_file,
    uncovered,
)
from cpms_core.patients.models import Consent
from cpms_core.registry import Registry
from cpms_core.views import RecordView


def is_own(actor: Actor, scope: Scope) -> bool:
    """Whether the actor reads it as somebody of its centre, who sees all of it."""
    return may(actor, "patient.read", scope.subject)


def records_uncovered(
    registry: Registry, case: Case, keys: Iterable[str], plain: Iterable[str] = ()
) -> dict[str, str]:
    """Of these datasets those that others do not read, with the title of what is not covered.

    `plain` are those whose form cannot read what is stored.
    """
    consents, unread = case.patient.consents, frozenset(plain)
    found = {
        key: uncovered(consents, needs_of_dataset(registry, key, is_plain=key in unread))
        for key in keys
    }
    return {key: title for key, title in found.items() if title}


def fields_uncovered(registry: Registry, case: Case, key: str) -> dict[str, str]:
    """The same of the fields of a dataset, by path."""
    needs = needs_of_fields(registry, key)
    found = {path: uncovered(case.patient.consents, {one}) for path, one in needs.items()}
    return {path: title for path, title in found.items() if title}


def lock_fields(registry: Registry, case: Case, view: RecordView, *, is_all: bool) -> RecordView:
    """The record without what others do not read of it; for who sees all, with what that is."""
    found = fields_uncovered(registry, case, view.dataset)
    locked = {path: title for path, title in found.items() if holds(view.data, path)}
    return replace(view, locked=locked, data=view.data if is_all else without(view.data, locked))


def is_code_covered(registry: Registry) -> ColumnElement[bool]:
    """For a query of coded values of cases with a consent for care: what others may know of."""
    ways = []
    for key in registry.datasets:
        mine, needs = CodedValue.dataset == key, needs_of_dataset(registry, key)
        apart = needs_of_fields(registry, key)
        rest = [~_is_in(path) for path in apart]
        ways.append(and_(mine, *rest, *map(_is_consented, needs - _ALWAYS)))
        for path, one in apart.items():
            ways.append(and_(mine, _is_in(path), *map(_is_consented, {*needs, one} - _ALWAYS)))
    unknown = CodedValue.dataset.not_in([*registry.datasets])
    return or_(*ways, and_(unknown, *map(_is_consented, UNNAMED - _ALWAYS)))


_ALWAYS = frozenset({"text"})
"""What every consent for care covers."""


def _is_in(path: str) -> ColumnElement[bool]:
    return or_(CodedValue.field == path, CodedValue.field.startswith(f"{path}.", autoescape=True))


def _is_consented(needed: str) -> ColumnElement[bool]:
    """Of the coded value's case, whatever else the query around it joins."""
    consents = select(Consent.id).join(Case, Case.patient_id == Consent.patient_id)
    its_own = consents.where(Case.id == CodedValue.case_id, is_covering(needed))
    return its_own.correlate(CodedValue).exists()


def files_uncovered(
    session: Session, registry: Registry, case: Case, rows: Iterable[Attachment]
) -> dict[UUID, str]:
    """Of these files of a case those that others do not see, in the same way."""
    without_face = faceless(session, case.id)
    consents = case.patient.consents
    found = {
        row.id: uncovered(
            consents, needs_of_file(registry, row.viewer, has_face=row.id not in without_face)
        )
        for row in rows
    }
    return {row_id: title for row_id, title in found.items() if title}


def faceless(session: Session, case_id: UUID) -> frozenset[UUID]:
    """The photos of a case of which somebody of its centre said that they show no face."""
    said = (
        select(Facet.attachment_id)
        .join(Attachment, Attachment.id == Facet.attachment_id)
        .where(Attachment.case_id == case_id, Facet.key == SHOWS, Facet.value == NO_FACE)
    )
    return frozenset(session.scalars(said))


def ensure_covered(actor: Actor, registry: Registry, scope: Scope, dataset: str) -> None:
    lacking = records_uncovered(registry, scope.case, [dataset])
    if lacking and not is_own(actor, scope):
        raise ConsentMissingError(not_covered(lacking[dataset]))


def not_covered(title: str) -> str:
    return f"{title}: the consent does not cover it. Its centre can record one that does."
