"""Whoever was on a panel and is not any more is a stranger to it, at every address and act."""

import re
from collections.abc import Callable

import pytest
from sqlalchemy import update

from cpms_core.cases.models import CaseShare
from cpms_core.clock import clock
from cpms_core.panels.models import PanelMember
from tests.site import TestSite
from tests.web.attempts import ATTEMPTS, Attempt, name_of
from tests.web.matrix import ABOUT_THE_CASE, PUBLIC, Matrix

STRANGERS = {"guest on the panel": "without a role"}
"""Who holds the same roles and was never on it; a professional elsewhere for the others."""
Leave = Callable[[Matrix], str]
"""Makes somebody leave; who it was."""


def at(matrix: Matrix, path: str) -> str:
    return path.format(**matrix.world.values)


def declined(matrix: Matrix) -> str:
    form = {"answer": "decline", "reason": "I know the family."}
    answer = matrix.world["invited"].post(at(matrix, "/panels/{panel_id}/answer"), form)
    assert answer.status_code == 303, answer.text[:2000]
    return "invited"


def removed(matrix: Matrix) -> str:
    path = at(matrix, "/panels/{panel_id}/members")
    answer = matrix.world["coordinator"].post(f"{path}/{matrix.world.id_of('member')}/remove")
    assert answer.status_code == 303, answer.text[:2000]
    return "member"


def run_out(matrix: Matrix) -> str:
    with matrix.site.transaction() as session:
        guest = matrix.world.id_of("guest on the panel")
        for table in (PanelMember, CaseShare):
            ended = update(table).where(table.user_id == guest).values(until=clock.now())
            session.execute(ended)
    return "guest on the panel"


@pytest.mark.parametrize("leave", [declined, removed, run_out])
def test_whoever_left_is_answered_like_a_stranger(quick_site: TestSite, leave: Leave) -> None:
    matrix = Matrix(quick_site, "assessment")
    person = leave(matrix)
    before = matrix.contents()
    for owner, route in quick_site.live.registry.routes:
        name = name_of(owner, route)
        if name in PUBLIC or not ABOUT_THE_CASE & set(re.findall(r"\{(\w+)\}", name)):
            continue
        attempt = ATTEMPTS.get(name, Attempt())
        answer = matrix.send(name, attempt, person)
        assert answer.status_code in {403, 404}, f"{name}: {answer.status_code}"
        if answer.status_code == 403:
            alike = STRANGERS.get(person, "professional elsewhere")
            stranger = matrix.send(name, attempt, alike)
            assert stranger.status_code != 404, f"{name} tells that there is something"
    assert matrix.contents() == before


def test_whoever_is_asked_again_reads_again_and_before_answering_only_that(
    quick_site: TestSite,
) -> None:
    matrix = Matrix(quick_site, "assessment")
    world, person = matrix.world, declined(matrix)
    case, panel = at(matrix, "/cases/{case_id}"), at(matrix, "/panels/{panel_id}")
    assert [world[person].get(one).status_code for one in (case, panel)] == [404, 404]
    form = {"invite": str(world.id_of(person)), "role": "member"}
    assert world["coordinator"].post(f"{panel}/members", form).status_code == 303
    assert [world[person].get(one).status_code for one in (case, panel)] == [200, 200]
    said = world[person].post(f"{panel}/outcome/position", {"verdict": "agree", "seen": "1"})
    assert said.status_code in {403, 404, 409}
