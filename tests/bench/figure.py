"""What a measurement says: the goal, what was measured, and whether the one meets the other."""

import math
import os
import platform
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from time import perf_counter

from msgspec import Struct


class Figure(Struct, frozen=True, kw_only=True):
    what: str
    goal: str
    measured: str
    is_met: bool | None = None
    """None if there is no goal, or if it could not be measured."""
    remark: str = ""


class CannotMeasureError(Exception):
    """Why a figure cannot be measured here, in a sentence."""


def at_most(what: str, goal: float, measured: float, unit: str, remark: str = "") -> Figure:
    return Figure(
        what=what,
        goal=f"≤ {goal:g} {unit}",
        measured=f"{measured:.3g} {unit}" if measured < 100 else f"{measured:.0f} {unit}",
        is_met=measured <= goal,
        remark=remark,
    )


def at_least(what: str, goal: float, measured: float, unit: str, remark: str = "") -> Figure:
    return Figure(
        what=what,
        goal=f"≥ {goal:g} {unit}",
        measured=f"{measured:.0f} {unit}",
        is_met=measured >= goal,
        remark=remark,
    )


def none_of(what: str, count: int, remark: str = "") -> Figure:
    return Figure(what=what, goal="0", measured=str(count), is_met=not count, remark=remark)


def spread(times: Sequence[float]) -> str:
    """Beside a median: the fastest, and what nine in ten stay below; in milliseconds."""
    ordered = sorted(times)
    slow = ordered[math.ceil(0.9 * len(ordered)) - 1]
    return f"best {ordered[0] * 1000:.1f}, 90 % below {slow * 1000:.1f} ms"


def median_time(times: int, act: Callable[[], object]) -> float:
    """Seconds."""
    taken = []
    for _ in range(times):
        started = perf_counter()
        act()
        taken.append(perf_counter() - started)
    return median(taken)


def machine() -> str:
    """What these figures hold for."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{platform.node()}: {_processor()}, {len(os.sched_getaffinity(0))} cores, "
        f"{memory:.0f} GB; Python {platform.python_version()}, {platform.system()}; "
        f"load {os.getloadavg()[0]:.1f}"
    )


def _processor() -> str:
    about = Path("/proc/cpuinfo")
    lines = about.read_text().splitlines() if about.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
