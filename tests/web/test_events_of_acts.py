"""The events of acts for which something else must have happened first, each looked at in full.

The matrix sends these too, where they can only be refused.
"""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import msgspec
import pytest
from msgspec import Struct
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from cpms_core.clock import clock
from cpms_core.identity.models import Recovery, User
from cpms_core.panels.after.models import FollowUp, Reopening
from cpms_core.panels.models import Panel
from cpms_core.patients.models import Patient
from tests.site import TestSite
from tests.web.attempt import Form
from tests.web.attempts import ATTEMPTS, Attempt, name_of
from tests.web.event_checks import wrong_fields
from tests.web.matrix import Matrix
from tests.web.world import ANOTHER, Until, World

_TEAM = "POST /patients/{patient_id}/team"
_REOPENING = "POST /panels/{panel_id}/reopening"


class Act(Struct, frozen=True, kw_only=True):
    name: str
    person: str
    form: Form | Callable[[World], Form] = {}
    first: tuple[tuple[str, str], ...] = ()
    """Acts of the matrix that come before it, and whose they are."""
    sets: Callable[[Session, World], object] | None = None
    """What must have come to be without an act on the site."""
    until: Until = "assessment"
    values: dict[str, str] = {}


def _pseudonym(world: World) -> Form:
    with world.site.transaction() as session:
        patient = session.get_one(Patient, UUID(world.values["patient_id"]))
        return {"pseudonym": patient.pseudonym, "reason": "Is unconscious."}


def _asking(world: World) -> Form:
    with world.site.transaction() as session:
        return {"asking": str(session.scalars(select(Reopening.id)).one()), "answer": "No."}


def _absence(world: World) -> Form:
    last = clock.today() + timedelta(days=7)
    with world.site.transaction() as session:
        colleague = select(User.id).where(User.name == "Another Colleague")
        deputy = str(session.scalars(colleague).one())
    return {"first": clock.today().isoformat(), "last": last.isoformat(), "deputy": deputy}


ACTS = (
    Act(name="POST /me/absence", person="professional", form=_absence),
    Act(
        name="POST /me/recovery/stop",
        person="professional",
        sets=lambda session, world: session.add(Recovery(user_id=world.id_of("professional"))),
    ),
    Act(
        name=f"{_TEAM}/add",
        person="professional",
        first=((_TEAM, "professional"),),
        form=lambda world: {"person": str(world.id_of("centre manager"))},
    ),
    Act(name=f"{_TEAM}/open", person="professional", first=((_TEAM, "professional"),)),
    Act(
        name="POST /patients/{patient_id}/move",
        person="professional",
        first=(("POST /patients/{patient_id}/move/back", "professional"),),
        form={"hcp": "FR25", "reason": "Moved."},
    ),
    Act(name="POST /centre/emergency", person="professional", form=_pseudonym),
    Act(
        name="POST /directory/centres/{hcp_id}/reopen",
        person="system administrator",
        first=(("POST /directory/centres/{hcp_id}/close", "system administrator"),),
    ),
    Act(
        name="POST /directory/erns/{ern_id}/end",
        person="system administrator",
        form={"ends_on": "2099-01-01"},
        values={"ern_id": ANOTHER},
    ),
    Act(
        name="POST /access/{access_id}/answer",
        person="without a role",
        first=(("POST /access/{access_id}/ask", "coordinator"),),
        form={"seen": "2", "comment": "Clinic 3"},
    ),
    Act(
        name=f"{_REOPENING}/grant",
        person="coordinator",
        first=((_REOPENING, "professional"),),
        form=_asking,
        until="signed",
    ),
    Act(
        name=f"{_REOPENING}/refuse",
        person="lead",
        first=((_REOPENING, "professional"),),
        form=_asking,
        until="signed",
    ),
    Act(
        name="POST /panels/{panel_id}/archive",
        person="coordinator",
        sets=lambda session, _: session.execute(update(FollowUp).values(state="expired")),
        form=lambda world: {"seen": world.seen(Panel)},
        until="signed",
    ),
    Act(
        name="POST /panels/{panel_id}/outcome/keep",
        person="lead",
        first=(("POST /panels/{panel_id}/outcome/amend", "lead"),),
        until="signed",
    ),
)


@pytest.mark.parametrize("act", ACTS, ids=lambda act: act.name)
def test_it_leaves_one_event_that_says_all_of_it(quick_site: TestSite, act: Act) -> None:
    matrix = Matrix(quick_site, act.until)
    for name, person in act.first:
        assert matrix.send(name, ATTEMPTS[name], person).status_code == 303, name
    if act.sets:
        with quick_site.transaction() as session:
            act.sets(session, matrix.world)
    before, began_at = matrix.audit(), clock.now()
    attempt = Attempt(form=act.form, values=act.values)
    answer = matrix.send(act.name, attempt, act.person)
    assert answer.status_code in {200, 303}, answer.text[:3000]
    routes = {name_of(*one): one[1] for one in quick_site.live.registry.routes}
    declared = {str(one) for one in (routes[act.name].event, routes[act.name].or_event) if one}
    told = [one for one in matrix.audit(after=len(before)) if one["tag"] in declared]
    assert len(told) == 1, told
    expected = msgspec.structs.replace(
        matrix._expected, ern_id=act.values.get("ern_id", matrix._expected.ern_id)
    )
    actor = matrix.world[act.person].actor
    assert list(wrong_fields(told[0], actor, expected, act.name, began_at)) == []
