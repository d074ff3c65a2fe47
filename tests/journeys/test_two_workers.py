"""Two worker processes over one PostgreSQL: what ends on one of them has ended on the other.

Every check is made on a connection to each of the two processes; see workers.py for how the test
knows which is which.
"""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from cpms_core.actor import Role
from cpms_core.attempts import WINDOW
from cpms_core.audit import AuditEvent, Event
from cpms_core.clock import clock
from cpms_core.db import transaction
from cpms_core.identity.models import RoleGrant, SignInSession, User
from cpms_core.identity.own_keys import REMOVE
from cpms_core.identity.tokens import token_digest
from cpms_web.pages_sign_in import MOST_TRIES
from tests import factories
from tests.engines import PostgresTemplate
from tests.journeys.server import Person, Server, cpms, make_data
from tests.journeys.workers import Lane, Lanes, answers_everywhere
from tests.softkey import SoftKey

ROUNDS = 12
Workers = tuple[Lane, ...]


@pytest.fixture(scope="module")
def server(
    postgresql_template: PostgresTemplate, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    own = postgresql_template.another()
    data = tmp_path_factory.mktemp("two") / "site"
    make_data(data, own)
    with Server(data, workers=2) as running:
        yield running
    own.close()


@pytest.fixture
def workers(server: Server) -> Iterator[Workers]:
    with Lanes(server, 2) as lanes:
        yield lanes


def as_person(person: Person) -> dict[str, Any]:
    kept = ("Cookie", "X-CSRF-Token", "Origin")
    return {"headers": {name: person.headers[name] for name in kept}}


def another_session(server: Server, person: Person) -> tuple[Person, SignInSession]:
    """The same person on another machine, with a key of its own."""
    with transaction(server.engine) as session:
        user = session.get_one(User, person.actor.user_id)
        token = factories.make_session(session, user)
        own = SignInSession.token_hash == token_digest(token)
        row = session.scalars(select(SignInSession).where(own)).one()
    return Person(server.url, token, person.actor), row


def done(answer: httpx.Response) -> None:
    assert answer.status_code == 303, f"{answer.status_code}: {answer.text[:500]}"


def test_both_processes_answer(server: Server, workers: Workers) -> None:
    assert len({lane.pid for lane in workers}) == 2
    assert server.pid not in {lane.pid for lane in workers}
    answers_everywhere(workers, "/me", 200, **as_person(server.person()))


def test_an_ended_session_is_dead_on_both(server: Server, workers: Workers) -> None:
    here = server.person()
    there, row = another_session(server, here)
    answers_everywhere(workers, "/me", 200, **as_person(there))
    done(workers[0].request("POST", f"/me/sessions/{row.id}/end", **as_person(here)))
    answers_everywhere(workers, "/me", 303, **as_person(there))
    answers_everywhere(workers, "/me", 200, **as_person(here))


def test_a_removed_key_is_dead_on_both(server: Server, workers: Workers) -> None:
    here = server.person()
    there, row = another_session(server, here)
    answers_everywhere(workers, "/me", 200, **as_person(there))
    server.touch(here, REMOVE, row.key_id)
    done(workers[1].request("POST", f"/me/keys/{row.key_id}/remove", **as_person(here)))
    answers_everywhere(workers, "/me", 303, **as_person(there))


def test_a_disabled_person_is_out_on_both(server: Server, workers: Workers) -> None:
    admin, person = server.person(Role.SYSTEM_ADMIN), server.person()
    answers_everywhere(workers, "/me", 200, **as_person(person))
    user_id = person.actor.user_id
    server.touch(admin, "end a person's access", user_id)
    done(workers[0].request("POST", f"/people/{user_id}/disable", **as_person(admin)))
    answers_everywhere(workers, "/me", 303, **as_person(person))


def test_a_role_that_was_taken_is_gone_on_both(server: Server, workers: Workers) -> None:
    admin, person = server.person(Role.SYSTEM_ADMIN), server.person()
    answers_everywhere(workers, "/centre", 200, **as_person(person))
    with transaction(server.engine) as session:
        held = _grants(session, person.actor.user_id)
    server.touch(admin, "take a role from a person", held[0])
    done(workers[1].request("POST", f"/roles/{held[0]}/end", **as_person(admin)))
    answers_everywhere(workers, "/centre", 403, **as_person(person))


def test_a_revoked_token_is_dead_on_both(server: Server, workers: Workers) -> None:
    person = server.person()
    with transaction(server.engine) as session:
        token_id, text = factories.make_api_token(session, person.actor.user_id, "case.list")
    machine: dict[str, Any] = {"headers": {"Authorization": f"Bearer {text}"}}
    answers_everywhere(workers, "/api/cases", 200, **machine)
    done(workers[0].request("POST", f"/tokens/{token_id}/revoke", **as_person(person)))
    answers_everywhere(workers, "/api/cases", 401, **machine)


def test_tries_to_sign_in_are_counted_over_both(server: Server, workers: Workers) -> None:
    most = MOST_TRIES["address"]
    for number in range(3):
        email = f"nobody{number}@example.org"
        window = clock.now().timestamp() // WINDOW.seconds
        told = [begin_sign_in(server, workers[n % 2], email) for n in range(most + 4)]
        if clock.now().timestamp() // WINDOW.seconds == window:
            assert told == [200] * most + [429] * 4
            return
    raise AssertionError("three windows in a row ended during the test")


def begin_sign_in(server: Server, lane: Lane, email: str) -> int:
    headers = {"Origin": server.url}
    answer = lane.request("POST", "/sign-in/begin", json={"email": email}, headers=headers)
    return answer.status_code


def test_an_answer_of_a_key_serves_once_on_whichever_worker(
    server: Server, workers: Workers
) -> None:
    key = SoftKey(server.url)
    with transaction(server.engine) as session:
        user = factories.make_user(session)
        credential = {"credential_id": key.credential_id, "public_key": key.public_key}
        factories.make_key(session, user, **credential)
    headers = {"Origin": server.url}

    def begin(lane: Lane) -> dict[str, Any]:
        lane.cookies.clear()  # as another browser each time
        begun = lane.request("POST", "/sign-in/begin", json={"email": user.email}, headers=headers)
        given: dict[str, Any] = begun.json()
        return {"ceremony": given["ceremony"], "credential": key.sign_in(given["publicKey"])}

    def finish(lane: Lane, answer: dict[str, Any]) -> int:
        lane.cookies.clear()
        done = lane.request("POST", "/sign-in/finish", json=answer, headers=headers)
        return done.status_code

    one, other = workers
    answer = begin(one)
    assert [finish(other, answer), finish(one, answer), finish(other, answer)] == [200, 422, 422]
    for _ in range(5):
        answer = begin(one)
        with ThreadPoolExecutor(2) as pool:
            told = list(pool.map(finish, workers, [answer] * 2))
        assert sorted(told) == [200, 422]


def test_one_touch_serves_once_when_both_get_it_at_the_same_moment(
    server: Server, workers: Workers
) -> None:
    person = server.person()
    with transaction(server.engine) as session:
        case = factories.make_case(session, person.actor)
    for _ in range(ROUNDS):
        server.touch(person, "save a case outside of this site", case.id)
        told = at_once(workers, f"/cases/{case.id}/export.json", person)
        assert min(told) == 200 and sorted(told)[1] in {403, 409}, told
    with transaction(server.engine) as session:
        exported = select(AuditEvent.id).where(
            AuditEvent.tag == Event.CASE_EXPORTED, AuditEvent.case_id == case.id
        )
        assert len(session.scalars(exported).all()) == ROUNDS


def at_once(workers: Workers, path: str, person: Person) -> list[int]:
    told: list[int] = []
    together = threading.Barrier(len(workers))

    def send(lane: Lane) -> None:
        together.wait(timeout=10)
        told.append(lane.request("POST", path, **as_person(person)).status_code)

    threads = [threading.Thread(target=send, args=(lane,)) for lane in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
    return told


def test_a_plugin_that_is_switched_off_is_gone_on_both(server: Server) -> None:
    coordinator = server.person(Role.COORDINATOR)
    for act, status in (("disable", 404), ("enable", 200)):
        cpms("plugins", act, "reporting", "--data", server.data)
        # New connections: the server closes one that nobody used while the command ran.
        with Lanes(server, 2) as workers:
            answers_everywhere(workers, "/x/reporting/", status, 5, **as_person(coordinator))


def _grants(session: Session, user_id: UUID) -> list[UUID]:
    return list(session.scalars(select(RoleGrant.id).where(RoleGrant.user_id == user_id)))
