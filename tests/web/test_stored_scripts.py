"""Markup in every text that any form or address takes: it is shown as it was typed, and is text.

What is sent would make elements and attributes of its own names, so that one look at the parsed
page tells whether any of it got out of its place.
"""

import re
from collections.abc import Iterator, Mapping

import pytest
from httpx import Response

from cpms_core.declarations import Route
from tests.site import TestSite
from tests.web.attempts import ATTEMPTS, Attempt, name_of
from tests.web.markup import TEXTS, Page, wrong_headers
from tests.web.matrix import Matrix, allowed
from tests.web.queries import noting_queries
from tests.web.world import Until

STAGES: tuple[Until, ...] = ("submitted", "assessment", "outcome", "sign_off")
"""At the others no form takes a text."""
SEEING: Mapping[Until, tuple[str, ...]] = {
    "submitted": ("professional", "coordinator"),
    "assessment": ("professional", "coordinator", "lead", "system administrator", "without a role"),
    "outcome": ("professional", "lead"),
    "sign_off": ("professional", "lead"),
}

_ANOTHER_ROW = re.compile(r"__|\.[1-9]")
"""Of a list: the first row stands for all of them."""


class Writing:
    """Puts the texts wherever they are taken, and looks at whatever may show them."""

    def __init__(self, matrix: Matrix) -> None:
        self.matrix = matrix
        self.wrong: set[str] = set()
        self.taken: set[str] = set()
        """`route field`, of those that were kept."""
        self.shown = 0
        """Pages on which one of the texts stood as it was typed."""

    def look(self, what: str, answer: Response) -> None:
        if answer.status_code >= 500:
            self.wrong.add(f"{what}: {answer.status_code}")
        self.wrong |= {f"{what}: {one}" for one in wrong_headers(answer)}
        if not answer.headers["content-type"].startswith("text/html"):
            return
        page = Page(answer)
        self.wrong |= {f"{what}: {one}" for one in page.wrong}
        self.shown += "<xss-b" in page.text

    def write(self) -> None:
        """Every form, with the texts in all the fields that take them, in as few goes as can be."""
        waiting = list(self._forms())
        while waiting:
            later = []
            for name, person, attempt, typed in waiting:
                form = {**attempt.form_for(self.matrix.world), **typed}
                answer = self._send(name, person, attempt, form)
                if answer.status_code >= 400:
                    later.append((name, person, attempt, typed))
            self.crawl()
            self.matrix.restore()
            assert len(later) < len(waiting), later
            waiting = later

    def _forms(self) -> Iterator[tuple[str, str, Attempt, Mapping[str, str]]]:
        for name, route, attempt in self.matrix.routes():
            if route.method != "POST" or attempt.options or not allowed(name, route):
                continue
            person = max(allowed(name, route))  # of lead and member the one who may take sides
            typed = {}
            for field in attempt.form_for(self.matrix.world):
                if _ANOTHER_ROW.search(field):
                    continue
                text = self._taken(name, person, attempt, field)
                if text:
                    typed[field] = text
            if typed:
                yield name, person, attempt, typed

    def _taken(self, name: str, person: str, attempt: Attempt, field: str) -> str:
        """The first of the texts that is not refused; empty if all are."""
        for text in TEXTS:
            form = {**attempt.form_for(self.matrix.world), field: text}
            answer = self._send(name, person, attempt, form)
            if answer.status_code < 400:
                self.taken.add(f"{name} {field}")
                self.matrix.restore()
                return text
        return ""

    def _send(
        self, name: str, person: str, attempt: Attempt, form: Mapping[str, str | list[str]]
    ) -> Response:
        _, path = self.matrix.address(name, attempt)
        self.matrix.site.live.limiter.clear()
        answer = self.matrix.world[person].post(path, dict(form))
        self.look(f"{name} {'+'.join(form)[:60]}", answer)
        return answer

    def crawl(self) -> None:
        for name, route, attempt in self._pages():
            seeing = allowed(name, route).intersection(SEEING[self.matrix.world.until])
            for person in sorted(seeing)[:2]:
                self.look(f"{name} as {person}", self.matrix.send(name, attempt, person))

    def ask(self) -> None:
        """The same texts in every part of an address that a page looks at."""
        with noting_queries() as asked:
            for name, route, attempt in self._pages():
                if attempt.until != self.matrix.world.until:
                    continue
                person = min(allowed(name, route))
                asked.clear()
                self.matrix.send(name, attempt, person)
                browser = self.matrix.world[person]
                _, path = self.matrix.address(name, attempt)
                for key in sorted(asked):
                    answer = browser.get(path.partition("?")[0], params={key: TEXTS[1]})
                    self.look(f"{name} {key}", answer)

    def _pages(self) -> Iterator[tuple[str, Route, Attempt]]:
        """Those that are there at this stage of the consultation."""
        known = {*self.matrix.world.values, "attachment_id"}
        for owner, route in self.matrix.site.live.registry.routes:
            name = name_of(owner, route)
            attempt = ATTEMPTS.get(name, Attempt())
            is_there = set(re.findall(r"\{(\w+)\}", name)) <= known | attempt.values.keys()
            # After the first crawl, only what shows this consultation.
            is_there = is_there and (self.matrix.world.until == "assessment" or "_id}" in name)
            if route.method == "GET" and route.permission != "site.enter" and is_there:
                yield name, route, attempt


MOST: Mapping[Until, int] = {"assessment": 20, "submitted": 2, "outcome": 10, "sign_off": 1}
"""How many fields at least take such a text, and on how many pages at least it is then shown."""


@pytest.mark.parametrize("until", STAGES)
def test_markup_in_any_text_stays_text_wherever_it_is_shown(
    quick_site: TestSite, until: Until
) -> None:
    writing = Writing(Matrix(quick_site, until))
    writing.write()
    writing.ask()
    assert not writing.wrong, "\n".join(sorted(writing.wrong))
    assert len(writing.taken) >= MOST.get(until, 0), writing.taken
    assert writing.shown >= MOST.get(until, 0)
