"""A patient moves to another centre: one proposes it, the other's manager accepts or refuses.

Only proposals and the patient's own rows are here; `cases.transfer` moves the cases with them.
"""

from datetime import datetime, timedelta
from functools import cache
from uuid import UUID

from msgspec import Struct
from sqlalchemy import ColumnElement, exists, select, update
from sqlalchemy.orm import Session, aliased

from cpms_core import audit, me
from cpms_core.access import Subject, ensure
from cpms_core.actor import Actor, Role
from cpms_core.audit import Event
from cpms_core.clock import clock
from cpms_core.db import before_now
from cpms_core.directory.models import Hcp
from cpms_core.errors import ConflictError, InvalidError, NotFoundError
from cpms_core.identity.models import RoleGrant, User
from cpms_core.keys import SiteKey
from cpms_core.patients.care_team import end_team
from cpms_core.patients.models import Patient, SealedIdentity, Transfer
from cpms_core.patients.service import centre_vault
from cpms_core.patients.team import ensure_goes_on, find_patient, is_open_to_me
from cpms_core.rows import AnyQuery

_LONGEST = 500
_TOLD_FOR = timedelta(days=7)


class TransferView(Struct, frozen=True, kw_only=True):
    id: UUID
    patient_id: UUID
    pseudonym: str
    from_hcp_id: UUID
    from_centre: str
    to_hcp_id: UUID
    to_centre: str
    proposer: str
    proposed_at: datetime
    reason: str
    state: str
    decided_at: datetime | None


def propose_transfer(
    session: Session, actor: Actor, patient_id: UUID, to_hcp_id: UUID, reason: str
) -> Transfer:
    """Nothing moves before the other centre's manager accepts."""
    patient = find_patient_to_move(session, actor, patient_id)
    _check(session, patient, to_hcp_id, reason)
    # Two proposals at once would not see each other: those of one patient queue here.
    session.execute(select(Patient.id).where(Patient.id == patient.id).with_for_update())
    if open_transfer(session, patient.id):
        raise ConflictError("Somebody has proposed to move this patient already. Look at it first.")
    transfer = Transfer(
        patient_id=patient.id,
        from_hcp_id=patient.hcp_id,
        to_hcp_id=to_hcp_id,
        reason=reason,
        proposed_by=actor.user_id,
    )
    session.add(transfer)
    session.flush()
    _note(session, actor, transfer, Event.TRANSFER_PROPOSED, transfer.from_hcp_id)
    return transfer


def take_back_transfer(session: Session, actor: Actor, patient_id: UUID) -> None:
    patient = find_patient_to_move(session, actor, patient_id)
    transfer = session.scalar(
        select(Transfer).where(Transfer.patient_id == patient.id, Transfer.state == "proposed")
    )
    if transfer is None:
        raise ConflictError("This was decided or taken back already; look at the patient.")
    decide(session, actor, transfer, "taken_back")
    _note(session, actor, transfer, Event.TRANSFER_TAKEN_BACK, transfer.from_hcp_id)


def refuse_transfer(session: Session, actor: Actor, transfer_id: UUID) -> None:
    """The patient stays where it is; whoever proposed it is told."""
    transfer = find_transfer(session, actor, transfer_id)
    decide(session, actor, transfer, "refused")
    _note(session, actor, transfer, Event.TRANSFER_REFUSED, transfer.from_hcp_id)


def read_transfer(session: Session, actor: Actor, transfer_id: UUID) -> TransferView:
    """For the manager who is to decide; audited."""
    transfer = find_transfer(session, actor, transfer_id)
    _note(session, actor, transfer, Event.TRANSFER_READ, transfer.to_hcp_id)
    return transfer_views(session, Transfer.id == transfer.id)[0]


def find_patient_to_move(session: Session, actor: Actor, patient_id: UUID) -> Patient:
    patient = find_patient(session, actor, patient_id, "patient.move")
    ensure_goes_on(patient)
    return patient


def find_transfer(session: Session, actor: Actor, transfer_id: UUID) -> Transfer:
    """An open one, for a manager of the centre it is proposed to."""
    transfer = session.get(Transfer, transfer_id)
    if transfer is None:
        raise NotFoundError
    ensure(actor, "patient.receive", Subject(hcp_id=transfer.to_hcp_id), visible=False)
    if transfer.state != "proposed":
        raise ConflictError("This was decided or taken back already; nothing was changed.")
    return transfer


def decide(session: Session, actor: Actor, transfer: Transfer, state: str) -> None:
    """Once: of two who decide at the same moment one is told so."""
    done = session.scalar(
        update(Transfer)
        .where(Transfer.id == transfer.id, Transfer.state == "proposed")
        .values(state=state, decided_by=actor.user_id, decided_at=clock.now())
        .returning(Transfer.id)
        .execution_options(synchronize_session=False)
    )
    if done is None:
        raise ConflictError("This was decided or taken back already; nothing was changed.")
    session.refresh(transfer)


