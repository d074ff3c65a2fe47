"""Nothing of a foreign case shows through, and looking changes nothing.

Two worlds, the second with one more case at a centre, with an ERN and with people that nobody of
the first has to do with: whoever has no access to it must not be able to tell which world it is.
"""

import re
from collections.abc import Iterator

import pytest
from httpx import Response
from sqlalchemy import select

from cpms_core.actor import Role
from cpms_core.cases.records import store_record
from cpms_core.clock import clock
from cpms_core.declarations import Route
from cpms_core.directory.models import Hcp, Membership
from cpms_core.panels.discussion import contributions
from cpms_core.panels.requests import submission, triage
from cpms_core.panels.requests.request_form import KEY, RequestForm
from tests import factories
from tests.site import Browser, TestSite
from tests.web.attempts import ATTEMPTS, Attempt, name_of
from tests.web.matrix import Matrix, allowed
from tests.web.world import ERN

FOREIGN = "Kookaburra-4711"
QUERIES = {
    "GET /search": ("?q=kooka", f"?q={FOREIGN}", "?q=unheard-of", "?q=Fritz", "?q=Wren"),
    "GET /erns/{ern_id}": ("", "?q=kooka", "?late=1", "?stage=assessment", "?page=2", "?ended=1"),
    "GET /people": ("", "?q=Fritz", "?page=2"),
    "GET /audit": ("", "?kind=case:", "?person=Fritz", f"?case={FOREIGN}", "?page=2"),
    "GET /audit/mine": ("", "?kind=case:"),
}
"""What the lists are asked; every other page is asked once."""
ASKING = frozenset(
    {
        *("professional", "centre manager elsewhere", "coordinator", "lead", "researcher"),
        *("coordinator of another ERN", "guest"),
    }
)
"""One of each kind: the others see what one of these sees, or less."""


class Worlds:
    def __init__(self, site: TestSite) -> None:
        self.site = site
        # These people are in both worlds: that they exist is no secret.
        self.centre = site.person(hcp="DE01", name="Fritz Foreign")
        self.ern = site.person(Role.COORDINATOR, hcp="DE01", ern="skin", name="Frida Foreign")
        # Of no centre of ERN ITHACA, whose coordinators see on how many panels its experts sit.
        self.expert = site.person(hcp=self._outside(), name="Franca Foreign")
        self.matrix = Matrix(site, "assessment")

    def _outside(self) -> str:
        with self.site.transaction() as session:
            inside = select(Membership.hcp_id).where(Membership.ern_id == ERN)
            return session.scalars(select(Hcp.code).where(Hcp.id.not_in(inside))).first() or ""

    def add_case(self) -> None:
        with self.site.transaction() as session:
            actor = self.centre.actor
            case = factories.make_case(session, actor, hcp="DE01", pseudonym=FOREIGN)
            asked = RequestForm(
                question_type="diagnosis",
                question="Unheard-of growth?",
                summary="Unheard-of.",
            )
            registry = self.site.live.registry
            store_record(session, actor, case, registry.datasets[KEY], asked)
            request = submission.submit_request(session, actor, registry, case.id, "skin")
            panel = triage.name_lead(
                session,
                self.ern.actor,
                registry,
                request.id,
                self.expert.actor.user_id,
                request.row_version,
            )
            contributions.contribute(
                session, self.expert.actor, panel.id, "Unheard.", "fairly_sure"
            )
        self.case = str(case.id)

    def pages(self) -> Iterator[tuple[str, str]]:
        """Every page somebody may open, and the lists with their filters and searches."""
        for name, route, attempt in routes(self.site):
            if route.method != "GET" or attempt.until != "assessment":
                continue
            for person in sorted(allowed(name, route) & ASKING):
                browser = self.matrix.world[person]
                _, path = self.matrix.address(name, attempt)
                for query in QUERIES.get(name, (attempt.query,)):
                    address = path.partition("?")[0] + query
                    yield f"{address} as {person}", self.shown(browser, address)

    def shown(self, browser: Browser, address: str) -> str:
        self.site.live.limiter.clear()
        return without_chance(browser.get(address))


def without_chance(answer: Response) -> str:
    """All of it but what differs between any two answers."""
    text = f"{answer.status_code} {answer.headers.get('location')} {answer.text}"
    return re.sub(r'nonce="[^"]*"|name="_once" value="[^"]*"', "", text)


def routes(site: TestSite) -> Iterator[tuple[str, Route, Attempt]]:
    for owner, route in site.live.registry.routes:
        if route.permission != "site.enter":
            name = name_of(owner, route)
            yield name, route, ATTEMPTS.get(name, Attempt())


def test_a_foreign_case_changes_no_byte_of_anything(
    quick_site: TestSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    worlds = Worlds(quick_site)
    now = clock.now()
    monkeypatch.setattr(clock, "now", lambda: now)
    before = dict(worlds.pages())
    worlds.matrix.restore()
    worlds.add_case()
    assert FOREIGN in worlds.expert.get(f"/search?q={FOREIGN}").text, "or nothing is shown here"
    differing = [what for what, text in worlds.pages() if text != before[what]]
    assert len(before) > 200
    assert not differing, "\n".join(differing)
