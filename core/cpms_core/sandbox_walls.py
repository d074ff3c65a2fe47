"""What surrounds a job in the sandbox: limits of the kernel and four walls.

Limits always hold. The walls are put up where the kernel allows it, as root or not:

- *network*: a network namespace of its own, with nothing in it, not even a loopback;
- *files* (Landlock): only Python's own libraries and what the caller named can be opened;
- *calls* (seccomp): no sockets, no new programs or processes, no signals to others, no tracing;
- *rights*: no capability but reading files, no new privileges.

`standing()` tells which of them this machine gives. Network needs one of the first and the third;
where neither can be had, a job still has its limits, but could reach the network.
"""

import ctypes
import os
import platform
import resource
import signal
import struct
import sysconfig
from pathlib import Path

from msgspec import Struct

MEGABYTE = 1 << 20


class Limits(Struct, frozen=True, kw_only=True):
    """What one job may use. Memory is address space, the interpreter's own 150 MB included."""

    memory: int = 512 * MEGABYTE
    cpu_seconds: int = 20
    wall_seconds: float = 30.0
    file_bytes: int = 1024 * MEGABYTE
    open_files: int = 64
    result_bytes: int = 64 * MEGABYTE


class Order(Struct, frozen=True, kw_only=True):
    """What the nursery is told of a job; the arguments themselves never pass through it."""

    limits: Limits
    read: list[str]
    write: str


class Reply(Struct, frozen=True, kw_only=True):
    """What a job answers: an encoded result, a sentence, or where it failed.

    `errno` is the operating system's reason if that was one.
    """

    result: bytes = b""
    refused: str = ""
    failed: str = ""
    errno: int = 0


class Ended(Struct, frozen=True, kw_only=True):
    """How a job's process ended; `signal` is 0 if it ended by itself."""

    signal: int = 0
    timed_out: bool = False


def enclose_nursery() -> None:
    """The walls that hold for every job alike."""
    if 0 in (_libc.unshare(flags) for flags in (CLONE_NEWNET, CLONE_NEWUSER | CLONE_NEWNET)):
        _standing.append("network")
    _libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    if _libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 == _drop_capabilities():
        _standing.append("rights")


