"""How soon an act on a panel reaches the pages that others have open, with many pages open."""

import asyncio
import os
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

from msgspec import Struct

from cpms_core.actor import Actor
from cpms_core.db import transaction
from tests.bench.figure import CannotMeasureError, Figure, at_most, spread
from tests.core.panels.consultation import Consultation, act
from tests.engines import SqliteTemplate
from tests.journeys.server import Person, Server, make_data
from tests.journeys.workers import descendants

STREAMS, OF_A_PANEL = 200, 5
_QUIET = 5.0
"""Seconds without an act, over which the worker's work for open pages alone is counted."""
_PATIENCE = 5.0


class Room(Struct):
    """A panel; who acts on it, and who has its page open."""

    panel_id: UUID
    author: Person
    readers: list[Person]


def measure(acts: int = 100, streams: int = STREAMS) -> Iterator[Figure]:
    with TemporaryDirectory(prefix="cpms-bench-") as name:
        folder = Path(name)
        make_data(folder / "site", SqliteTemplate(folder))
        with Server(folder / "site") as server:
            rooms = [_room(server) for _ in range(streams // OF_A_PANEL)]
            yield from asyncio.run(_measure(server, rooms, acts))


def _room(server: Server) -> Room:
    with transaction(server.engine) as session:
        made = Consultation(session)
        made.assess()
        others: list[Actor] = [act(session, hcp="NO01") for _ in range(2)]
        made.invite(*others)
        for other in others:
            made.accept(other)
        people = [made.submitter, made.lead, made.lyon, *others]
    return Room(
        made.panel.id,
        server.sign_in(made.ghent.user_id),
        [server.sign_in(one.user_id) for one in people],
    )


async def _measure(server: Server, rooms: list[Room], acts: int) -> list[Figure]:
    heard: defaultdict[UUID, list[float]] = defaultdict(list)
    wires = [
        await _open(server, room.panel_id, reader) for room in rooms for reader in room.readers
    ]
    listeners = [
        asyncio.create_task(_listen(wire, heard[room.panel_id]))
        for wire, room in zip(wires, (one for one in rooms for _ in one.readers), strict=True)
    ]
    await asyncio.sleep(3)  # signs of what made the panels
    worker = max(descendants(server.pid), key=_processor_time)
    spent = _processor_time(worker)
    await asyncio.sleep(_QUIET)
    idle = (_processor_time(worker) - spent) / _QUIET
    took, clicked = await _act(rooms, heard, acts)
    for task in listeners:
        task.cancel()
    for wire in wires:
        wire[1].close()
    return _figures(len(wires), took, clicked, idle, _threads(worker))


async def _act(
    rooms: list[Room], heard: dict[UUID, list[float]], acts: int
) -> tuple[list[float], list[float]]:
    """Seconds until each other page heard of it: after the act was done, and after its click."""
    took, clicked = [], []
    for number in range(acts):
        room = rooms[number % len(rooms)]
        heard[room.panel_id].clear()
        began = time.monotonic()
        await asyncio.to_thread(_contribute, room, number)
        done = time.monotonic()
        ends = done + _PATIENCE
        while len(times := heard[room.panel_id]) < len(room.readers):
            if time.monotonic() > ends:
                raise CannotMeasureError(f"only {len(times)} pages heard of an act")
            await asyncio.sleep(0.01)
        took += [max(at - done, 0) for at in times]
        clicked += [at - began for at in times]
    return took, clicked


def _figures(
    streams: int, took: list[float], clicked: list[float], idle: float, threads: int
) -> list[Figure]:
    return [
        at_most(
            f"An act reaches an open page, {streams} pages open, 95 of 100 within",
            300,
            1000 * _within(took, 0.95),
            "ms",
            f"{spread(took)}; from the click {1000 * _within(clicked, 0.95):.0f} ms",
        ),
        Figure(
            what=f"One worker's processor for {streams} open pages on which nothing happens",
            goal="",
            measured=f"{100 * idle:.1f} % of a core",
            remark=f"{threads} threads",
        ),
    ]


def _within(times: list[float], share: float) -> float:
    return sorted(times)[int(share * (len(times) - 1))]


def _contribute(room: Room, number: int) -> None:
    path = f"/panels/{room.panel_id}/contributions"
    answer = room.author.post(path, data={"text": f"Opinion {number}"})
    if answer.status_code != 303:
        raise CannotMeasureError(f"a contribution was answered with {answer.status_code}")


Wire = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def _open(server: Server, panel_id: UUID, reader: Person) -> Wire:
    wire = await asyncio.open_connection("127.0.0.1", server.port)
    head = f"GET /panels/{panel_id}/live HTTP/1.1\r\nHost: localhost:{server.port}\r\n"
    wire[1].write(f"{head}Cookie: cpms={reader.token}\r\n\r\n".encode())
    status = (await wire[0].readuntil(b"\r\n\r\n")).split(b" ", 2)[1]
    if status != b"200":
        raise CannotMeasureError(f"a stream was answered with {status.decode()}")
    return wire


async def _listen(wire: Wire, heard: list[float]) -> None:
    while line := await wire[0].readline():
        if line == b"event: changed\n":
            heard.append(time.monotonic())


def _processor_time(process: int) -> float:
    """Seconds, of all its threads."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _threads(process: int) -> int:
    return len(list(Path(f"/proc/{process}/task").iterdir()))
