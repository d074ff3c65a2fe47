"""Calls into a plugin at start: whatever it raises, or if it never returns, is a PluginError."""

import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from cpms_core.errors import PluginError

T = TypeVar("T")

DEADLINE = 20.0
"""Seconds. A plugin that hangs keeps its thread; the site starts without it."""

_LONGEST = 500


def guarded(
    what: str, call: Callable[[], T], *, package: str = "", deadline: float = DEADLINE
) -> T:
    """`what` begins the sentence; modules of `package` are forgotten again if it fails."""
    before = set(sys.modules)
    result: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            result.append(call())
        except BaseException as error:  # noqa: BLE001 - SystemExit of a plugin must not end us
            errors.append(error)

    thread = threading.Thread(target=run, name=f"plugin {package}", daemon=True)
    thread.start()
    thread.join(deadline)
    if result:
        return result[0]
    if not errors:
        raise PluginError(f"{what} did not end within {deadline:g} s")
    _forget_modules(package, before)
    raise PluginError(f"{what} failed: {_told(errors[0])}") from errors[0]


def _forget_modules(package: str, before: set[str]) -> None:
    """Python forgets the module that raised, not its siblings: a mended plugin would stay mixed."""
    for name in set(sys.modules) - before if package else ():
        if name == package or name.startswith(f"{package}."):
            sys.modules.pop(name, None)


def _told(error: BaseException) -> str:
    """Type, message and the line of code, `ValueError: no (cpms_x/__init__.py, line 3)`."""
    message = " ".join(str(error).split())[:_LONGEST]
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith("<frozen") and frame.filename != __file__
    ]
    place = f" ({_short(frames[-1].filename)}, line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {message}{place}"


def _short(filename: Any) -> str:
    return "/".join(Path(filename).parts[-2:])
