"""Requests for access below the pages: the code, what fits together, two people at once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from cpms_core.actor import Actor, Role
from cpms_core.db import new_id, transaction
from cpms_core.errors import ConflictError, CpmsError, InvalidError
from cpms_core.identity.access_decisions import approve_request, code_of, refuse_request
from cpms_core.identity.access_requests import PROFILES, NewRequest, roles_of, submit_request
from cpms_core.identity.models import AccessRequest, RoleGrant
from cpms_core.identity.sessions import actor_for
from cpms_core.identity.tokens import CODE_ALPHABET
from cpms_core.keys import SiteKey
from tests import factories

KEY = SiteKey(b"k" * 32)


def a_request(session: Session, *roles: Role) -> NewRequest:
    return NewRequest(
        ern_id="ithaca",
        hcp_id=factories.hcp_id(session, "FR10"),
        is_guest_access=False,
        roles=frozenset(roles or {Role.PROFESSIONAL}),
    )


def test_a_code_belongs_to_one_request_on_one_site() -> None:
    ids = [new_id() for _ in range(200)]
    codes = [code_of(KEY, one) for one in ids]
    assert codes == [code_of(KEY, one) for one in ids]
    assert len(set(codes)) == len(codes)
    assert code_of(SiteKey(b"l" * 32), ids[0]) != codes[0]
    letters = "".join(codes).replace("-", "")
    assert set(letters) == set(CODE_ALPHABET)
    assert {len(code) for code in codes} == {9}


def test_coordinator_and_dispatcher_include_the_health_professional() -> None:
    for role in (Role.COORDINATOR, Role.DISPATCHER):
        assert set(roles_of({role}, is_guest_access=False)) == {role, Role.PROFESSIONAL}
    assert roles_of({Role.RESEARCHER}, is_guest_access=False) == (Role.RESEARCHER,)
    assert roles_of(PROFILES, is_guest_access=False) == PROFILES


@pytest.mark.parametrize("role", [Role.SYSTEM_ADMIN, Role.CENTRE_MANAGER, Role.GUEST])
def test_what_is_no_profile_cannot_be_asked_for(role: Role) -> None:
    with pytest.raises(InvalidError):
        roles_of({role, Role.PROFESSIONAL}, is_guest_access=False)
    with pytest.raises(InvalidError):
        roles_of({role, Role.PROFESSIONAL}, is_guest_access=True)


def test_a_person_has_only_so_many_open_requests(session: Session) -> None:
    actor = actor_for(session, factories.make_user(session, role=None))
    hcp_id = factories.hcp_id(session, "FR10")
    session.add_all(
        AccessRequest(user_id=actor.user_id, ern_id="skin", hcp_id=hcp_id, roles=["researcher"])
        for _ in range(20)
    )
    with pytest.raises(InvalidError, match="So many"):
        submit_request(session, actor, a_request(session))


def people(engine: Engine) -> tuple[Actor, Actor, UUID]:
    """Two coordinators and a request."""
    with transaction(engine) as session:
        one, two = (factories.make_user(session, role=Role.COORDINATOR) for _ in range(2))
        person = actor_for(session, factories.make_user(session, role=None))
        request = submit_request(session, person, a_request(session))
        return actor_for(session, one), actor_for(session, two), request.id


def at_once(engine: Engine, *acts: Callable[[Session], object]) -> list[str]:
    def run(act: Callable[[Session], object]) -> str:
        try:
            with transaction(engine) as session:
                act(session)
        except CpmsError as error:
            return type(error).__name__
        return "done"

    with ThreadPoolExecutor(len(acts)) as pool:
        return sorted(pool.map(run, acts))


def test_of_two_decisions_at_once_one_counts(engine: Engine) -> None:
    one, two, request_id = people(engine)
    code = code_of(KEY, request_id)
    assert at_once(
        engine,
        lambda session: approve_request(session, one, KEY, request_id, 1, code),
        lambda session: refuse_request(session, two, request_id, 1, "No."),
    ) == [ConflictError.__name__, "done"]
    with transaction(engine) as session:
        request = session.get_one(AccessRequest, request_id)
        granted = session.scalars(
            select(RoleGrant.role).where(RoleGrant.user_id == request.user_id)
        ).all()
    assert granted == (["professional"] if request.state == "approved" else [])


def test_wrong_codes_that_come_at_once_are_all_counted(engine: Engine) -> None:
    one, two, request_id = people(engine)

    def guess(actor: Actor) -> Callable[[Session], object]:
        return lambda session: approve_request(session, actor, KEY, request_id, 1, "AAAA-AAAA")

    found = at_once(engine, *(guess(actor) for actor in (one, two) * 4))
    assert found.count("InvalidError") == 4
    assert found.count("ConflictError") == 4


def test_one_person_asks_once_even_from_two_windows(engine: Engine) -> None:
    with transaction(engine) as session:
        actor = actor_for(session, factories.make_user(session, role=None))
        new = a_request(session)
    submit = [lambda session: submit_request(session, actor, new)] * 2
    assert at_once(engine, *submit) == ["InvalidError", "done"]
    with transaction(engine) as session:
        assert session.scalar(select(func.count()).select_from(AccessRequest)) == 1
