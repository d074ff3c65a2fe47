"""What goes over the wire byte by byte: lies about length, half requests, other hosts, odd verbs.

Against the real server, whose parser an in-process client never meets.
"""

import re
import resource
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx
import pytest

from tests.engines import SqliteTemplate
from tests.journeys.server import Person, Server, make_data
from tests.journeys.workers import descendants

AT_ONCE = 2.0
GIGABYTE = 2**30


@pytest.fixture(scope="module")
def server(
    sqlite_template: SqliteTemplate, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    data = tmp_path_factory.mktemp("sockets") / "data"
    make_data(data, sqlite_template)
    with Server(data) as made:
        yield made


def send(server: Server, *parts: bytes, waits: float = 5.0) -> tuple[int, bytes, float]:
    """The status (0 if it hung up), the whole answer, and the seconds until its first byte."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=waits) as wire:
        with suppress(BrokenPipeError, ConnectionResetError):
            for part in parts:
                wire.sendall(part)
        started = time.monotonic()
        answer, first = b"", 0.0
        with suppress(TimeoutError, ConnectionResetError):
            while chunk := wire.recv(65536):
                first = first or time.monotonic() - started
                answer += chunk
                wire.settimeout(0.3)
    found = re.match(rb"HTTP/1\.[01] (\d{3})", answer)
    return int(found[1]) if found else 0, answer, first or time.monotonic() - started


def head(server: Server, line: str, *headers: str, host: str | None = None) -> bytes:
    lines = [line, f"Host: {host or f'localhost:{server.port}'}", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1")


def as_person(person: Person) -> tuple[str, ...]:
    return tuple(f"{name}: {person.headers[name]}" for name in ("Cookie", "X-CSRF-Token", "Origin"))


UPLOAD = "POST /cases/01890000-0000-7000-8000-000000000000/files HTTP/1.1"


@pytest.mark.parametrize(
    "kind", ["application/octet-stream", "multipart/form-data; boundary=x", "application/json"]
)
def test_a_stranger_is_refused_before_anything_is_read(server: Server, kind: str) -> None:
    """A gigabyte is announced and nothing of it sent."""
    request = head(server, UPLOAD, f"Content-Type: {kind}", f"Content-Length: {GIGABYTE}")
    status, _, seconds = send(server, request)
    assert status in {401, 413}
    assert seconds < AT_ONCE
    chunked = head(server, UPLOAD, f"Content-Type: {kind}", "Transfer-Encoding: chunked")
    status, _, seconds = send(server, chunked, b"5\r\nabcde\r\n")
    assert status == 401
    assert seconds < AT_ONCE
    assert list((server.data / "files").rglob("tmp/*")) == []


def test_more_than_the_limit_is_refused_before_it_is_sent(server: Server) -> None:
    own = as_person(server.person())
    for line, kind in ((UPLOAD, "application/octet-stream"), ("POST /sign-out HTTP/1.1", "a/b")):
        request = head(server, line, *own, f"Content-Type: {kind}", f"Content-Length: {GIGABYTE}")
        status, answer, seconds = send(server, request)
        assert status == 413, answer[:300]
        assert seconds < AT_ONCE


@pytest.mark.parametrize(
    "lines",
    [
        ("Content-Length: -1",),
        ("Content-Length: 5", "Content-Length: 6"),
        ("Content-Length: 5, 6",),
        ("Content-Length: 99999999999999999999999",),
        ("Content-Length: 0x10",),
        ("Content-Length: 5", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: chunked, identity",),
        ("Transfer-Encoding: gzip, chunked",),
        ("Transfer-Encoding : chunked",),
        ("Content-Encoding: gzip", "Content-Length: 5"),
        ("Expect: 100-continue", "Content-Length: 5"),
        ("X-A: b\x00c",),
        ("X-A: b", " folded"),
        ("No colon here",),
        (f"X-A: {'a' * 300_000}",),
        tuple(f"X-{n}: 1" for n in range(2000)),
    ],
    ids=range(16),
)
def test_a_lie_about_the_request_gets_a_plain_refusal(
    server: Server, lines: tuple[str, ...]
) -> None:
    own = as_person(server.person())
    body = b"0\r\n\r\n" if "chunked" in str(lines) else b"hello"
    request = head(server, "POST /sign-out HTTP/1.1", *own, "Content-Type: text/plain", *lines)
    status, answer, _ = send(server, request, body)
    assert status < 500, answer[:300]
    assert b"Traceback" not in answer
    assert httpx.get(f"{server.url}/health").status_code == 200


def test_a_body_without_an_end_is_cut_at_the_limit_and_not_gathered(server: Server) -> None:
    """Sixty-four megabytes in chunks, of which a form may have four."""
    own = as_person(server.person())
    for kind in ("text/plain", "application/json", "application/x-www-form-urlencoded"):
        before = memory_of(server)
        request = head(
            server,
            "POST /sign-out HTTP/1.1",
            *own,
            f"Content-Type: {kind}",
            "Transfer-Encoding: chunked",
        )
        chunk = b"10000\r\n" + b"a" * 2**16 + b"\r\n"
        status, answer, _ = send(server, request, *[chunk] * 1024)
        # Where it hung up while we still sent, the answer may be lost.
        assert status in {0, 413}, answer[:300]
        assert memory_of(server) - before < 2**26, kind
    assert httpx.get(f"{server.url}/health").status_code == 200


def test_a_million_parts_are_refused_soon(server: Server) -> None:
    own = as_person(server.person())
    parts = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n' * 1_000_000
    lines = ("Content-Type: multipart/form-data; boundary=x", f"Content-Length: {len(parts) + 5}")
    before, started = memory_of(server), time.monotonic()
    status, answer, _ = send(server, head(server, UPLOAD, *own, *lines), parts, b"--x--", waits=20)
    assert status in {0, *range(400, 500)}, answer[:300]
    assert time.monotonic() - started < 20
    assert memory_of(server) - before < 2**27
    assert httpx.get(f"{server.url}/health").status_code == 200


def memory_of(server: Server) -> int:
    """What its processes hold, in bytes."""
    pages = 0
    for pid in descendants(server.pid):
        with suppress(OSError):
            pages += int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def test_a_second_request_hidden_in_the_first_is_not_answered(server: Server) -> None:
    hidden = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
    for lines in (
        (f"Content-Length: {len(hidden)}", "Transfer-Encoding: chunked"),
        ("Content-Length: 0", f"Content-Length: {len(hidden)}"),
    ):
        request = head(server, "POST /sign-in/begin HTTP/1.1", *lines)
        _, answer, _ = send(server, request, b"0\r\n\r\n", hidden)
        assert answer.count(b"HTTP/1.1 200") == 0, answer[:600]


@pytest.mark.parametrize(
    "line",
    [
        "GET /sign-in HTTP/9.9",
        "GET /sign-in",
        "GET sign-in HTTP/1.1",
        "GET * HTTP/1.1",
        "GET /\x00 HTTP/1.1",
        "GET /\xff\xfe HTTP/1.1",
        "GET /sign-in?\xff HTTP/1.1",
        "GET /%zz HTTP/1.1",
        "GET /%ff%fe HTTP/1.1",
        "GET /enrol/%00 HTTP/1.1",
        "GET /../../etc/passwd HTTP/1.1",
        "GET /assets/web/../../../../etc/passwd HTTP/1.1",
        "GET /assets/web/%2e%2e/%2e%2e%2fetc%2fpasswd HTTP/1.1",
        "GET http://evil.example/sign-in HTTP/1.1",
        "GET //evil.example/sign-in HTTP/1.1",
        f"GET /{'a' * 100_000} HTTP/1.1",
        f"GET /?{'a=1&' * 30_000} HTTP/1.1",
        "CONNECT evil.example:443 HTTP/1.1",
        "TRACE /sign-in HTTP/1.1",
        "OPTIONS * HTTP/1.1",
        "get /sign-in HTTP/1.1",
        "PROPFIND / HTTP/1.1",
        "PRI * HTTP/2.0",
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
    ids=range(24),
)
def test_an_odd_first_line_breaks_nothing(server: Server, line: str) -> None:
    status, answer, _ = send(server, head(server, line), waits=2.5)
    assert status < 500, answer[:300]
    assert b"Traceback" not in answer and b"root:x" not in answer
    assert b"evil.example" not in answer.partition(b"\r\n\r\n")[0]


@pytest.mark.parametrize(
    ("host", "more"),
    [
        ("evil.example", ()),
        ("localhostXevil", ()),
        ("localhost:1", ()),
        ("user@localhost", ()),
        ("localhost.", ()),
        ("", ()),
        ("evil.example", ("X-Forwarded-Host: localhost",)),
        ("127.0.0.1\x00", ()),
    ],
)
def test_the_site_answers_to_its_own_name_only(
    server: Server, host: str, more: tuple[str, ...]
) -> None:
    request = head(server, "GET /sign-in HTTP/1.1", *more).replace(
        f"Host: localhost:{server.port}".encode(), b"Host: " + host.encode()
    )
    status, answer, _ = send(server, request)
    assert status == 400, answer[:300]
    assert host.encode() not in answer.partition(b"\r\n\r\n")[0] or not host


def test_a_request_without_a_host_or_with_two_is_refused(server: Server) -> None:
    assert send(server, b"GET /sign-in HTTP/1.1\r\n\r\n")[0] == 400
    twice = head(server, "GET /sign-in HTTP/1.1", "Host: evil.example")
    assert send(server, twice)[0] == 400


def test_half_a_request_keeps_nobody_waiting_and_is_cut(server: Server) -> None:
    own = as_person(server.person())
    with ExitStack() as stack:
        wires = []
        for number in range(60):
            wire = socket.create_connection(("127.0.0.1", server.port), timeout=20)
            stack.enter_context(wire)
            half = head(server, UPLOAD, *own, "Content-Length: 1000000")
            wire.sendall(half[:-2] if number % 2 else half + b"some")
            wires.append(wire)
        for _ in range(5):
            started = time.monotonic()
            assert httpx.get(f"{server.url}/health", timeout=5).status_code == 200
            assert time.monotonic() - started < AT_ONCE
        ends = time.monotonic() + 20
        assert all(is_cut(wire, ends) for wire in wires), "some were still open after 20 s"


def is_cut(wire: socket.socket, ends: float) -> bool:
    try:
        wire.settimeout(max(ends - time.monotonic(), 0.01))
        while wire.recv(65536):
            pass
    except TimeoutError:
        return False
    except ConnectionResetError:
        return True
    return True
