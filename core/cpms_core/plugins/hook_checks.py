"""Whether a class is a well-formed plugin: found out without calling any of its hooks.

Everything pluggy would take silently is refused here: an override without its marker, a hook
pluggy does not know, a hook that would never be awaited.
"""

import inspect
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from typing import Any

from cpms_core.hookspecs import Plugin

PROJECT = "cpms"
HOOKS: dict[str, Callable[..., Any]] = {
    name: spec for name, spec in vars(Plugin).items() if hasattr(spec, f"{PROJECT}_spec")
}
"""Every hook in the order of hookspecs.py."""

_ALIKE = 0.8


def class_problems(plugin: object) -> list[str]:
    """What is wrong with what an entry point names; empty if nothing is."""
    if not (isinstance(plugin, type) and issubclass(plugin, Plugin)):
        return [f"it names {plugin!r}, which is no subclass of cpms_core.Plugin"]
    if plugin is Plugin:
        return ["it names cpms_core.Plugin itself; name a subclass"]
    return [problem for name in dir(plugin) for problem in _attribute_problems(plugin, name)]


def _attribute_problems(plugin: type[Plugin], name: str) -> Iterator[str]:
    attribute = inspect.getattr_static(plugin, name)
    function = getattr(attribute, "__func__", attribute)
    marks = getattr(function, f"{PROJECT}_impl", None)
    if name in HOOKS:
        if attribute is not HOOKS[name]:
            yield from _override_problems(name, attribute, marks)
    elif marks is not None:
        yield f"{name}() is marked @hookimpl, but there is no such hook{_did_you_mean(name)}"
    elif not name.startswith("_") and callable(function) and _did_you_mean(name):
        yield f"{name}() is no hook{_did_you_mean(name)}"


def _override_problems(name: str, attribute: object, marks: Any) -> Iterator[str]:
    if not inspect.isfunction(attribute):
        yield f"{name} must be a plain method, not {type(attribute).__name__}"
        return
    if marks is None:
        yield f"{name}() needs the marker @hookimpl"
    elif any(marks.values()):
        yield f"{name}(): @hookimpl takes no options here"
    wanted = list(inspect.signature(HOOKS[name]).parameters)
    given = list(inspect.signature(attribute).parameters)
    if given != wanted:
        yield f"{name}({', '.join(given)}) must be {name}({', '.join(wanted)})"
    if inspect.iscoroutinefunction(attribute) or inspect.isasyncgenfunction(attribute):
        yield f"{name}() must not be async: nobody would await it"
    elif inspect.isgeneratorfunction(attribute):
        yield f"{name}() must return a tuple, not yield"


def _did_you_mean(name: str) -> str:
    close = get_close_matches(name, HOOKS, n=1, cutoff=_ALIKE)
    return f"; did you mean {close[0]}()?" if close else ""
