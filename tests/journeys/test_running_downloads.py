"""A download that is under way ends with the sign-in it is for. Seen on the wire."""

import hashlib
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from io import BytesIO
from types import TracebackType
from typing import Any, Self
from uuid import UUID

import httpx
import pytest
from PIL import Image
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from cpms_core.cases.models import Attachment
from cpms_core.clock import clock
from cpms_core.db import transaction
from cpms_core.identity.models import ApiToken, RoleGrant, SecurityKey, SignInSession, User
from tests import factories
from tests.engines import PostgresTemplate, SqliteTemplate
from tests.journeys.server import Person, Server, make_data
from tests.journeys.workers import Lanes, descendants, open_files

SIZE = 96 * 2**20
NAME = "ab" * 32
WITHIN = 1.0
SLACK = 0.5
"""For a machine that does other things too."""


@pytest.fixture(scope="module")
def server(
    sqlite_template: SqliteTemplate, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    data = tmp_path_factory.mktemp("downloads") / "data"
    make_data(data, sqlite_template)
    with Server(data) as made:
        yield made


def large_file(server: Server, person: Person) -> str:
    """The address of a file in a case of this person; on the disk it takes no room."""
    path = server.data / "files" / NAME[:2] / NAME[2:4] / NAME
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.truncate(SIZE)
    with transaction(server.engine) as session:
        case = factories.make_case(session, person.actor)
        row = Attachment(
            case_id=case.id,
            sha256=NAME,
            size=SIZE,
            media_type="application/octet-stream",
            viewer="document",
            name="large.bin",
            added_by=person.actor.user_id,
        )
        session.add(row)
        session.flush()
        return f"/cases/{case.id}/files/{row.id}"


class Download:
    """A client that takes what it wants to, when it wants to."""

    def __init__(self, server: Server, address: str, **headers: str) -> None:
        self.wire = socket.socket()
        self.wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**16)
        self.wire.settimeout(10)
        self.wire.connect(("127.0.0.1", server.port))
        lines = [f"GET {address} HTTP/1.1", f"Host: localhost:{server.port}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self.wire.sendall("\r\n".join([*lines, "", ""]).encode())
        self.head, _, rest = self.wire.recv(4096).partition(b"\r\n\r\n")
        self.taken = len(rest)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.wire.close()

    def take(self, seconds: float, pause: float = 0.0) -> bool:
        """Read for so long; whether the server hung up meanwhile."""
        ends = time.monotonic() + seconds
        with suppress(ConnectionResetError, TimeoutError):
            while (left := ends - time.monotonic()) > 0:
                self.wire.settimeout(left)
                chunk = self.wire.recv(2**14)
                self.taken += len(chunk)
                if not chunk:
                    return True
                time.sleep(pause)
            return False
        return False


def as_cookie(person: Person) -> dict[str, str]:
    return {"Cookie": str(person.headers["Cookie"])}


def test_a_large_file_arrives_whole(server: Server) -> None:
    person = server.person()
    answer = person.get(large_file(server, person))
    assert answer.status_code == 200
    assert int(answer.headers["content-length"]) == len(answer.content) == SIZE
    assert hashlib.sha256(answer.content).digest() == hashlib.sha256(bytes(SIZE)).digest()
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert answer.headers["cache-control"] == "no-store"
    assert "large.bin" in answer.headers["content-disposition"]


Ends = Callable[[Session, UUID], object]


def _set(table: Any, column: str, **where: Any) -> Ends:
    def end(session: Session, user_id: UUID) -> None:
        own = table.id if table is User else table.user_id
        session.execute(update(table).where(own == user_id).values({column: clock.now(), **where}))

    return end


ENDS: dict[str, Ends] = {
    "signed out": _set(SignInSession, "revoked_at"),
    "the key removed": _set(SecurityKey, "revoked_at"),
    "the key locked": _set(SecurityKey, "flagged_at"),
    "the account ended": _set(User, "disabled_at"),
    "the last role taken": _set(RoleGrant, "revoked_at"),
    "idle for too long": lambda session, user_id: session.execute(
        update(SignInSession)
        .where(SignInSession.user_id == user_id)
        .values(last_seen_at=clock.now() - timedelta(minutes=16))
    ),
}


@pytest.mark.parametrize("how", ENDS)
def test_a_download_ends_within_a_second_of(server: Server, how: str) -> None:
    person = server.person()
    with Download(server, large_file(server, person), **as_cookie(person)) as download:
        assert download.head.startswith(b"HTTP/1.1 200")
        assert not download.take(1.2, pause=0.001), "it ended while the person was signed in"
        with transaction(server.engine) as session:
            ENDS[how](session, person.actor.user_id)
        assert not download.take(0.0)
        # What was on the way still comes; the rest of the file does not.
        time.sleep(WITHIN)
        assert download.take(SLACK * 4), f"still open after {download.taken} bytes"
        assert download.taken < SIZE / 2
    assert "Traceback" not in server.log


def test_nothing_more_is_read_for_a_client_that_waits(server: Server) -> None:
    """It does not read, so no piece is sent; the session ends, and so does the connection."""
    person = server.person()
    with Download(server, large_file(server, person), **as_cookie(person)) as download:
        time.sleep(0.7)
        with transaction(server.engine) as session:
            ENDS["signed out"](session, person.actor.user_id)
        time.sleep(WITHIN + SLACK)
        assert download.take(5.0)
        assert download.taken < SIZE / 4


def test_an_upload_that_is_under_way_is_not_kept(server: Server) -> None:
    """Its sign-in ends after half of it."""
    person = server.person()
    with transaction(server.engine) as session:
        case = factories.make_case(session, person.actor)
    photo = BytesIO()
    Image.effect_noise((900, 900), 90).save(photo, "JPEG", quality=95)
    whole = photo.getvalue()

    def body() -> Iterator[bytes]:
        yield whole[: len(whole) // 2]
        with transaction(server.engine) as session:
            ENDS["signed out"](session, person.actor.user_id)
        yield whole[len(whole) // 2 :]

    kind = {"Content-Type": "application/octet-stream", "Accept": "application/json"}
    answer = person.post(f"/cases/{case.id}/files", content=body(), headers=kind)
    assert answer.status_code == 401
    with transaction(server.engine) as session:
        assert session.scalars(select(Attachment).where(Attachment.case_id == case.id)).all() == []
    assert list((server.data / "files" / "tmp").iterdir()) == []


def test_a_revoked_token_ends_what_it_was_fetching(server: Server) -> None:
    person = server.person()
    address = large_file(server, person)
    with transaction(server.engine) as session:
        _, text = factories.make_api_token(session, person.actor.user_id, "case.files")
    with Download(server, address, Authorization=f"Bearer {text}") as download:
        assert download.head.startswith(b"HTTP/1.1 200")
        assert not download.take(1.2, pause=0.001)
        with transaction(server.engine) as session:
            _set(ApiToken, "revoked_at")(session, person.actor.user_id)
        time.sleep(WITHIN)
        assert download.take(SLACK * 4)


def test_whoever_goes_away_leaves_nothing_behind(server: Server) -> None:
    person = server.person()
    address = large_file(server, person)
    for _ in range(20):
        with Download(server, address, **as_cookie(person)) as download:
            assert download.head.startswith(b"HTTP/1.1 200")
    ends = time.monotonic() + 5
    while _open_files(server) and time.monotonic() < ends:
        time.sleep(0.1)
    assert not _open_files(server)
    assert httpx.get(f"{server.url}/health").status_code == 200


def _open_files(server: Server) -> list[str]:
    """The large file, as often as the server holds it open."""
    return [name for pid in descendants(server.pid) for name in open_files(pid) if NAME in name]


def test_a_download_on_one_worker_ends_with_a_session_ended_on_the_other(
    postgresql_template: PostgresTemplate, tmp_path_factory: pytest.TempPathFactory
) -> None:
    own = postgresql_template.another()
    data = tmp_path_factory.mktemp("downloads2") / "site"
    make_data(data, own)
    with Server(data, workers=2) as server, Lanes(server, 2) as (one, other):
        here = server.person()
        address = large_file(server, here)
        with transaction(server.engine) as session:
            user = session.get_one(User, here.actor.user_id)
            there = factories.make_session(session, user)
        with one.stream("GET", address, headers={"Cookie": f"cpms={there}"}) as answer:
            assert answer.status_code == 200
            pieces = answer.iter_raw(2**14)
            next(pieces)
            posted = other.request("POST", "/me/sessions/end-others", headers=dict(here.headers))
            assert posted.status_code == 303, posted.text[:500]
            ended = time.monotonic()
            with pytest.raises(httpx.RemoteProtocolError):
                read_slowly(pieces)
            assert time.monotonic() - ended < WITHIN + 2 * SLACK
    own.close()


def read_slowly(pieces: Iterator[bytes]) -> None:
    for _ in pieces:
        time.sleep(0.001)
