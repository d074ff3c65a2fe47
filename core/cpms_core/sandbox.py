"""Runs a function on a hostile file in a child process that can hurt nobody.

`run("package.module:function", source, returns=T)` forks the job from a *nursery*: a fresh
interpreter, started with an empty environment, that has imported the function's module and nothing
of this site. A job therefore costs a fork (about 10 ms) and not an interpreter, sees no secret but
its own arguments, and takes nothing with it when it dies. Limits and walls: see `sandbox_walls`.

At most two jobs of one function run at a time; further callers wait. Idle nurseries are closed.
"""

import atexit
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import msgspec

from cpms_core.errors import (
    DISK_REFUSES,
    NO_ROOM,
    InvalidError,
    PluginError,
    StoreUnavailableError,
)
from cpms_core.sandbox_walls import Ended, Limits, Order, Reply

T = TypeVar("T")

PARALLEL = 2
IDLE_SECONDS = 60.0
IMPORT_SECONDS = 60.0
GRACE_SECONDS = 10.0
"""How much longer than the job's own wall clock we wait for the nursery to report."""
BEYOND = "This file could not be read within the limits of {}; nothing of it was kept."
BROKEN = "This file could not be read; nothing of it was kept."

log = logging.getLogger(__name__)


def run(
    ref: str,
    *args: object,
    returns: type[T],
    limits: Limits | None = None,
    read: Iterable[Path] = (),
    write: Path | None = None,
) -> T:
    """Call the module-level function `ref` with plain values and return what it returns.

    A `Path` among the arguments reaches the function as a string and may be read by it, as may
    what `read` names. `write` is what it may write: a folder, or a file that is there already.
    A plain ValueError becomes an InvalidError with its sentence, a full disk a
    StoreUnavailableError; any other end becomes an InvalidError that says which limit was met.
    """
    readable = [a for a in args if isinstance(a, Path) and a.exists()]
    order = Order(
        limits=limits or Limits(),
        read=[str(path) for path in (*readable, *read)],
        write=str(write) if write else "",
    )
    payload = msgspec.msgpack.encode(args, enc_hook=str)
    reply = _pool(ref).run(order, payload)
    try:
        return msgspec.msgpack.decode(reply, type=returns)
    except msgspec.MsgspecError as error:
        log.warning("sandbox: %s did not return a %s", ref, returns)
        raise InvalidError(BROKEN) from error


def close_all() -> None:
    """Close every nursery; the next job starts a new one."""
    with _pools_lock:
        pools = list(_pools.values())
    for pool in pools:
        pool.close_idle(older_than=0.0)


def walls(ref: str = "cpms_core.sandbox_walls:standing") -> tuple[str, ...]:
    """Which walls this machine gives a job: some kernels and containers refuse one or another."""
    return tuple(run(ref, returns=list[str]))


class _Pool:
    """The nurseries of one function."""

    def __init__(self, ref: str) -> None:
        self.ref = ref
        self.slots = threading.BoundedSemaphore(PARALLEL)
        self.lock = threading.Lock()
        self.idle: list[_Nursery] = []
        self.sweeper: threading.Timer | None = None

    def run(self, order: Order, payload: bytes) -> bytes:
        with self.slots:
            nursery = self._take()
            try:
                reply = nursery.run(order, payload)
            except BaseException:
                nursery.close()
                raise
            self._give_back(nursery)
        return _verdict(self.ref, order.limits, *reply)

    def close_idle(self, older_than: float) -> None:
        before = time.monotonic() - older_than
        with self.lock:
            stale = [nursery for nursery in self.idle if nursery.idle_since <= before]
            self.idle = [nursery for nursery in self.idle if nursery not in stale]
        for nursery in stale:
            nursery.close()

    def _take(self) -> "_Nursery":
        with self.lock:
            nursery = self.idle.pop() if self.idle else None
        if nursery and nursery.process.poll() is None:
            return nursery
        if nursery:
            nursery.close()
        return _Nursery(self.ref)

    def _give_back(self, nursery: "_Nursery") -> None:
        nursery.idle_since = time.monotonic()
        with self.lock:
            self.idle.append(nursery)
            if self.sweeper is None:
                self._sweep_later()

    def _sweep_later(self) -> None:
        self.sweeper = threading.Timer(IDLE_SECONDS, self._sweep)
        self.sweeper.daemon = True
        self.sweeper.start()

    def _sweep(self) -> None:
        self.close_idle(IDLE_SECONDS)
        with self.lock:
            self.sweeper = None
            if self.idle:
                self._sweep_later()