def enclose_job(order: Order) -> None:
    """The limits and walls of one job; to be called in its own process, last of all."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    _limit(order.limits)
    _wall_off_files(order.read, order.write)
    _wall_off_calls()


def standing() -> list[str]:
    """The walls that this process put up and the kernel accepted."""
    return list(_standing)


def _limit(limits: Limits) -> None:
    for which, most in (
        (resource.RLIMIT_AS, limits.memory),
        (resource.RLIMIT_CPU, limits.cpu_seconds),
        (resource.RLIMIT_FSIZE, limits.file_bytes),
        (resource.RLIMIT_NOFILE, limits.open_files),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(which, (most, most))


def _drop_capabilities() -> int:
    """Keep at most CAP_DAC_OVERRIDE: a site run as root may keep its files under another user."""
    header, kept = struct.pack("=Ii", 0x20080522, 0), 1 << 1 if os.geteuid() == 0 else 0
    return int(_libc.capset(header, struct.pack("=6I", kept, kept, 0, 0, 0, 0)))


# --- files: Landlock ------------------------------------------------------------------------------

LANDLOCK_CREATE, LANDLOCK_ADD, LANDLOCK_RESTRICT = 444, 445, 446
READ_FILE, READ_FOLDER = 1 << 2, 1 << 3
WRITE_FILE = 1 << 1
WRITE = WRITE_FILE | 1 << 4 | 1 << 5 | 1 << 7 | 1 << 8  # remove and make folders and files
RIGHTS_BY_ABI = {1: 13, 2: 14, 3: 15, 4: 15}  # later ones know 16
TRUNCATE = 1 << 14


def _wall_off_files(read: list[str], write: str) -> None:
    abi = _libc.syscall(LANDLOCK_CREATE, None, 0, 1)
    if abi < 1:
        return
    every = (1 << RIGHTS_BY_ABI.get(abi, 16)) - 1
    ruleset = _libc.syscall(LANDLOCK_CREATE, struct.pack("=Q", every), 8, 0)
    for path in {*_python_folders(), *read}:
        _allow(ruleset, path, READ_FILE | READ_FOLDER)
    if write:
        _allow(ruleset, write, (READ_FILE | READ_FOLDER | WRITE | TRUNCATE) & every)
    if _libc.syscall(LANDLOCK_RESTRICT, ruleset, 0) == 0:
        _standing.append("files")
    os.close(ruleset)


def _allow(ruleset: int, path: str, rights: int) -> None:
    if not Path(path).exists():
        return
    if not Path(path).is_dir():
        rights &= READ_FILE | WRITE_FILE | TRUNCATE
    handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    _libc.syscall(LANDLOCK_ADD, ruleset, 1, struct.pack("=Qi", rights, handle), 0)
    os.close(handle)


def _python_folders() -> list[str]:
    """Where a late import and the libraries it needs may lie: never our own source or data."""
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    return [*(sysconfig.get_path(name) for name in names), "/usr/lib", "/lib", "/lib64"]


# --- calls: seccomp -------------------------------------------------------------------------------

ALLOW, KILL, REFUSE_EPERM, REFUSE_ENOSYS = 0x7FFF0000, 0x80000000, 0x00050001, 0x00050026
LOAD, IF_EQUAL, IF_AT_LEAST, IF_ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
NUMBER, ARCHITECTURE, FIRST_ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data
CLONE_THREAD = 0x00010000
CLONE3 = 435

# What is refused outright: socket connect bind listen accept accept4, execve execveat, fork vfork,
# ptrace process_vm_readv/writev, unshare setns mount, bpf perf_event_open userfaultfd, keyrings,
# and (the same everywhere) io_uring and the pidfd family. Then: clone, kill, tkill, tgkill.
_SAME_EVERYWHERE = (424, 425, 426, 427, 434, 438)
_MACHINES = {
    "x86_64": (
        0xC000003E,
        "41 42 49 50 43 288 59 322 57 58 101 310 311 272 308 165 321 298 323 248 249 250",
        56,
        (62, 200, 234),
    ),
    "aarch64": (
        0xC00000B7,
        "198 203 200 201 202 242 221 281 117 270 271 97 268 40 280 241 282 217 218 219",
        220,
        (129, 130, 131),
    ),
}


def _wall_off_calls() -> None:
    if platform.machine() not in _MACHINES:
        return
    program = b"".join(_filter(os.getpid(), *_MACHINES[platform.machine()]))
    buffer = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(buffer))
    if _libc.prctl(PR_SET_SECCOMP, 2, header, 0, 0) == 0:
        _standing.append("calls")


def _filter(pid: int, arch: int, refused: str, clone: int, signals: tuple[int, ...]) -> list[bytes]:
    def step(code: int, value: int, yes: int = 0, no: int = 0) -> bytes:
        return struct.pack("=HBBI", code, yes, no, value)

    def refuse(number: int, how: int) -> list[bytes]:
        return [step(IF_EQUAL, number, 0, 1), step(RETURN, how)]

    def only_if(number: int, test: int, value: int) -> list[bytes]:
        return [
            step(IF_EQUAL, number, 0, 4),
            step(LOAD, FIRST_ARGUMENT),
            step(test, value, 1, 0),
            step(RETURN, REFUSE_EPERM),
            step(RETURN, ALLOW),
        ]

    steps = [step(LOAD, ARCHITECTURE), step(IF_EQUAL, arch, 1, 0), step(RETURN, KILL)]
    steps += [step(LOAD, NUMBER)]
    steps += [step(IF_AT_LEAST, 0x40000000, 0, 1), step(RETURN, KILL)]  # the x32 numbers
    for number in (*map(int, refused.split()), *_SAME_EVERYWHERE):
        steps += refuse(number, REFUSE_EPERM)
    steps += refuse(CLONE3, REFUSE_ENOSYS)  # its flags are out of sight; libc falls back to clone
    steps += only_if(clone, IF_ANY_BIT, CLONE_THREAD)
    for number in signals:
        steps += only_if(number, IF_EQUAL, pid)
    return [*steps, step(RETURN, ALLOW)]


# --- the kernel's names ---------------------------------------------------------------------------

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 1, 4, 22, 38

_libc = ctypes.CDLL(None)
_standing = ["limits"]
