"""A closed centre, past the pages: what the services themselves refuse."""

import pytest
from sqlalchemy.orm import Session

from cpms_core.clock import clock
from cpms_core.directory.models import Hcp
from cpms_core.errors import InvalidError
from cpms_core.identity.sessions import actor_for
from cpms_core.patients.service import add_pseudonymous
from tests import factories


def test_a_closed_centre_takes_no_patient_however_one_comes(session: Session) -> None:
    actor = actor_for(session, factories.make_user(session, hcp="FR10"))
    hcp = session.get_one(Hcp, factories.hcp_id(session, "FR10"))
    born = {"sex": "female", "birth_year": 2020, "birth_month": None}
    add_pseudonymous(session, actor, hcp.id, **born)  # type: ignore[arg-type]  # keywords of three types
    hcp.closed_at = clock.now()
    with pytest.raises(InvalidError, match="This centre is closed"):
        add_pseudonymous(session, actor, hcp.id, **born)  # type: ignore[arg-type]  # as above
