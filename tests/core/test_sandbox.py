import os
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import Struct

from cpms_core import sandbox
from cpms_core.errors import InvalidError, PluginError, StoreUnavailableError
from cpms_core.sandbox_walls import Limits

JOBS = """
import os, signal, socket, subprocess, threading, time

def add(a, b):
    return {"total": a + b}

def refuse(sentence):
    raise ValueError(sentence)

def leak(secret):
    raise KeyError(secret)

def spin():
    while True:
        pass

def sleep():
    time.sleep(60)

def eat():
    hoard = []
    while True:
        hoard.append(bytearray(10_000_000))

def die():
    os.kill(os.getpid(), signal.SIGSEGV)

def flood():
    return b"x" * 3_000_000

def fill(target):
    with open(target, "wb") as file:
        for _ in range(100):
            file.write(b"x" * 100_000)
    return 0

def read(path):
    with open(path, "rb") as file:
        return file.read()

def count_files():
    found = 0
    for handle in range(256):
        try:
            os.fstat(handle)
        except OSError:
            continue
        found += 1
    return dict(os.environ), found

def attempt(what, number):
    try:
        {
            "socket": lambda: socket.create_connection(("127.0.0.1", number), timeout=2),
            "program": lambda: subprocess.run(["/bin/true"], check=True),
            "process": os.fork,
            "signal": lambda: os.kill(number, 0),
        }[what]()
    except OSError as error:
        return type(error).__name__
    return "done"

def thread():
    found = []
    worker = threading.Thread(target=lambda: found.append(1))
    worker.start()
    worker.join()
    return found

secrets = []

def remember(value):
    before = list(secrets)
    secrets.append(value)
    return before
"""


@pytest.fixture(autouse=True)
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "sandbox_jobs.py").write_text(JOBS)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    sandbox.close_all()
    sandbox._pools.clear()


class Total(Struct):
    total: int


def test_a_job_returns_its_result_as_the_type_the_caller_named() -> None:
    assert sandbox.run("sandbox_jobs:add", 2, 3, returns=Total) == Total(total=5)


def test_a_result_of_another_type_is_refused() -> None:
    with pytest.raises(InvalidError, match="nothing of it was kept"):
        sandbox.run("sandbox_jobs:add", 2, 3, returns=list[str])


def test_a_refusal_reaches_the_user_with_its_sentence() -> None:
    with pytest.raises(InvalidError, match=r"^This is no image\.$"):
        sandbox.run("sandbox_jobs:refuse", "This is no image.", returns=str)


