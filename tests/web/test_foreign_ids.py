"""The id of something else in a part of an address, a form or a query: as if it never was.

Whole addresses of cases that are foreign are in test_matrix.py; the time of an answer is measured
by `./cpms bench security`.
"""

import re
from collections.abc import Iterator
from uuid import uuid4

import msgspec
import pytest
from httpx import Response
from sqlalchemy import select, update

from cpms_core.cases.models import Facet
from cpms_core.patients.models import Patient, SealedIdentity
from tests.site import TestSite
from tests.web.attempts import ATTEMPTS, Attempt, name_of
from tests.web.matrix import PUBLIC, Matrix, allowed
from tests.web.queries import noting_queries
from tests.web.world import World

PARTS = frozenset(
    {
        *("consent_id", "receipt_id", "attachment_id", "contribution_id", "question_id"),
        *("guest_id", "offer_id", "group", "user_id"),
    }
)
"""What an address names below a case, a panel or a patient."""


@pytest.fixture
def matrix(quick_site: TestSite) -> Matrix:
    return Matrix(quick_site, "assessment")


@pytest.fixture
def other(matrix: Matrix) -> World:
    """Another consultation, of the same centre with the same ERN; nobody is told of a double."""
    site = matrix.site
    with site.transaction() as session:
        for patient in session.scalars(select(Patient)):
            patient.pseudonym = f"Emu-{patient.id.hex[-6:]}"
        for identity in session.scalars(select(SealedIdentity)):
            identity.search_digest = identity.patient_id.bytes
    world = World(site, "assessment")
    world.values["group"] = "1.9.8.7.6"
    with site.transaction() as session:
        of_the_study = Facet.attachment_id == world.image.id, Facet.key == "study"
        session.execute(update(Facet).where(*of_the_study).values(value="1.9.8.7.6"))
    return world


def test_a_part_of_another_case_is_answered_like_one_that_never_was(
    matrix: Matrix, other: World
) -> None:
    tried = set()
    for name, attempt, person in _addresses(matrix):
        for part in PARTS & set(re.findall(r"\{(\w+)\}", name)[1:]):
            foreign = {part: _foreign(other, name, part)}
            before = matrix.contents()
            answers = [
                matrix.send(name, attempt, person, values)
                for values in (foreign, {part: _unknown(part)})
            ]
            assert {one.status_code for one in answers} <= {404, 409}, f"{name} {answers}"
            assert _alike(answers[0]) == _alike(answers[1]), name
            assert matrix.contents() == before, name
            tried.add(part)
    assert tried == PARTS


def _addresses(matrix: Matrix) -> Iterator[tuple[str, Attempt, str]]:
    """Each with somebody who may ask for it."""
    for owner, route in matrix.site.live.registry.routes:
        name = name_of(owner, route)
        attempt = ATTEMPTS.get(name, Attempt())
        if name not in PUBLIC and attempt.until == "assessment":
            yield name, attempt, min(allowed(name, route))


def _foreign(other: World, name: str, part: str) -> str:
    is_image = name.partition(" ")[2].startswith("/x/dicom_viewer/")
    return str(other.image.id) if part == "attachment_id" and is_image else other.values[part]


def _unknown(part: str) -> str:
    return "1.2.3.4" if part == "group" else str(uuid4())


@pytest.mark.parametrize("act", ["remove", "release"])
def test_a_file_of_another_case_in_a_form_is_not_there(
    matrix: Matrix, other: World, act: str
) -> None:
    person = matrix.world["professional"]
    path = f"/cases/{matrix.world.values['case_id']}/{act}"
    before = matrix.contents()
    answers = [person.post(path, {"attachment": one}) for one in (other.photo.id, uuid4())]
    assert [one.status_code for one in answers] == [404, 404]
    assert _alike(answers[0]) == _alike(answers[1])
    assert matrix.contents() == before


def test_a_foreign_id_in_a_query_finds_what_an_unknown_one_finds(matrix: Matrix) -> None:
    """As somebody of another centre, who may open most pages and knows nothing of the case."""
    stranger, asked_for = "professional elsewhere", 0
    ids = [matrix.world.values[one] for one in ("case_id", "panel_id", "patient_id", "person_id")]
    with noting_queries() as asked:
        for owner, route in matrix.site.live.registry.routes:
            name = name_of(owner, route)
            attempt = ATTEMPTS.get(name, Attempt())
            if route.method == "POST" or name in PUBLIC or stranger not in allowed(name, route):
                continue
            asked.clear()
            matrix.send(name, attempt, stranger)
            for key in sorted(asked):
                queries = [f"?{key}={one}" for one in (*ids, uuid4())]
                found = {_alike(_asked(matrix, name, attempt, query)) for query in queries}
                assert len(found) == 1, f"{name}?{key}"
                asked_for += 1
    assert asked_for > 10


def _asked(matrix: Matrix, name: str, attempt: Attempt, query: str) -> Response:
    """As for the first time: what was asked before would stand in the own log."""
    matrix.restore()
    attempt = msgspec.structs.replace(attempt, query=query)
    return matrix.send(name, attempt, "professional elsewhere")


def _alike(answer: Response) -> tuple[int, str]:
    """Without the ids that were sent, the nonce, and the seconds that are left."""
    sent = r"[0-9a-f]{8}-[0-9a-f-]{8,27}|[0-9a-f]{32}|\b1(\.\d+){3,}"
    own = rf'nonce="[^"]*"|data-session-ends="\d+"|data-since="\d+"|{sent}'
    return answer.status_code, re.sub(own, "", answer.text)
