"""Open a case to read it: what this person may see of it, in one value, and the audit event."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import select
from sqlalchemy.orm import Session

from cpms_core import audit
from cpms_core.access import PERMISSIONS, Subject, may
from cpms_core.actor import Actor
from cpms_core.audit import Event
from cpms_core.cases.models import Case, CaseShare
from cpms_core.cases.queries import view_of
from cpms_core.cases.readers import CaseReader, case_readers
from cpms_core.cases.scope import Scope, find_case, is_current_share
from cpms_core.directory.models import Membership
from cpms_core.patients.consent_rules import is_given
from cpms_core.patients.service import CONSENT_KINDS
from cpms_core.registry import DatasetEntry, Registry
from cpms_core.views import CaseView

SUMMARY_DATASET = "core.request"
"""All that an ERN's dispatchers and coordinators see of a case's records."""


class CaseReading(Struct, frozen=True, kw_only=True):
    view: CaseView
    """Only what this person may see."""
    case: Case
    """The row, for services that ask for it; pages show `view`."""
    patient_id: UUID
    may: frozenset[str]
    """The permissions this person has on this case."""
    consents: Mapping[str, bool]
    """Every kind of consent, and whether it is given."""
    datasets: tuple[DatasetEntry, ...]
    """The forms this case shows."""
    readers: tuple[CaseReader, ...]
    opened_at: datetime
    withdrawn_at: datetime | None
    closed_at: datetime | None
    is_shared: bool
    """Whether anybody outside the own centre sees it."""
    origin: Mapping[str, Any]
    """For an imported case: format, file, remarks, leftover; empty otherwise."""

    @property
    def is_whole(self) -> bool:
        """Whether all of the case is shown, and not its question and summary only."""
        return "case.read" in self.may

    @property
    def is_editable(self) -> bool:
        """Whether this person may change its content now."""
        is_open = not self.withdrawn_at and not self.closed_at
        return "case.edit" in self.may and is_open and self.consents["care"]


def read_case(session: Session, actor: Actor, registry: Registry, case_id: UUID) -> CaseReading:
    """Look at a case; the reading is an audit event."""
    reading = case_reading(session, actor, registry, case_id)
    part = None if reading.is_whole else "summary"
    audit.record(
        session, actor, Event.CASE_READ, case_id=case_id, hcp_id=reading.case.hcp_id, part=part
    )
    return reading


def case_reading(session: Session, actor: Actor, registry: Registry, case_id: UUID) -> CaseReading:
    """The same without the event, for a page that records another one."""
    scope = find_case(session, actor, case_id, "case.summary")
    case, consents = scope.case, scope.case.patient.consents
    granted = _granted(actor, scope.subject)
    view = view_of(session, actor, registry, scope, has_facets=False)
    if "case.read" not in granted:
        summary = {key: one for key, one in view.records.items() if key == SUMMARY_DATASET}
        view = replace(view, records=summary, attachments=(), uncovered={}, uncovered_files={})
    readers = case_readers(session, case)
    return CaseReading(
        view=view,
        case=case,
        patient_id=case.patient_id,
        may=granted,
        consents={kind: is_given(consents, kind) for kind in CONSENT_KINDS},
        datasets=_datasets(session, registry, scope, view),
        readers=tuple(readers),
        opened_at=case.created_at,
        withdrawn_at=case.withdrawn_at,
        closed_at=case.closed_at,
        is_shared=bool(scope.subject.erns) or _has_experts(session, case_id),
        origin=(case.origin or {}) if "case.edit" in granted else {},
    )


def _granted(actor: Actor, subject: Subject) -> frozenset[str]:
    return frozenset(
        permission
        for permission in PERMISSIONS
        if permission.startswith(("case.", "patient.")) and may(actor, permission, subject)
    )


def _datasets(
    session: Session, registry: Registry, scope: Scope, view: CaseView
) -> tuple[DatasetEntry, ...]:
    """Those of the ERNs it was sent to; before that, of the ERNs its centre works in."""
    erns = set(scope.subject.erns)
    if not erns:
        member = select(Membership.ern_id).where(Membership.hcp_id == scope.case.hcp_id)
        erns = set(session.scalars(member)) & set(registry.networks) or set(registry.networks)
    return tuple(
        entry
        for key, entry in registry.datasets.items()
        if not entry.dataset.erns or erns & set(entry.dataset.erns) or key in view.records
    )


def _has_experts(session: Session, case_id: UUID) -> bool:
    share = select(CaseShare.id).where(CaseShare.case_id == case_id, is_current_share())
    return session.scalar(share.limit(1)) is not None