def carry_over(session: Session, actor: Actor, key: SiteKey, transfer: Transfer) -> Patient:
    """The patient's own rows: the identity is sealed under the other centre's key."""
    patient = session.get_one(Patient, transfer.patient_id)
    if patient.hcp_id != transfer.from_hcp_id:
        raise ConflictError("This patient is at another centre by now; nothing was changed.")
    row = session.get(SealedIdentity, patient.id)
    if row is not None:
        before = centre_vault(session, key, transfer.from_hcp_id)
        identity = before.open(patient.id, row.wrapped_key, row.sealed)
        vault = centre_vault(session, key, transfer.to_hcp_id)
        sealed = vault.seal(patient.id, identity)
        row.hcp_id = transfer.to_hcp_id
        row.wrapped_key, row.sealed = sealed.wrapped_key, sealed.sealed
        row.search_digest = vault.search_digest(identity)
    end_team(session, patient)
    patient.hcp_id = transfer.to_hcp_id
    session.flush()
    _note(session, actor, transfer, Event.PATIENT_MOVED, transfer.from_hcp_id)
    _note(session, actor, transfer, Event.TRANSFER_ACCEPTED, transfer.to_hcp_id)
    return patient


# --- reading ---


def open_transfer(session: Session, patient_id: UUID) -> TransferView | None:
    found = transfer_views(session, Transfer.patient_id == patient_id, Transfer.state == "proposed")
    return found[0] if found else None


@cache
def transfers_to_decide() -> AnyQuery:
    """For Home: to the centres that I manage."""
    return _views().where(Transfer.to_hcp_id.in_(me.MANAGED), Transfer.state == "proposed")


@cache
def refused_transfers() -> AnyQuery:
    """For Home: what I proposed and another centre refused lately."""
    return _views().where(
        Transfer.proposed_by == me.ID,
        Transfer.state == "refused",
        Transfer.decided_at > before_now(_TOLD_FOR),
        is_open_to_me(),
    )


def transfer_views(session: Session, *where: ColumnElement[bool]) -> list[TransferView]:
    """Newest first; the caller has asked who may see them."""
    rows = session.execute(_views().where(*where)).mappings()
    return [TransferView(**row) for row in rows]


def _views() -> AnyQuery:
    """The columns are the fields of `TransferView`."""
    from_hcp, to_hcp = aliased(Hcp), aliased(Hcp)
    return (
        select(
            *(Transfer.id, Transfer.patient_id, Patient.pseudonym),
            *(Transfer.from_hcp_id, from_hcp.name.label("from_centre")),
            *(Transfer.to_hcp_id, to_hcp.name.label("to_centre"), User.name.label("proposer")),
            *(Transfer.proposed_at, Transfer.reason, Transfer.state, Transfer.decided_at),
        )
        .join(Patient, Patient.id == Transfer.patient_id)
        .join(from_hcp, from_hcp.id == Transfer.from_hcp_id)
        .join(to_hcp, to_hcp.id == Transfer.to_hcp_id)
        .join(User, User.id == Transfer.proposed_by)
        .order_by(Transfer.proposed_at.desc())
    )


def _check(session: Session, patient: Patient, to_hcp_id: UUID, reason: str) -> None:
    wrong = {}
    goal = session.get(Hcp, to_hcp_id)
    if goal is None or goal.is_guest or goal.closed_at or goal.id == patient.hcp_id:
        wrong["hcp"] = "Choose another centre, where patients are treated."
    elif not _has_manager(session, goal.id):
        wrong["hcp"] = "This centre has no manager who could accept. Ask them to name one first."
    if not reason or len(reason) > _LONGEST:
        wrong["reason"] = f"Say in a few words why, in at most {_LONGEST} characters."
    if wrong:
        raise InvalidError("Nothing was proposed yet.", wrong)


def _has_manager(session: Session, hcp_id: UUID) -> bool:
    manager = exists().where(
        RoleGrant.hcp_id == hcp_id,
        RoleGrant.role == Role.CENTRE_MANAGER,
        RoleGrant.revoked_at.is_(None),
        RoleGrant.user_id == User.id,
        User.disabled_at.is_(None),
    )
    return bool(session.scalar(select(manager)))


def _note(session: Session, actor: Actor, transfer: Transfer, event: Event, hcp_id: UUID) -> None:
    audit.record(
        session,
        actor,
        event,
        patient_id=transfer.patient_id,
        hcp_id=hcp_id,
        subject_id=transfer.id,
    )
