"""Bodies in pieces, and the watch that ends them with whoever they are for."""

import asyncio
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from anyio import CancelScope
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from cpms_core.answers import File, Stream
from cpms_core.db import transaction
from cpms_core.http import watching
from cpms_core.http.outgoing import LARGE, respond
from cpms_core.http.pieces import PIECE, Over, Pieces
from cpms_core.http.render import Rendering
from cpms_core.http.watching import Watch
from cpms_core.identity.sessions import end_all_sessions
from cpms_core.settings import Settings
from tests import factories

BYTES = bytes(range(256)) * 8192
"""2 MiB, each place of it another."""


async def sent_of(answer: File | Stream, over: Over = CancelScope) -> list[dict[str, Any]]:
    """What the server is given for it; its client never goes away."""
    response = respond(answer, None, Rendering(actor=None), over)  # type: ignore[arg-type]  # no page
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return await asyncio.Event().wait()

    await response.to_asgi_response(None, None)({}, receive, send)  # type: ignore[arg-type]  # not looked at
    return sent


def body_of(sent: list[dict[str, Any]]) -> bytes:
    return b"".join(one.get("body", b"") for one in sent)


def is_whole(sent: list[dict[str, Any]]) -> bool:
    return sent[-1].get("more_body") is False


def headers_of(sent: list[dict[str, Any]]) -> dict[bytes, bytes]:
    return dict(sent[0]["headers"])


def test_a_large_file_goes_out_in_pieces_and_a_small_one_at_once(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(BYTES)
    for content in (BYTES, path):
        sent = asyncio.run(sent_of(File(content=content, media_type="a/b")))
        assert body_of(sent) == BYTES and is_whole(sent)
        assert max(len(one.get("body", b"")) for one in sent) == PIECE
        assert headers_of(sent)[b"content-length"] == str(len(BYTES)).encode()
    path.write_bytes(BYTES[:LARGE])
    sent = asyncio.run(sent_of(File(content=path, media_type="a/b")))
    assert [len(one["body"]) for one in sent[1:]] == [LARGE]


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ((0, 10), BYTES[:10]),
        ((300, 1000), BYTES[300:1300]),
        ((77, LARGE + 500), BYTES[77 : 77 + LARGE + 500]),
        ((len(BYTES) - 5, 100), BYTES[-5:]),
        ((len(BYTES) + 5, 100), b""),
    ],
)
def test_a_part_of_a_file_is_that_part(
    tmp_path: Path, part: tuple[int, int], expected: bytes
) -> None:
    path = tmp_path / "file"
    path.write_bytes(BYTES)
    sent = asyncio.run(sent_of(File(content=path, media_type="a/b", part=part)))
    assert body_of(sent) == expected and is_whole(sent)
    assert headers_of(sent)[b"content-length"] == str(len(expected)).encode()


def test_a_stream_comes_as_it_is_made_and_with_every_header() -> None:
    answer = Stream(chunks=iter([b"one,", b"", b"two"]), media_type="text/csv", download_as="a.csv")
    sent = asyncio.run(sent_of(answer))
    assert body_of(sent) == b"one,two" and is_whole(sent)
    headers = headers_of(sent)
    assert b"content-length" not in headers
    assert headers[b"content-type"] == b"text/csv; charset=utf-8"
    assert headers[b"cache-control"] == b"no-store"
    assert headers[b"content-disposition"].endswith(b"a.csv")


def test_a_stream_that_fails_is_broken_off_not_ended(caplog: pytest.LogCaptureFixture) -> None:
    def failing() -> Iterator[bytes]:
        yield b"half"
        raise ZeroDivisionError

    sent = asyncio.run(sent_of(Stream(chunks=failing(), media_type="a/b")))
    assert body_of(sent) == b"half" and not is_whole(sent)
    assert "an answer broke off" in caplog.text


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "EVERY", 0.02)


def watch_of(engine: Engine) -> Watch:
    return Watch(lambda: transaction(engine, read_only=True), Settings())


@pytest.mark.usefixtures("quick")
def test_a_watch_ends_those_who_are_gone_and_no_others(engine: Engine) -> None:
    with transaction(engine) as session:
        users = [factories.make_user(session) for _ in range(2)]
        gone, stays = (factories.make_session(session, user) for user in users)
        _, machine = factories.make_api_token(session, users[1].id, "case.list")
    watch = watch_of(engine)

    async def watched(token: str) -> bool:
        with watch.over(token) as scope:
            await asyncio.sleep(0.5)
        return scope.cancelled_caught

    async def all_of_them() -> list[bool]:
        running = [asyncio.create_task(watched(one)) for one in (gone, stays, machine, "made up")]
        await asyncio.sleep(0.1)
        with transaction(engine) as session:
            end_all_sessions(session, users[0].id)
        return list(await asyncio.gather(*running))

    assert asyncio.run(all_of_them()) == [True, False, False, True]


@pytest.mark.usefixtures("quick")
def test_a_watch_ends_whoever_may_no_longer(engine: Engine) -> None:
    with transaction(engine) as session:
        token = factories.make_session(session, factories.make_user(session))
    watch = watch_of(engine)
    told = iter([True, True])
    ended: list[bool] = []

    async def watched() -> None:
        with watch.over(token, lambda _session: next(told, False)) as scope:
            await asyncio.sleep(5)
        ended.append(scope.cancelled_caught)

    asyncio.run(asyncio.wait_for(watched(), 2))
    assert ended == [True]
    assert next(told, None) is None


@pytest.mark.usefixtures("quick")
def test_whoever_cannot_be_asked_about_has_ended(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    with transaction(engine) as session:
        token = factories.make_session(session, factories.make_user(session))

    def failing() -> AbstractContextManager[Session]:
        raise OSError("no store")

    watch = Watch(failing, Settings())

    async def watched() -> bool:
        with watch.over(token) as scope:
            await asyncio.sleep(5)
        return scope.cancelled_caught

    assert asyncio.run(asyncio.wait_for(watched(), 2))
    assert "nobody could be asked" in caplog.text


@pytest.mark.usefixtures("quick")
def test_an_endless_stream_ends_with_its_session(engine: Engine) -> None:
    """As a stream of events would use it: silent most of the time."""
    with transaction(engine) as session:
        user = factories.make_user(session)
        token = factories.make_session(session, user)
    watch = watch_of(engine)

    async def run() -> list[dict[str, Any]]:
        sent: list[dict[str, Any]] = []

        async def events() -> Any:
            yield b"data: 1\n\n"
            with transaction(engine) as session:
                end_all_sessions(session, user.id)
            await asyncio.sleep(5)
            yield b"data: 2\n\n"

        async def send(message: Any) -> None:
            sent.append(message)

        async def receive() -> Any:
            return await asyncio.Event().wait()

        answer = Pieces(events(), lambda: watch.over(token), media_type="text/event-stream")
        await asyncio.wait_for(answer.to_asgi_response()({}, receive, send), 2)  # type: ignore[arg-type]  # no scope
        return sent

    sent = asyncio.run(run())
    assert body_of(sent) == b"data: 1\n\n" and not is_whole(sent)
