"""Streams of signs: who gets which, when they end, and what they cost while nothing happens."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, suppress
from uuid import UUID

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from cpms_core import audit
from cpms_core.answers import Live
from cpms_core.audit import AuditEvent, Event
from cpms_core.db import new_id, transaction
from cpms_core.errors import FullError, TooManyError
from cpms_core.http import live, looking
from cpms_core.http.live import Hub

CASE, PATIENT = new_id(), new_id()
CHANGED, OVER = b"event: changed\n", b"event: over\n"
SOON, NEVER = 5.0, 0.3
"""Seconds: until something must have come, and after which nothing will."""


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "EVERY", 0.02)


@pytest.fixture
def hub(engine: Engine) -> Hub:
    def reading() -> AbstractContextManager[Session]:
        return transaction(engine, read_only=True)

    return Hub(reading)


def watching(may: Callable[[Session], bool] = lambda _: True, **values: object) -> Live:
    common: dict[str, object] = {
        "case_id": CASE,
        "patient_id": PATIENT,
        "tells": frozenset({str(Event.CONTRIBUTED)}),
        "erns": frozenset({"ithaca"}),
        "still_may": may,
    }
    return Live(**(common | values))  # type: ignore[arg-type]  # by name, as above


def happens(
    engine: Engine, event: Event = Event.CONTRIBUTED, case_id: UUID = CASE, ern_id: str = "ithaca"
) -> None:
    with transaction(engine) as session:
        audit.record(session, None, event, case_id=case_id, ern_id=ern_id)


class Heard:
    """What one stream says, read by a task: waiting for it in vain must not break it off."""

    def __init__(self, stream: AsyncGenerator[bytes, None]) -> None:
        self._blocks: asyncio.Queue[bytes] = asyncio.Queue()
        self.task = asyncio.create_task(self._read(stream))

    async def _read(self, stream: AsyncGenerator[bytes, None]) -> None:
        async for block in stream:
            self._blocks.put_nowait(block)
        self._blocks.put_nowait(b"end")

    async def next(self, within: float) -> bytes:
        """Empty if nothing comes."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                return await self._blocks.get()
        return b""


async def nobody_looks(hub: Hub) -> None:
    """Once there is no stream; fails if it goes on."""
    if hub._rounds is not None:
        await asyncio.wait_for(hub._rounds, SOON)
    assert hub._rounds is None


Act = Callable[[Heard], Awaitable[None]]


def run(hub: Hub, act: Act, what: Live | None = None) -> None:
    """With one stream that has begun."""

    async def go() -> None:
        heard = Heard(hub.open(what or watching(), "token"))
        assert (await heard.next(SOON)).startswith(b"retry: ")
        await act(heard)
        heard.task.cancel()
        with suppress(asyncio.CancelledError):
            await heard.task
        await nobody_looks(hub)

    asyncio.run(go())


def test_each_event_gives_one_sign_that_holds_its_id_only(hub: Hub, engine: Engine) -> None:
    async def act(heard: Heard) -> None:
        happens(engine)
        sign = await heard.next(SOON)
        assert sign.startswith(CHANGED)
        told = UUID(sign.partition(b"data: ")[2].strip().decode())
        with transaction(engine) as session:
            assert session.scalars(select(AuditEvent.id)).all() == [told]
        assert await heard.next(NEVER) == b""

    run(hub, act)


@pytest.mark.parametrize(
    "other",
    [
        {"event": Event.CASE_READ},
        {"case_id": new_id()},
        {"ern_id": "erknet"},
    ],
)
def test_readings_other_cases_and_other_erns_give_none(
    hub: Hub, engine: Engine, other: dict[str, object]
) -> None:
    async def act(heard: Heard) -> None:
        happens(engine, **other)  # type: ignore[arg-type]  # by name, as above
        assert await heard.next(NEVER) == b""

    run(hub, act)


def test_what_a_page_has_already_gives_none_and_what_it_lacks_gives_one_at_once(
    hub: Hub, engine: Engine
) -> None:
    with transaction(engine) as session:
        audit.record(session, None, Event.CONTRIBUTED, case_id=CASE, ern_id="ithaca")
        known = frozenset(session.scalars(select(AuditEvent.id)))

    async def silent(heard: Heard) -> None:
        assert await heard.next(NEVER) == b""

    async def behind(heard: Heard) -> None:
        assert (await heard.next(SOON)).startswith(CHANGED)

    run(hub, silent, watching(seen=known))
    run(hub, behind, watching(seen=known, is_behind=True))