class _Nursery:
    """One child interpreter. Not thread-safe: whoever took it from the pool owns it."""

    def __init__(self, ref: str) -> None:
        self.idle_since = 0.0
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self.process = subprocess.Popen(  # noqa: S603 - our own interpreter, no shell, no input
                _command(theirs.fileno(), ref),
                env=_ENVIRONMENT,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
            )
        self.control.settimeout(IMPORT_SECONDS)
        greeting = self._receive()
        if greeting != b"ready":
            self.close()
            reason = greeting.decode(errors="replace") or "the child process did not start"
            raise PluginError(f"{ref} cannot be run in the sandbox: {reason}")

    def run(self, order: Order, payload: bytes) -> tuple[bytes | None, Ended]:
        """What the job answered, None if it was too much or too late, and how it ended."""
        deadline = time.monotonic() + order.limits.wall_seconds + GRACE_SECONDS
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                socket.send_fds(self.control, [msgspec.msgpack.encode(order)], [theirs.fileno()])
            answer = _exchange(ours, payload, order.limits.result_bytes, deadline)
        self.control.settimeout(max(0.1, deadline - time.monotonic()))
        report = self._receive()
        if not report:
            raise InvalidError(BEYOND.format("time"))
        return answer, msgspec.msgpack.decode(report, type=Ended)

    def close(self) -> None:
        """Nurseries end when their control socket does; one that does not is killed."""
        self.control.close()
        try:
            self.process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _receive(self) -> bytes:
        """One message; empty if the nursery is gone or silent for too long."""
        try:
            return self.control.recv(65536)
        except OSError:
            return b""


def _exchange(ours: socket.socket, payload: bytes, most: int, deadline: float) -> bytes | None:
    """Send the arguments, read the answer to its end; None if it is too long or too late."""
    answer = bytearray()
    try:
        ours.settimeout(max(0.1, deadline - time.monotonic()))
        with suppress(BrokenPipeError, ConnectionResetError):  # it died: its report says how
            ours.sendall(payload)
            ours.shutdown(socket.SHUT_WR)
        while len(answer) <= most:
            ours.settimeout(max(0.1, deadline - time.monotonic()))
            chunk = ours.recv(1 << 20)
            if not chunk:
                return bytes(answer)
            answer += chunk
    except OSError:
        return None
    return None


def _verdict(ref: str, limits: Limits, answer: bytes | None, ended: Ended) -> bytes:
    """The encoded result of a job that ended well; an InvalidError for any other."""
    if ended.timed_out:
        raise InvalidError(BEYOND.format("time"))
    try:
        reply = msgspec.msgpack.decode(answer or b"", type=Reply)
    except msgspec.MsgspecError:
        log.warning("sandbox: %s died of signal %d under %s", ref, ended.signal, limits)
        raise InvalidError(_sentence_of_death(ended)) from None
    if reply.refused:
        raise InvalidError(reply.refused)
    if reply.failed:
        # Where, never what: an exception's message may quote the patient's file.
        log.warning("sandbox: %s failed with %s", ref, reply.failed)
        if reply.errno in NO_ROOM:
            raise StoreUnavailableError(DISK_REFUSES)
        out_of_memory = reply.failed.startswith("MemoryError")
        raise InvalidError(BEYOND.format("memory") if out_of_memory else BROKEN)
    return reply.result


def _sentence_of_death(ended: Ended) -> str:
    if ended.signal in {signal.SIGXCPU, signal.SIGALRM}:
        return BEYOND.format("time")
    if ended.signal == signal.SIGKILL:
        return BEYOND.format("time and memory")
    return BROKEN


def _command(control: int, ref: str) -> list[str]:
    """The child finds the same modules as we do, but never by way of the current folder."""
    path = [entry for entry in sys.path if entry not in {"", "."}]
    child = [sys.executable, "-I", "-W", "ignore", "-m", "cpms_core.sandbox_child"]
    return [*child, str(control), ref, *path]


# One thread and one arena, or the numerical libraries reserve the whole address space at once.
_ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"}

_pools: dict[str, _Pool] = {}
_pools_lock = threading.Lock()


def _pool(ref: str) -> _Pool:
    with _pools_lock:
        return _pools.setdefault(ref, _Pool(ref))


def _forget() -> None:
    """A forked server process must not talk to its parent's nurseries."""
    global _pools, _pools_lock
    _pools, _pools_lock = {}, threading.Lock()


atexit.register(close_all)
os.register_at_fork(after_in_child=_forget)
