"""Which of a server's worker processes answers: read from /proc, so that the site need not tell.

A connection that stays open stays with the worker that accepted it. The kernel knows the server's
end of it by the client's port, and which process holds that end.
"""

import re
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx

from tests.journeys.server import Server


class Lane(httpx.Client):
    """One connection to one worker; every request asserts that it is still the same."""

    def __init__(self, server: Server) -> None:
        super().__init__(
            base_url=server.url,
            timeout=20,
            limits=httpx.Limits(max_connections=1, keepalive_expiry=600),
        )
        self._port = 0
        self._port = self._port_of(self.request("GET", "/health"))
        self.pid = _holder(server, self._port)

    def request(self, *args: Any, **options: Any) -> httpx.Response:
        answer = super().request(*args, **options)
        port = self._port_of(answer)
        assert self._port in (0, port), "another connection was made, perhaps to another worker"
        return answer

    @staticmethod
    def _port_of(answer: httpx.Response) -> int:
        return int(answer.extensions["network_stream"].get_extra_info("client_addr")[1])


class Lanes:
    """A connection to each worker; `with Lanes(server, 2) as (one, other):`."""

    def __init__(self, server: Server, workers: int) -> None:
        self._server, self._workers = server, workers
        self._all: list[Lane] = []

    def __enter__(self) -> tuple[Lane, ...]:
        found: dict[int, Lane] = {}
        ends = time.monotonic() + 30
        while len(found) < self._workers:
            assert time.monotonic() < ends, f"only {list(found)} accept connections"
            # Those that are not wanted stay open: a worker that has many leaves more to the others.
            lane = Lane(self._server)
            self._all.append(lane)
            found.setdefault(lane.pid, lane)
        return tuple(found.values())

    def __exit__(self, *_: object) -> None:
        for lane in self._all:
            lane.close()


def _holder(server: Server, client_port: int) -> int:
    """The process of the server that holds the other end of a connection from this port."""
    ends = time.monotonic() + 5
    while time.monotonic() < ends:
        inode = _inode(server.port, client_port)
        for pid in descendants(server.pid):
            if inode in _sockets(pid):
                return pid
    raise AssertionError(f"no worker holds the connection from port {client_port}")


def _inode(port: int, client_port: int) -> str:
    ours, theirs = f":{port:04X}", f":{client_port:04X}"
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            columns = line.split()
            if columns[1].endswith(ours) and columns[2].endswith(theirs):
                return columns[9]
    return "none"


def descendants(pid: int) -> list[int]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            stat = (folder / "stat").read_text()
        except OSError:
            continue  # it has ended meanwhile
        parent = int(stat.rpartition(")")[2].split()[1])
        if parent == pid:
            found += [int(folder.name), *descendants(int(folder.name))]
    return found


def _sockets(pid: int) -> set[str]:
    found = (re.fullmatch(r"socket:\[(\d+)\]", name) for name in open_files(pid))
    return {match[1] for match in found if match}


def open_files(pid: int) -> list[str]:
    """What a process holds open: files by their paths, sockets by their numbers."""
    found = []
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):  # it was closed while we looked
            found.append(str(link.readlink()))
    return found


def answers_everywhere(
    lanes: tuple[Lane, ...], path: str, status: int, within: float = 1.0, **options: Any
) -> None:
    """Fails unless every worker answers so, and goes on to, before the time is up."""
    ends = time.monotonic() + within
    while True:
        told = {lane.pid: lane.request("GET", path, **options).status_code for lane in lanes}
        if set(told.values()) == {status}:
            return
        assert time.monotonic() < ends, f"not within {within} s: {told}"
