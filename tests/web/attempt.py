"""One request that must succeed for whoever may send it, and how the tables call its route."""

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from cpms_core.declarations import Route
from cpms_core.registry import PluginInfo
from tests.web.world import Until, World

Form = Mapping[str, str | list[str]]


class Attempt(Struct, frozen=True, kw_only=True):
    until: Until = "assessment"
    """How far the consultation must have come for it."""
    form: Form | Callable[[World], Form] = {}
    options: Mapping[str, Any] = {}
    """Instead of a form: `json` or `content`."""
    query: str = ""
    status: frozenset[int] = frozenset({200, 303})
    """What somebody who may do it gets."""
    values: Mapping[str, str] = {}
    """Instead of the world's own values for the parameters of its path."""

    def form_for(self, world: World) -> Form:
        return self.form(world) if callable(self.form) else self.form


def plain(path: str) -> str:
    """A path without the types of its parameters: `/cases/{case_id}`."""
    for kind in ("uuid", "str", "int", "date", "path"):
        path = path.replace(f":{kind}}}", "}")
    return path


def name_of(owner: PluginInfo, route: Route) -> str:
    """How the tables call a route."""
    return f"{route.method} {plain(owner.mount + route.path)}"
