"""Accounts that nobody gave a role to: which of them go, and that nothing of them stays."""

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from cpms_core.actor import Role
from cpms_core.audit import AuditEvent, Event
from cpms_core.clock import clock
from cpms_core.db import transaction
from cpms_core.identity.access_requests import NewRequest, submit_request, withdraw_request
from cpms_core.identity.joining import UNUSED_AFTER, find_unused, remove_unused
from cpms_core.identity.models import AreaInterest, SignInSession, StepUp, User
from cpms_core.identity.sessions import actor_for
from tests import factories


def joined(session: Session, name: str) -> User:
    return factories.make_user(session, role=None, hcp=None, name=name)


def ask(session: Session, user: User) -> UUID:
    new = NewRequest(
        ern_id="ithaca",
        hcp_id=factories.hcp_id(session, "FR10"),
        is_guest_access=False,
        roles=frozenset({Role.PROFESSIONAL}),
    )
    return submit_request(session, actor_for(session, user), new).id


def test_who_never_had_a_role_and_waits_for_none_goes_after_thirty_days(session: Session) -> None:
    joined(session, "Idle")
    ask(session, joined(session, "Waiting"))
    factories.make_user(session, name="Working")
    former = factories.make_user(session, name="Former")
    former.roles[0].revoked_at = clock.now()
    assert not find_unused(session)
    clock.offset = UNUSED_AFTER + timedelta(minutes=1)
    joined(session, "New")
    assert [user.name for user in find_unused(session)] == ["Idle"]


def test_a_removed_account_takes_all_that_is_its_own_along(session: Session) -> None:
    idle, working = joined(session, "Idle"), factories.make_user(session)
    for user in (idle, working):
        factories.make_session(session, user)
    signed_in = session.query(SignInSession).filter_by(user_id=idle.id).one()
    session.add(StepUp(session_id=signed_in.id, act="try"))
    session.add(AreaInterest(user_id=idle.id, ern_id="ithaca", area="undiagnosed"))
    actor = actor_for(session, idle)
    withdraw_request(session, actor, ask(session, idle), 1)
    clock.offset = UNUSED_AFTER + timedelta(minutes=1)
    assert remove_unused(session) == 1
    session.expire_all()
    assert session.get(User, idle.id) is None
    assert session.query(SignInSession).one().user_id == working.id
    assert remove_unused(session) == 0


def test_two_workers_that_remove_at_the_same_time_tell_of_it_once(engine: Engine) -> None:
    if engine.dialect.name == "sqlite":
        pytest.skip("SQLite has one writer at a time, and one worker")
    with transaction(engine) as session:
        joined(session, "Idle")
    clock.offset = UNUSED_AFTER + timedelta(minutes=1)
    with transaction(engine) as first, transaction(engine) as second:
        assert remove_unused(first) == 1
        assert remove_unused(second) == 0
    with transaction(engine) as session:
        removed = select(AuditEvent).where(AuditEvent.tag == Event.PERSON_REMOVED)
        assert len(session.scalars(removed).all()) == 1
