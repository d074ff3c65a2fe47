"""What of a case the patient's consent covers, for whoever reads it from outside its own centre."""

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from cpms_core.access import may
from cpms_core.actor import Actor
from cpms_core.cases.models import Attachment, Case, Facet
from cpms_core.cases.scope import Scope
from cpms_core.errors import ConsentMissingError
from cpms_core.patients.consent_rules import (
    NO_FACE,
    SHOWS,
    needs_of_dataset,
    needs_of_file,
    uncovered,
)
from cpms_core.registry import Registry


def is_own(actor: Actor, scope: Scope) -> bool:
    """Whether the actor reads it as somebody of its centre, who sees all of it."""
    return may(actor, "patient.read", scope.subject)


def records_uncovered(registry: Registry, case: Case, keys: Iterable[str]) -> dict[str, str]:
    """Of these datasets those that others do not read, with the title of what is not covered."""
    consents = case.patient.consents
    found = {key: uncovered(consents, needs_of_dataset(registry, key)) for key in keys}
    return {key: title for key, title in found.items() if title}


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
