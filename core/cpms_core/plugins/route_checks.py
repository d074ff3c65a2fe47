"""Whether a route can be mounted: its path, its handler's parameters, its audit event."""

import inspect
import re
from collections import Counter
from collections.abc import Iterator

from cpms_core.audit import Event
from cpms_core.declarations import Route
from cpms_core.identity.api_tokens import SCOPES
from cpms_core.registry import Declared, PluginInfo

_EVENT = re.compile(r"([a-z][a-z0-9_]*):[a-z][a-z0-9_]*:[a-z][a-z0-9_]*")
_PARAMETER = re.compile(r"\{([a-z][a-z0-9_]*)(?::(?:str|int|uuid|date|path))\}")
_SCOPE = re.compile(r"([a-z][a-z0-9_]*)\.[a-z][a-z0-9_]*")
_STATIC = re.compile(r"[A-Za-z0-9_.-]+")


def route_problems(route: Route, info: PluginInfo) -> Iterator[str]:
    parameters = [*_PARAMETER.findall(route.path)]
    segments = route.path.removeprefix("/").split("/") if route.path != "/" else []
    if not route.path.startswith("/") or not all(map(_is_segment, segments)):
        yield "its path must be '/' or '/word/{name:str}', without a slash at the end"
    if any(segment.endswith(":path}") for segment in segments[:-1]):
        yield "only the last part of its path can be a :path"
    if info.mount == "" and segments[:1] == ["x"]:
        yield "/x/ is for plugins"
    for name, count in Counter(parameters).items():
        if count > 1:
            yield f"{{{name}}} stands in its path twice"
    yield from _step_up_problems(route)
    yield from _api_problems(route, info)
    yield from _handler_problems(route, parameters)
    for event in (route.event, route.or_event):
        yield from _event_problems(event, info)


def is_served(href: str, part: Declared) -> bool:
    """Whether one of the plugin's pages answers a path; `{name}` in it stands for any value."""
    mount = part.info.mount
    if not href.startswith(f"{mount}/"):
        return href == mount and is_served(f"{href}/", part)
    wanted = href.removeprefix(mount)
    return any(
        route.method == "GET" and re.fullmatch(_pattern(route.path), wanted)
        for route in part.routes
    )


def path_shape(path: str) -> str:
    """`/a/{x:int}` and `/a/{y}` are one address."""
    return _PARAMETER.sub("{}", path)


def _is_segment(segment: str) -> bool:
    is_word = _STATIC.fullmatch(segment) and segment.strip(".")
    return bool(is_word or _PARAMETER.fullmatch(segment))


def _handler_problems(route: Route, parameters: list[str]) -> Iterator[str]:
    if inspect.iscoroutinefunction(route.handler):
        yield "its handler must not be async: handlers run in threads"
        return
    try:
        inspect.signature(route.handler).bind(None, **dict.fromkeys(parameters))
    except (TypeError, ValueError):
        names = ", ".join(["visit", *parameters])
        yield f"its handler must take ({names})"


def _step_up_problems(route: Route) -> Iterator[str]:
    """The page that asks sends what was sent once more: files and long preparations are no form."""
    if route.step_up is None:
        return
    if route.method != "POST" or route.rate == "upload" or route.prepare is not None:
        yield "only an act that sends a form can ask for a touch of the key (step_up)"
    if not route.step_up.strip():
        yield "step_up must say in words what is done: 'remove a mark'"


def _api_problems(route: Route, info: PluginInfo) -> Iterator[str]:
    """Machines take out what people may: they change nothing, and each use leaves a trace."""
    if route.api is None:
        return
    if route.event is None:
        yield "what machines may do (api) must record an audit event"
    if route.permission == "site.enter":
        yield "what is open to everybody needs no token (api)"
    if route.method == "POST" and route.step_up is None:
        yield "machines only read (api): GET, or a POST that is one for the touch of a key alone"
    match = _SCOPE.fullmatch(route.api)
    if route.api not in SCOPES and (match is None or match[1] not in {info.name, info.prefix}):
        yield f"api {route.api!r} must be one of core's or {info.name}.something"


def _event_problems(event: str | None, info: PluginInfo) -> Iterator[str]:
    if event is None or event in set(Event):
        return
    match = _EVENT.fullmatch(event)
    if match is None or match[1] not in {info.name, info.prefix}:
        yield f"event {event!r} must be one of core's or {info.name}:subject:done"


def _pattern(path: str) -> str:
    pieces = re.split(r"(\{[^}]*\})", path)
    return "".join(
        (".+" if piece.endswith(":path}") else "[^/]+") if piece[:1] == "{" else re.escape(piece)
        for piece in pieces
    )