def test_what_is_committed_after_a_later_event_is_told_too(hub: Hub, engine: Engine) -> None:
    if engine.dialect.name == "sqlite":
        pytest.skip("writers queue there, so what was begun first is committed first")

    async def act(heard: Heard) -> None:
        with transaction(engine) as slow:
            audit.record(slow, None, Event.CONTRIBUTED, case_id=CASE, ern_id="ithaca")
            happens(engine)
            assert (await heard.next(SOON)).startswith(CHANGED)
        assert (await heard.next(SOON)).startswith(CHANGED)

    run(hub, act)


def test_a_stream_ends_with_the_right_and_says_so_once(hub: Hub, engine: Engine) -> None:
    rights = iter([True, False])

    async def act(heard: Heard) -> None:
        happens(engine)
        assert (await heard.next(SOON)).startswith(CHANGED)
        happens(engine)
        assert (await heard.next(SOON)).startswith(OVER)
        assert await heard.next(SOON) == b"end"

    run(hub, act, watching(may=lambda _: next(rights)))


def test_a_consent_that_is_withdrawn_makes_the_right_be_asked_for(hub: Hub, engine: Engine) -> None:
    async def act(heard: Heard) -> None:
        with transaction(engine) as session:
            audit.record(session, None, Event.CONSENT_WITHDRAWN, patient_id=PATIENT)
        assert (await heard.next(SOON)).startswith(OVER)

    run(hub, act, watching(may=lambda _: False))


def test_the_right_is_asked_for_now_and_then_although_nothing_happens(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looking, "ASKED_EVERY", 0.1)

    async def act(heard: Heard) -> None:
        assert (await heard.next(SOON)).startswith(OVER)

    run(hub, act, watching(may=lambda _: False))


def test_what_is_silent_gives_a_sign_of_life(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "HEARTBEAT", 0.05)

    async def act(heard: Heard) -> None:
        assert (await heard.next(SOON)).startswith(b":")

    run(hub, act)


def test_a_stream_is_opened_anew_after_some_time(hub: Hub) -> None:
    hub.longest = 0.1

    async def act(heard: Heard) -> None:
        assert [await heard.next(SOON) for _ in range(2)][-1] == b"end"

    run(hub, act)


def test_open_streams_hold_no_connection_to_the_store(hub: Hub, engine: Engine) -> None:
    async def go() -> None:
        streams = [hub.open(watching(), f"token {number}") for number in range(live.MOST)]
        for stream in streams:
            await anext(stream)
        held = []
        for _ in range(20):
            await asyncio.sleep(0.01)
            held.append(engine.pool.checkedout())  # type: ignore[attr-defined]  # of a QueuePool
        assert max(held) <= 1 and min(held) == 0, held
        with pytest.raises(FullError):
            hub.open(watching(), "one more")
        await streams[0].aclose()
        hub.open(watching(), "one more")
        for stream in streams:
            await stream.aclose()
        await nobody_looks(hub)

    asyncio.run(go())


def test_one_session_cannot_take_the_room_of_all(hub: Hub) -> None:
    async def go() -> None:
        streams = [hub.open(watching(), "token") for _ in range(live.MOST_OF_ONE + 1)]
        begun = [await anext(stream) for stream in streams]
        assert begun.count(live._AGAIN_SOON) == live.MOST_OF_ONE
        assert begun[-1] == live._AGAIN_LATER, "came in together with the others"
        assert [block async for block in streams[-1]] == []
        with pytest.raises(TooManyError):
            hub.open(watching(), "token")
        for stream in streams:
            await stream.aclose()
        await nobody_looks(hub)

    asyncio.run(go())


def test_a_store_that_is_away_for_a_moment_costs_no_sign(
    hub: Hub, engine: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    answers = iter([OSError("away")])

    def look(session: Session, streams: Sequence[looking.Stream]) -> object:
        for trouble in answers:
            raise trouble
        return looking.look(session, streams)

    monkeypatch.setattr(live, "look", look)

    async def act(heard: Heard) -> None:
        happens(engine)
        assert (await heard.next(SOON)).startswith(CHANGED)

    run(hub, act)
    assert "nobody could be asked what has happened" in caplog.text
