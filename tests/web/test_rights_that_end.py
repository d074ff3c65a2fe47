"""A right that ends between a form and its sending: the form does nothing, whoever's it is.

Each form is made while its person may send it, with the touch of the key if it needs one. Then
the right is taken in one of the ways there are. What counts is the right when the form arrives.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import update

from cpms_core.cases.models import CaseShare
from cpms_core.clock import clock
from cpms_core.declarations import Route
from cpms_core.identity.models import RoleGrant, User
from cpms_core.panels.models import PanelMember
from tests import factories
from tests.site import TestSite
from tests.web.attempts import Attempt
from tests.web.matrix import ABOUT_THE_CASE, STAGES, Matrix, allowed
from tests.web.world import ELSEWHERE, PANEL, Until

ON_A_PANEL = {"panel_id", "case_id"}
"""What a seat opens."""
Ending = Callable[[Matrix, UUID], None]


def roles_are_taken(matrix: Matrix, user_id: UUID) -> None:
    _set(matrix, RoleGrant, user_id, revoked_at=clock.now())


def roles_are_elsewhere(matrix: Matrix, user_id: UUID) -> None:
    """The same ones, at another centre or in another ERN."""
    with matrix.site.transaction() as session:
        elsewhere = factories.hcp_id(session, ELSEWHERE)
    _set(matrix, RoleGrant, user_id, RoleGrant.ern_id.is_(None), hcp_id=elsewhere)
    _set(matrix, RoleGrant, user_id, RoleGrant.ern_id.is_not(None), ern_id="erknet")


def seat_is_taken(matrix: Matrix, user_id: UUID) -> None:
    _set(matrix, PanelMember, user_id, state="removed")
    _set(matrix, CaseShare, user_id, ended_at=clock.now())


def seat_runs_out(matrix: Matrix, user_id: UUID) -> None:
    for table in (PanelMember, CaseShare):
        _set(matrix, table, user_id, until=clock.now())


def account_ends(matrix: Matrix, user_id: UUID) -> None:
    with matrix.site.transaction() as session:
        session.get_one(User, user_id).disabled_at = clock.now()


def _set(matrix: Matrix, table: Any, user_id: UUID, *where: Any, **values: Any) -> None:
    with matrix.site.transaction() as session:
        session.execute(update(table).where(table.user_id == user_id, *where).values(**values))


ENDINGS = (roles_are_taken, roles_are_elsewhere, seat_is_taken, seat_runs_out, account_ends)
LIKE = {
    "professional": "professional elsewhere",
    "centre manager": "centre manager elsewhere",
    "coordinator": "coordinator of another ERN",
    "dispatcher": "coordinator of another ERN",
}
"""What somebody is whose roles are elsewhere."""


@pytest.mark.parametrize("until", STAGES)
def test_a_form_does_nothing_once_the_right_to_it_has_ended(
    quick_site: TestSite, until: Until
) -> None:
    matrix = Matrix(quick_site, until)
    tried: Counter[Ending] = Counter()
    for end, (name, attempt, person) in _acts(matrix):
        form = dict(attempt.form_for(matrix.world))
        end(matrix, matrix.world.id_of(person))
        before = matrix.contents()
        answer = matrix.send(name, msgspec.structs.replace(attempt, form=form), person)
        expected = {401} if end is account_ends else {403, 404}
        assert answer.status_code in expected, f"{name} as {person}: {answer.status_code}"
        assert matrix.contents() == before, f"{name} as {person}"
        matrix.restore()
        tried[end] += 1
    assert tried[account_ends]
    assert until != "assessment" or set(tried) == set(ENDINGS)


def _acts(matrix: Matrix) -> Iterator[tuple[Ending, tuple[str, Attempt, str]]]:
    """Whatever somebody can do by the right that ends."""
    for name, route, attempt in matrix.routes():
        if route.method == "POST":
            may = allowed(name, route)
            for end, person in product(ENDINGS, sorted(may)):
                if _is_by_it(name, route, person, may, end):
                    yield end, (name, attempt, person)


def _is_by_it(name: str, route: Route, person: str, may: frozenset[str], end: Ending) -> bool:
    about = set(re.findall(r"\{(\w+)\}", name))
    on_panel = person in PANEL and bool(about & ON_A_PANEL)
    if end is account_ends:
        return person == min(may)
    if end in {seat_is_taken, seat_runs_out}:
        return on_panel
    if end is roles_are_elsewhere:
        return bool(about & ABOUT_THE_CASE) and LIKE.get(person, person) not in may
    return route.permission != "site.use" and not on_panel
