"""After a panel closed and a case was withdrawn or erased: who still gets in, and what still works.

Every form is made while the panel waits for its signature, and sent after something ended it. What
does nothing any more says why, and leaves everything as it was.
"""

import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from html import unescape
from uuid import UUID

import msgspec
import pytest
from httpx import Response
from sqlalchemy import update

from cpms_core.declarations import Route
from cpms_core.panels.after.archiving import archive_panel
from cpms_core.panels.after.models import FollowUp
from cpms_core.panels.models import Panel
from cpms_core.patients.models import Transfer
from tests.site import TestSite
from tests.web.attempts import ATTEMPTS, Attempt, name_of
from tests.web.matrix import PUBLIC, Contents, Matrix, allowed
from tests.web.world import CENTRE, NAMES, PANEL, TRIAGE

OF_THE_PATIENT = {
    *("patient_id", "consent_id", "receipt_id", "glass_id", "transfer_id", "case_id"),
    *("attachment_id", "request_id", "panel_id", "follow_up_id"),
}
NEW_OWNER = frozenset({"centre manager elsewhere"})
"""Whom the patient is to move to: sees the move and nothing else."""

_PATIENT = {
    *("identity", "consents", "facts", "identity/correct", "keep", "copy", "erase", "team"),
    *("emergency", "move/back"),
}
THE_CENTRES = {
    *(f"POST /patients/{{patient_id}}/{act}" for act in _PATIENT),
    "POST /emergencies/{glass_id}/seen",
    "POST /transfers/{transfer_id}/accept",
    "POST /transfers/{transfer_id}/refuse",
    *(f"POST /cases/{{case_id}}/{how}" for how in ("export.json", "export.csv", "exports/{key}")),
    "POST /panels/{panel_id}/seen",
}
"""What the centre may do with its patient, whatever becomes of the case."""
KEPT_TYPING = {
    *(
        f"POST /cases/{{case_id}}/records/{{dataset}}/{act}"
        for act in ("draft", "discard", "check")
    ),
    "POST /panels/{panel_id}/questions/{question_id}/typing",
}
"""Nothing typed is lost: a draft of the own is kept, and given to nobody."""
OPENING = "POST /patients/{patient_id}/cases"
WITHDRAWING = {
    "POST /patients/{patient_id}/consents/{consent_id}/withdraw",
    "POST /cases/{case_id}/withdraw",
}
FOLLOWING = {f"POST /follow-ups/{{follow_up_id}}/{act}" for act in ("answer", "note")}
AFTER_CLOSING = {
    *(THE_CENTRES | KEPT_TYPING | WITHDRAWING | FOLLOWING | {OPENING}),
    "POST /panels/{panel_id}/questions/typing",
    "POST /panels/{panel_id}/outcome/discard",
}


def signed(matrix: Matrix) -> None:
    with matrix.site.transaction() as session:
        matrix.world._sign(session, session.get_one(Panel, _panel(matrix)))


def archived(matrix: Matrix) -> None:
    signed(matrix)
    with matrix.site.transaction() as session:
        session.execute(update(FollowUp).values(state="expired"))
        seen = session.get_one(Panel, _panel(matrix)).row_version
        archive_panel(session, matrix.world["coordinator"].actor, _panel(matrix), seen)


def case_withdrawn(matrix: Matrix) -> None:
    _act(matrix, "professional", "POST /cases/{case_id}/withdraw")


def consent_withdrawn(matrix: Matrix) -> None:
    _act(matrix, "professional", "POST /patients/{patient_id}/consents/{consent_id}/withdraw")


def erased(matrix: Matrix) -> None:
    with matrix.site.transaction() as session:
        session.execute(update(Transfer).values(state="refused"))
    _act(matrix, "centre manager", "POST /patients/{patient_id}/erase")


def _act(matrix: Matrix, person: str, name: str) -> None:
    answer = matrix.send(name, ATTEMPTS[name], person)
    assert answer.status_code == 303, answer.text[:2000]


