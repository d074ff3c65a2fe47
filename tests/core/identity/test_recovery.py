"""Recoveries and codes at the same moment: of two that come at once, one wins."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from uuid import UUID

from sqlalchemy import Engine, select

from cpms_core.actor import Actor, Role
from cpms_core.audit import AuditEvent
from cpms_core.db import transaction
from cpms_core.errors import CpmsError
from cpms_core.identity.models import AccountLink, Recovery, RoleGrant
from cpms_core.identity.recovery import confirm_recovery, start_recovery
from cpms_core.identity.recovery_codes import make_codes, use_code
from cpms_core.identity.roles import revoke_role
from cpms_core.identity.sessions import actor_for
from cpms_core.keys import SiteKey
from tests import factories

KEY = SiteKey(bytes(32))
EMAIL = "ana@example.org"


def person(engine: Engine, role: Role = Role.SYSTEM_ADMIN, **values: str) -> Actor:
    with transaction(engine) as session:
        user = factories.make_user(session, role=role, **values)
        factories.make_key(session, user)
        return actor_for(session, user)


def at_once(*acts: Callable[[], object]) -> list[bool]:
    """Which of them succeeded."""
    barrier = Barrier(len(acts))

    def run(act: Callable[[], object]) -> bool:
        barrier.wait()
        try:
            act()
        except CpmsError:
            return False
        return True

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


def test_of_two_uses_of_one_code_one_wins(engine: Engine) -> None:
    owner = person(engine, Role.PROFESSIONAL, email=EMAIL)
    for _ in range(5):
        with transaction(engine) as session:
            code = make_codes(session, owner)[0]

        def use(code: str = code) -> None:
            with transaction(engine) as session:
                use_code(session, EMAIL, code)

        at_once(use, use)
    with transaction(engine) as session:
        started = AuditEvent.tag == "site:recovery:started"
        assert len(session.scalars(select(AuditEvent).where(started)).all()) == 5
        assert len(session.scalars(select(Recovery).where(Recovery.ended_at.is_(None))).all()) == 1


def test_of_two_confirmations_one_wins(engine: Engine) -> None:
    owner, starter = person(engine, Role.PROFESSIONAL), person(engine)
    helpers = [person(engine) for _ in range(2)]
    with transaction(engine) as session:
        recovery_id = start_recovery(session, starter, owner.user_id, "Lost.").id

    def confirm(helper: Actor, recovery_id: UUID = recovery_id) -> None:
        with transaction(engine) as session:
            confirm_recovery(session, helper, KEY, recovery_id, is_checked=True)

    done = at_once(*(lambda one=one: confirm(one) for one in helpers))
    assert sorted(done) == [False, True]
    with transaction(engine) as session:
        assert len(session.scalars(select(AccountLink)).all()) == 1


def test_two_administrators_who_take_each_others_role_at_once_leave_one(engine: Engine) -> None:
    first, second = person(engine), person(engine)

    def take(actor: Actor, other: Actor) -> None:
        with transaction(engine) as session:
            grant = select(RoleGrant.id).where(RoleGrant.user_id == other.user_id)
            revoke_role(session, actor, session.scalars(grant).one())

    at_once(lambda: take(first, second), lambda: take(second, first))
    with transaction(engine) as session:
        left = select(RoleGrant).where(
            RoleGrant.role == Role.SYSTEM_ADMIN, RoleGrant.revoked_at.is_(None)
        )
        assert len(session.scalars(left).all()) == 1
