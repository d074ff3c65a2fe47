"""Which centre belongs to which ERN, and as what."""

from collections.abc import Mapping
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from cpms_core import audit
from cpms_core.access import Subject, ensure
from cpms_core.actor import Actor
from cpms_core.audit import Event
from cpms_core.directory.models import Ern, Hcp, Membership
from cpms_core.errors import InvalidError, NotFoundError

KINDS: Final[Mapping[str, str]] = {
    "full_member": "Full member",
    "affiliated": "Affiliated partner",
}


def set_membership(session: Session, actor: Actor, hcp_id: UUID, ern_id: str, kind: str) -> None:
    """As what the centre belongs to the ERN from now on; an empty kind ends it.

    The experts of a centre that left stay on the panels they sit on.
    """
    if session.get(Ern, ern_id) is None:
        raise NotFoundError
    ensure(actor, "network.configure", Subject(erns=frozenset({ern_id})), visible=False)
    hcp = session.get(Hcp, hcp_id, with_for_update=True)
    if hcp is None:
        raise NotFoundError
    if kind and kind not in KINDS:
        raise InvalidError("Choose what the centre is in the ERN.", {"kind": "Choose one."})
    found = session.scalar(
        select(Membership).where(Membership.hcp_id == hcp_id, Membership.ern_id == ern_id)
    )
    if found is None and kind:
        session.add(Membership(hcp_id=hcp_id, ern_id=ern_id, kind=kind))
    elif found is not None and kind:
        found.kind = kind
    elif found is not None:
        session.delete(found)
    session.flush()
    session.expire(hcp, ["memberships"])
    note_membership(session, actor, hcp_id, ern_id, kind)


def note_membership(session: Session, actor: Actor, hcp_id: UUID, ern_id: str, kind: str) -> None:
    audit.record(
        session,
        actor,
        Event.MEMBERSHIP_CHANGED,
        hcp_id=hcp_id,
        ern_id=ern_id,
        kind=kind or "none",
    )
