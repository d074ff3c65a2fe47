"""One person as those see them who give roles or help to a new key. Only reads."""

from uuid import UUID

from msgspec import Struct
from sqlalchemy.orm import Session

from cpms_core import audit
from cpms_core.actor import Actor, Grant, Role
from cpms_core.audit import Event
from cpms_core.identity.managing import is_theirs, known_user
from cpms_core.identity.models import User
from cpms_core.identity.queries import PersonRow, person_row
from cpms_core.identity.recoveries import RecoveryView, recoveries_of
from cpms_core.identity.recovery import may_help


class HeldRole(Struct, frozen=True, kw_only=True):
    id: UUID
    grant: Grant
    is_takeable: bool
    """Whether the reader may take it away."""


class Person(Struct, frozen=True, kw_only=True):
    user: User
    row: PersonRow
    roles: tuple[HeldRole, ...]
    recoveries: tuple[RecoveryView, ...]
    is_helped: bool
    """Whether the reader may start or confirm that the keys are replaced."""

    @property
    def open_recovery(self) -> RecoveryView | None:
        return next((one for one in self.recoveries if one.state == "open"), None)


def read_person(session: Session, actor: Actor, user_id: UUID) -> Person:
    """NotFoundError for whoever must not know of the person."""
    user = known_user(session, actor, user_id)
    audit.record(session, actor, Event.PERSON_READ, subject_id=user.id, hcp_id=user.hcp_id)
    return Person(
        user=user,
        row=person_row(session, actor, user),
        roles=_roles(actor, user),
        recoveries=recoveries_of(session, user.id),
        is_helped=may_help(actor, user),
    )


def _roles(actor: Actor, user: User) -> tuple[HeldRole, ...]:
    found = [
        HeldRole(
            id=one.id,
            grant=(grant := Grant(Role(one.role), one.hcp_id, one.ern_id)),
            is_takeable=user.id != actor.user_id and is_theirs(actor, grant),
        )
        for one in user.roles
        if one.revoked_at is None
    ]
    return tuple(sorted(found, key=lambda one: list(Role).index(one.grant.role)))
