"""Searches that are made to take long: every box, with what some matcher somewhere chokes on.

Each takes no more of this process's own time than an honest search may; test_hostile_requests.py
sends much else to every address.
"""

from collections.abc import Iterator
from time import process_time
from urllib.parse import quote

import pytest
from sqlalchemy import insert

from cpms_core.cases.models import CodedValue
from cpms_core.clock import clock
from cpms_core.db import new_id
from cpms_core.identity.models import RoleGrant, User
from cpms_core.terminology.hpo import Source
from tests import factories
from tests.core.terminology import store
from tests.site import TestSite
from tests.web.attempts import ATTEMPTS, Attempt, name_of
from tests.web.matrix import PUBLIC, allowed
from tests.web.queries import noting_queries
from tests.web.world import HOME, World

LONGEST = 0.3
"""Seconds of processor, which a busy machine does not change."""
BOXES = {
    "GET /terms",
    "GET /search",
    "GET /centre/patients",
    "GET /people",
}
"""Those that there are; one more joins them by itself."""
TEXTS = {
    "wildcards": "%_" * 100,
    "wildcards in words": "a%" * 100,
    "wildcards of a shell": "*?[a-z]*" * 25,
    "escapes": "\\%" * 100,
    "full text": '"a* NEAR(b, 2) AND - OR NOT ^ col:',
    "open quotes": '"' * 199,
    "minus": "-" * 200,
    "brackets": "(" * 200,
    "nested repeats": "(a+)+$" + "a" * 190,
    "alternatives": "(a|a)*b" * 28,
    "backtracking": "a" * 199 + "!",
    "words": "a " * 10_000,
    "many words": " ".join(f"w{n}" for n in range(6000)),
    "one long word": "a" * 60_000,
    "accents": "e\u0301\u0302\u0303" * 50,
    "ligatures": "\ufdfa" * 200,
    "dotless": "\u0130\u0131" * 100,
    "SQL": "' OR 1=1 UNION SELECT * FROM patient --",
    "NUL": "a\0b",
    "nothing to fold": "\u200b\u202e" * 100,
}
"""One of the ligatures becomes eighteen letters when it is folded."""


@pytest.fixture
def world(quick_site: TestSite) -> World:
    """With many names, findings and terms that nearly fit."""
    world = World(quick_site, "assessment")
    labels = [f"{'a' * 100} {'aa ' * 20}{n}" for n in range(200)]
    store.fill(
        quick_site.engine, [Source("hpo", f"HP:{n:07}", one) for n, one in enumerate(labels)]
    )
    professional = world["professional"].actor
    with quick_site.transaction() as session:
        hcp_id = factories.hcp_id(session, HOME)
        people = [{"id": new_id(), "name": f"{'aa ' * 30}{n}"} for n in range(2000)]
        session.execute(
            insert(User),
            [{**one, "email": f"{one['id']}@example.org", "hcp_id": hcp_id} for one in people],
        )
        role = {"role": "professional", "hcp_id": hcp_id, "granted_at": clock.now()}
        session.execute(insert(RoleGrant), [{**role, "user_id": one["id"]} for one in people])
        cases = [factories.make_case(session, professional).id for _ in range(100)]
        of = {"dataset": "ithaca.findings", "field": "findings", "system": "hpo", "absent": False}
        session.execute(
            insert(CodedValue),
            [
                {**of, "case_id": case_id, "code": f"HP:{n:07}", "label": label}
                for case_id in cases
                for n, label in enumerate(labels[:20])
            ],
        )
    return world


def test_no_search_takes_long_and_none_is_a_fault(world: World) -> None:
    found, wrong = set(), []
    for name, path, person in _boxes(world):
        found.add(name)
        for what, text in TEXTS.items():
            # Twice, for the first time its statement may have to be built.
            statuses, spent = zip(*(_asked(world, person, path, text) for _ in "12"), strict=True)
            if not {200, 400, 422}.issuperset(statuses) or min(spent) > LONGEST:
                wrong.append(f"{name} {what}: {statuses} after {min(spent):.2f} s")
    assert found >= BOXES
    assert not wrong, "\n".join(wrong)


def _asked(world: World, person: str, path: str, text: str) -> tuple[int, float]:
    """The status, and the seconds of processor."""
    world.site.live.limiter.clear()
    began = process_time()
    answer = world[person].get(f"{path}q={quote(text)}")
    return answer.status_code, process_time() - began


def _boxes(world: World) -> Iterator[tuple[str, str, str]]:
    """Every page that looks for what was typed, and somebody who sees most of it."""
    for owner, route in world.site.live.registry.routes:
        name = name_of(owner, route)
        attempt = ATTEMPTS.get(name, Attempt())
        if route.method != "GET" or name in PUBLIC or attempt.until != "assessment":
            continue
        people = allowed(name, route)
        person = "professional" if "professional" in people else min(people)
        known = {**world.values, "attachment_id": str(world.image.id), "key": "k", **attempt.values}
        path = name.partition(" ")[2].format(**known)
        with noting_queries() as asked:
            world.site.live.limiter.clear()
            world[person].get(path + attempt.query)
        if "q" in asked:
            more = attempt.query.replace("q=tall", "").rstrip("&") or "?"
            yield name, path + more + ("" if more.endswith("?") else "&"), person