def test_any_other_exception_keeps_its_message_to_itself(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(InvalidError, match="could not be read; nothing") as caught:
        sandbox.run("sandbox_jobs:leak", "Doe^Jane", returns=str)
    assert "Doe" not in str(caught.value) + caplog.text
    assert "KeyError at" in caplog.text


@pytest.mark.parametrize(
    ("job", "limits", "sentence"),
    [
        ("spin", Limits(cpu_seconds=1), "limits of time"),
        ("sleep", Limits(wall_seconds=0.3), "limits of time;"),
        ("eat", Limits(), "limits of memory"),
        ("die", Limits(), "could not be read;"),
        ("flood", Limits(result_bytes=1_000_000), "could not be read;"),
    ],
)
def test_a_job_that_goes_too_far_ends_in_a_sentence_and_the_next_one_works(
    job: str, limits: Limits, sentence: str
) -> None:
    with pytest.raises(InvalidError, match=sentence):
        sandbox.run(f"sandbox_jobs:{job}", returns=bytes, limits=limits)
    assert sandbox.run("sandbox_jobs:add", 1, 1, returns=Total).total == 2


def test_a_job_writes_only_where_it_may(tmp_path: Path) -> None:
    mine, other = tmp_path / "mine", tmp_path / "other"
    mine.touch()
    sandbox.run("sandbox_jobs:fill", mine, returns=int, write=mine)
    assert mine.stat().st_size == 10_000_000
    if "files" not in sandbox.walls():
        pytest.skip("this kernel has no Landlock")
    with pytest.raises(InvalidError):
        sandbox.run("sandbox_jobs:fill", str(other), returns=int, write=mine)
    assert not other.exists()


def test_a_job_may_not_write_more_than_its_limit(tmp_path: Path) -> None:
    target = tmp_path / "out" / "file"
    target.parent.mkdir()
    with pytest.raises(InvalidError):
        sandbox.run(
            "sandbox_jobs:fill",
            str(target),
            returns=bytes,
            write=target.parent,
            limits=Limits(file_bytes=50_000),
        )
    assert target.stat().st_size <= 50_000


def test_a_full_disk_is_not_told_as_the_files_fault() -> None:
    with pytest.raises(StoreUnavailableError, match="cannot write to its disk"):
        sandbox.run("sandbox_jobs:fill", "/dev/full", returns=int, write=Path("/dev/full"))


def test_a_job_finds_no_environment_and_no_stray_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CPMS_CANARY", "secret")
    environment, files = sandbox.run("sandbox_jobs:count_files", returns=tuple[dict[str, str], int])
    assert environment == {}
    assert files == 4  # three null devices and the pipe to its caller


def test_a_job_inherits_nothing_from_the_one_before() -> None:
    for value in ("first", "second"):
        assert sandbox.run("sandbox_jobs:remember", value, returns=list[str]) == []


def test_a_job_reaches_no_network() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        outcome = sandbox.run(
            "sandbox_jobs:attempt", "socket", server.getsockname()[1], returns=str
        )
    assert outcome in {"PermissionError", "OSError", "ConnectionRefusedError"}


def test_a_job_starts_no_program_and_no_process_and_signals_nobody() -> None:
    if "calls" not in sandbox.walls():
        pytest.skip("this kernel refuses system call filters")
    for what in ("program", "process", "signal"):
        outcome = sandbox.run("sandbox_jobs:attempt", what, os.getpid(), returns=str)
        assert outcome == "PermissionError", what
    assert sandbox.run("sandbox_jobs:thread", returns=list[int]) == [1]


def test_a_job_reads_only_the_files_it_was_given(tmp_path: Path) -> None:
    if "files" not in sandbox.walls():
        pytest.skip("this kernel has no Landlock")
    mine, other = tmp_path / "mine", tmp_path / "other"
    mine.write_bytes(b"mine")
    other.write_bytes(b"other")
    assert sandbox.run("sandbox_jobs:read", mine, returns=bytes) == b"mine"
    with pytest.raises(InvalidError):
        sandbox.run("sandbox_jobs:read", str(other), returns=bytes)


def test_an_unknown_function_names_itself() -> None:
    with pytest.raises(PluginError, match="sandbox_jobs:nothing cannot be run in the sandbox"):
        sandbox.run("sandbox_jobs:nothing", returns=str)


def test_a_killed_nursery_is_replaced() -> None:
    assert sandbox.run("sandbox_jobs:add", 1, 1, returns=Total).total == 2
    (nursery,) = sandbox._pools["sandbox_jobs:add"].idle
    os.kill(nursery.process.pid, signal.SIGKILL)
    nursery.process.wait()
    assert sandbox.run("sandbox_jobs:add", 2, 2, returns=Total).total == 4


def test_two_hundred_jobs_from_several_threads_leave_nothing_behind() -> None:
    sandbox.run("sandbox_jobs:add", 0, 0, returns=Total)
    sandbox.close_all()
    files = _open_files()
    totals: list[int] = []

    def work() -> None:
        totals.extend(
            sandbox.run("sandbox_jobs:add", number, 1, returns=Total).total for number in range(50)
        )

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    nurseries = [nursery.process.pid for nursery in sandbox._pools["sandbox_jobs:add"].idle]
    assert sorted(totals) == sorted([*range(1, 51)] * 4)
    assert 1 <= len(nurseries) <= sandbox.PARALLEL
    for pid in nurseries:
        assert Path(f"/proc/{pid}/task/{pid}/children").read_text() == ""
    sandbox.close_all()
    assert _open_files() == files
    assert not any(Path(f"/proc/{pid}").exists() for pid in nurseries)


def _open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