def _panel(matrix: Matrix) -> UUID:
    return UUID(matrix.world.values["panel_id"])


class State(msgspec.Struct, frozen=True):
    """What the case has come to, who still sees it, and what may still be done."""

    happens: Callable[[Matrix], None]
    sees: frozenset[str]
    works: set[str]


STATES: Mapping[str, State] = {
    "closed": State(
        signed,
        CENTRE | PANEL | TRIAGE | NEW_OWNER,
        AFTER_CLOSING | {"POST /panels/{panel_id}/reopening", "POST /panels/{panel_id}/reopen"},
    ),
    "archived": State(archived, CENTRE | PANEL | TRIAGE | NEW_OWNER, AFTER_CLOSING),
    "case withdrawn": State(
        case_withdrawn,
        CENTRE | NEW_OWNER,
        THE_CENTRES | KEPT_TYPING | WITHDRAWING - {"POST /cases/{case_id}/withdraw"} | {OPENING},
    ),
    "consent withdrawn": State(
        consent_withdrawn,
        CENTRE | NEW_OWNER,
        THE_CENTRES | KEPT_TYPING | {"POST /cases/{case_id}/withdraw"},
    ),
    "erased": State(erased, frozenset(), set()),
}
"""A reviewed table, like those of the matrix."""


@pytest.mark.parametrize("state", STATES)
def test_everybody_gets_in_and_does_what_the_table_says_and_nothing_else(
    quick_site: TestSite, state: str
) -> None:
    matrix = Matrix(quick_site, "sign_off")
    routes = {name: (route, attempt) for name, route, attempt in _filled_in(matrix)}
    STATES[state].happens(matrix)
    _keep(matrix)
    before, done = _but_drafts(matrix), set()
    for name, (route, attempt) in routes.items():
        for person in _asking(state, name, route):
            answer = matrix.send(name, attempt, person)
            may = person in allowed(name, route) & STATES[state].sees
            assert _is_judged(answer, may=may, knows=person in STATES[state].sees), (
                f"{name} as {person}: {answer.status_code}"
            )
            if route.method == "POST" and answer.status_code < 400:
                done.add(name)
                matrix.restore()
            elif route.method == "POST":
                assert _but_drafts(matrix) == before, f"{name} as {person} was refused"
    assert done == STATES[state].works


def _filled_in(matrix: Matrix) -> Iterator[tuple[str, Route, Attempt]]:
    """Every address of the case or its patient, with its form as the page has it now."""
    for owner, route in matrix.site.live.registry.routes:
        name = name_of(owner, route)
        if name not in PUBLIC and OF_THE_PATIENT & set(re.findall(r"\{(\w+)\}", name)):
            attempt = ATTEMPTS.get(name, Attempt())
            form = dict(attempt.form_for(matrix.world))
            yield name, route, msgspec.structs.replace(attempt, form=form)


def _asking(state: str, name: str, route: Route) -> list[str]:
    """Whoever might at some stage; everybody else too, when the panel has just closed."""
    people = set(NAMES) - {"anonymous"} if state == "closed" else allowed(name, route)
    return sorted(people)


def _is_judged(answer: Response, *, may: bool, knows: bool) -> bool:
    if not may:  # who knows of the case may be told that something is over
        return answer.status_code in {403, 404} or (knows and answer.status_code == 409)
    if answer.status_code < 400:
        return True
    told = re.sub(r"<[^>]+>", " ", unescape(answer.text.partition("<main")[2]))
    return answer.status_code in {403, 404, 409, 422} and len(told.split()) > 5


def _but_drafts(matrix: Matrix) -> Contents:
    """What was typed into a form that is refused is kept, as the own draft."""
    return {table: rows for table, rows in matrix.contents().items() if table != "record_draft"}


def _keep(matrix: Matrix) -> None:
    """From here on, this is what is put back."""
    matrix._checkpoint()
    shutil.copyfile(matrix._store, matrix._kept)
    matrix._kept_files = {path: path.read_bytes() for path in matrix._file_paths()}
    matrix._kept_events = matrix._events = matrix.audit()
