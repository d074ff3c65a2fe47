"""People's accounts, past the pages: what the services refuse by themselves."""

import pytest
from sqlalchemy import Engine

from cpms_core.actor import Actor, Role
from cpms_core.clock import clock
from cpms_core.db import transaction
from cpms_core.errors import ForbiddenError
from cpms_core.identity.models import User
from cpms_core.identity.people import NewPerson, disable_person, invite_person
from cpms_core.identity.sessions import actor_for
from cpms_core.keys import SiteKey
from tests import factories

KEY = SiteKey(bytes(32))


def act(engine: Engine, role: Role, hcp: str | None) -> Actor:
    with transaction(engine) as session:
        return actor_for(session, factories.make_user(session, role=role, hcp=hcp))


@pytest.mark.parametrize(
    ("role", "hcp"),
    [
        (Role.SYSTEM_ADMIN, "FR10"),
        (Role.CENTRE_MANAGER, "FR10"),
        (Role.COORDINATOR, "FR10"),
        (Role.GUEST, "FR10"),
        (Role.PROFESSIONAL, "CZ01"),
        (Role.PROFESSIONAL, None),
    ],
)
def test_a_centre_manager_invites_professionals_of_the_own_centre_and_nobody_else(
    engine: Engine, role: Role, hcp: str | None
) -> None:
    manager = act(engine, Role.CENTRE_MANAGER, "FR10")
    with transaction(engine) as session:
        hcp_id = factories.hcp_id(session, hcp) if hcp else None
        ern_id = "ithaca" if role is Role.COORDINATOR else None
        new = NewPerson(
            email="new@example.org", name="Dr New", role=role, hcp_id=hcp_id, ern_id=ern_id
        )
        with pytest.raises(ForbiddenError):
            invite_person(session, manager, KEY, new)


def test_two_administrators_who_end_each_other_at_once_leave_one(engine: Engine) -> None:
    first, second = (act(engine, Role.SYSTEM_ADMIN, None) for _ in range(2))
    with transaction(engine) as session:
        session.get_one(User, first.user_id).disabled_at = clock.now()
    # The first one's act was under way already.
    with transaction(engine) as session, pytest.raises(ForbiddenError, match="the last system"):
        disable_person(session, first, second.user_id)
