"""People of every role who would raise themselves."""

import pytest

from cpms_core.actor import Role
from tests.site import TestSite
from tests.web.test_people import administrator, give, grant_of, held


@pytest.mark.parametrize("role", list(Role))
def test_nobody_raises_themselves_whatever_they_are(site: TestSite, role: Role) -> None:
    """By a role, an invitation of the own address, a move, or the end of whoever is above."""
    administrator(site)
    boss = site.person(Role.SYSTEM_ADMIN, hcp=None, name="Boss")
    person = site.person(role, email="self@example.org", name="Self", ern="ithaca")
    own, before = person.actor.user_id, held(site, person.actor.user_id)
    form = {"name": "Self", "email": "self@example.org", "hcp": "FR10", "ern": "ithaca"}
    for wanted in Role:
        assert give(person, own, wanted, "FR10", "ithaca") in {403, 404, 422}, wanted
        answer = person.post("/people/invite", {**form, "role": wanted, "specialty": ""})
        assert answer.status_code in {403, 404, 422}, wanted
        assert "/enrol/" not in answer.text, wanted
    assert held(site, own) == before
    if role is not Role.SYSTEM_ADMIN:
        for path in (f"/people/{boss.actor.user_id}/disable", "/people/import"):
            assert person.post(path).status_code in {403, 404, 405}
        grant = grant_of(site, boss.actor.user_id, Role.SYSTEM_ADMIN)
        assert person.post(f"/roles/{grant}/end").status_code in {403, 404}
        assert boss.get("/people").status_code == 200
