"""An act that breaks off at any statement leaves neither half a change nor an event of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import get_ident
from typing import Any

from sqlalchemy import event

from tests.site import TestSite
from tests.web.attempts import ATTEMPTS
from tests.web.matrix import Matrix

ACTS = {
    "POST /cases/{case_id}/records/{dataset}": "professional",
    "POST /patients/{patient_id}/consents": "professional",
    "POST /centre/patients/new": "professional",
    "POST /panels/{panel_id}/contributions": "lead",
    "POST /panels/{panel_id}/outcome/start": "lead",
    "POST /panels/{panel_id}/members": "coordinator",
    "POST /people/invite": "system administrator",
    "POST /people/{person_id}/disable": "system administrator",
}
"""Acts that write to several tables, with who does them."""
MOST_STATEMENTS = 80


class BrokenError(Exception):
    """As if the power had gone at this statement."""


@contextmanager
def breaking_at(site: TestSite, number: int) -> Iterator[None]:
    """The store ends at its `number`th statement that changes something; 0 is the first."""
    left, here = number, get_ident()

    def count(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        nonlocal left
        is_writing = statement.lstrip().upper().startswith(("INSERT", "UPDATE", "DELETE"))
        # What this test does itself, a touch of the key, is none of the act's.
        if is_writing and get_ident() != here:
            left -= 1
            if left < 0:
                raise BrokenError

    event.listen(site.engine, "before_cursor_execute", count)
    try:
        yield
    finally:
        event.remove(site.engine, "before_cursor_execute", count)


def test_an_act_that_breaks_at_any_statement_leaves_all_as_it_was(quick_site: TestSite) -> None:
    matrix = Matrix(quick_site, "assessment")
    before, events = matrix.contents(), matrix.audit()
    broken = 0
    for name, person in ACTS.items():
        for number in range(MOST_STATEMENTS):
            with breaking_at(quick_site, number):
                answer = matrix.send(name, ATTEMPTS[name], person)
            if answer.status_code < 400:
                break
            assert answer.status_code == 500, f"{name} at {number}: {answer.status_code}"
            assert matrix.contents() == before, f"{name} at {number}"
            assert matrix.audit() == events, f"{name} at {number}"
            broken += 1
        else:
            raise AssertionError(f"{name} writes without end")
        assert matrix.contents() != before, name
        assert len(matrix.audit()) > len(events), name
        matrix.restore()
    assert broken > 2 * len(ACTS)
