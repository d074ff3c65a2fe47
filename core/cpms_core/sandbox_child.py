"""The nursery: imports one function's module, then forks a process for every job of it.

Started by `cpms_core.sandbox` as `python -I -m cpms_core.sandbox_child CONTROL REF PATH…`, where
CONTROL is a socket that carries one order and one file descriptor for each job. Arguments and
result travel over that descriptor, between caller and job; nothing of them is ever in the nursery,
so no job can find what an earlier one was given. Ends when the control socket does.
"""

import gc
import os
import select
import signal
import socket
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

import msgspec

from cpms_core.sandbox_walls import Ended, Order, Reply, enclose_job, enclose_nursery

SENTENCE_LENGTH = 500


def main() -> None:
    handle, ref, *path = sys.argv[1:]
    sys.path[:] = path
    os.environ.clear()
    control = socket.socket(fileno=int(handle))
    try:
        job = _load(ref)
    except Exception as error:  # noqa: BLE001 - whatever a plugin's import raises is reported
        control.send(f"{type(error).__name__}: {error}".encode()[:1000])
        return
    enclose_nursery()
    gc.collect()
    gc.freeze()  # the jobs share these pages instead of copying them
    control.send(b"ready")
    while True:
        message, handles, _, _ = socket.recv_fds(control, 65536, 1)
        if not message:
            return
        order = msgspec.msgpack.decode(message, type=Order)
        control.send(msgspec.msgpack.encode(_supervise(job, order, handles[0], control)))


def _load(ref: str) -> Callable[..., Any]:
    module, _, name = ref.partition(":")
    job = getattr(import_module(module), name)
    if not callable(job):
        raise TypeError(f"{ref} is not a function")
    return job  # type: ignore[no-any-return]  # callable() narrows to no signature


def _supervise(job: Callable[..., Any], order: Order, handle: int, control: socket.socket) -> Ended:
    """Fork, wait, kill what is late or no longer wanted, and always reap."""
    pid = os.fork()
    if pid == 0:
        try:
            control.close()
            _work(job, order, handle)
        finally:
            os._exit(0)
    os.close(handle)
    process = os.pidfd_open(pid)
    watched = [process, control.fileno()]
    ready, _, _ = select.select(watched, [], [], order.limits.wall_seconds)
    if process not in ready:
        os.kill(pid, signal.SIGKILL)
    os.close(process)
    _, status = os.waitpid(pid, 0)
    return Ended(signal=os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0, timed_out=not ready)


def _work(job: Callable[..., Any], order: Order, handle: int) -> None:
    with open(handle, "r+b", buffering=0) as pipe:
        args = msgspec.msgpack.decode(pipe.read())
        enclose_job(order)
        reply = msgspec.msgpack.encode(_answer(job, args))
        view = memoryview(reply)
        while view:
            view = view[pipe.write(view) or 0 :]


def _answer(job: Callable[..., Any], args: list[Any]) -> Reply:
    try:
        return Reply(result=msgspec.msgpack.encode(job(*args)))
    except Exception as error:  # noqa: BLE001 - a job may fail in any way whatever
        if type(error) is ValueError:
            return Reply(refused=str(error)[:SENTENCE_LENGTH] or "This file is refused.")
        number = error.errno or 0 if isinstance(error, OSError) else 0
        return Reply(failed=f"{type(error).__name__} at {_place(error)}", errno=number)


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return "an unknown place"
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"


if __name__ == "__main__":
    main()
