"""A panel with its people at a real server, and what their open pages hear."""

import socket
import time
from typing import Self

from cpms_core.db import transaction
from tests.core.panels.consultation import Consultation
from tests.journeys.server import Person, Server


class Room:
    """A panel in its assessment, and its people in browsers of a real server."""

    def __init__(self, server: Server) -> None:
        self.server = server
        with transaction(server.engine) as session:
            made = Consultation(session).assess()
            self.panel_id, self.case_id = made.panel.id, made.case.id
            self.patient_id = made.case.patient_id
            people = (made.submitter, made.lead, made.ghent, made.lyon, made.coordinator)
        self.submitter, self.lead, self.ghent, self.lyon, self.coordinator = (
            server.sign_in(one.user_id) for one in people
        )

    @property
    def path(self) -> str:
        return f"/panels/{self.panel_id}"

    def contribute(self, who: Person, text: str = "One more thing.") -> float:
        """When it was there."""
        given = who.post(f"{self.path}/contributions", data={"text": text})
        assert given.status_code == 303, given.text[:2000]
        return time.monotonic()

    def listen(self, who: Person) -> "Listener":
        return Listener(self.server, f"{self.path}/live", who)


class Listener:
    """An EventSource."""

    def __init__(self, server: Server, path: str, who: Person) -> None:
        self.wire = socket.create_connection(("127.0.0.1", server.port), timeout=10)
        head = f"GET {path} HTTP/1.1\r\nHost: localhost:{server.port}\r\n"
        head += f"Accept: text/event-stream\r\nCookie: cpms={who.token}\r\n\r\n"
        self.wire.sendall(head.encode())
        self._got = b""
        self.head = self._until(b"\r\n\r\n", 10).decode().lower()
        self.status = int(self.head.split()[1])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.wire.close()

    def settle(self) -> Self:
        """Past the sign that is due because the panel was made a moment ago."""
        while self.hear(0.6):
            pass
        return self

    def hear(self, within: float) -> str:
        """The next event; empty if there is none, `end` if the server has hung up."""
        ends = time.monotonic() + within
        while (left := ends - time.monotonic()) > 0:
            try:
                block = self._until(b"\n\n", left).decode()
            except TimeoutError:
                return ""
            except EOFError:
                return "end"
            for line in block.splitlines():
                if line.startswith("event: "):
                    return line.removeprefix("event: ")
        return ""

    def _until(self, mark: bytes, within: float) -> bytes:
        ends = time.monotonic() + within
        while mark not in self._got:
            left = ends - time.monotonic()
            if self._got.endswith(b"\r\n0\r\n\r\n"):
                raise EOFError
            if left <= 0:
                raise TimeoutError
            self.wire.settimeout(left)
            chunk = self.wire.recv(2**14)
            if not chunk:
                raise EOFError
            self._got += chunk
        found, _, self._got = self._got.partition(mark)
        return found
