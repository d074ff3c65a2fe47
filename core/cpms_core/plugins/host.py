"""Listed names → plugins → one Registry.

One name at a time, from entry point to merged declarations: what is not listed is not imported,
and a plugin that fails anywhere on the way is refused wholly, by name, with the reason, while the
core and the others start. What runs here is trusted code that may be wrong, not hostile code.
"""

import importlib
import logging
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import EntryPoint, entry_points
from typing import Any, TypeVar, get_type_hints

import msgspec
import pluggy
from msgspec import Struct

from cpms_core.errors import PluginError
from cpms_core.hookspecs import Plugin
from cpms_core.panels.requests.request_form import REQUEST
from cpms_core.plugins.declaration_checks import clashes, problems
from cpms_core.plugins.enabled import ALWAYS_ON, NAME
from cpms_core.plugins.guarded import guarded
from cpms_core.plugins.hook_checks import PROJECT, class_problems
from cpms_core.registry import CORE, Declared, Listener, PluginInfo, Registry, merge

log = logging.getLogger(__name__)

GROUP = "cpms.plugins"
RESERVED = frozenset({CORE, "cpms"})
_WEB_DIST = "cpms-web"
_MOST = 1000
"""No hook returns more declarations than this."""

T = TypeVar("T")


class PluginFailure(Struct, frozen=True, kw_only=True):
    name: str
    reason: str
    """One problem a line."""


class Loaded(Struct, frozen=True, kw_only=True):
    registry: Registry
    failures: tuple[PluginFailure, ...] = ()


class Installed(Struct, frozen=True, kw_only=True):
    """What an entry point offers; nothing of it was imported."""

    name: str
    dist: str
    version: str
    title: str


def load(names: Sequence[str]) -> Loaded:
    """Load `web` and the listed plugins in their order; those that fail are told, not raised."""
    importlib.invalidate_caches()
    host = Host()
    failures = []
    for name in dict.fromkeys((ALWAYS_ON, *names)):
        try:
            host.take(*find_plugin(name))
        except PluginError as error:
            log.debug("%s is refused", name, exc_info=error.__cause__)
            failures.append(PluginFailure(name=name, reason=str(error)))
    return Loaded(registry=host.registry(), failures=tuple(failures))


def installed_plugins() -> tuple[Installed, ...]:
    """Every plugin there is, on or off, by name."""
    return tuple(
        Installed(name=info.name, dist=info.dist, version=info.version, title=info.title)
        for info in sorted(map(_info, entry_points(group=GROUP)), key=lambda info: info.name)
    )


def check_plugin(plugin: str | type[Plugin], beside: Sequence[str] = ()) -> list[str]:
    """What is wrong with a plugin, installed or not yet; empty if it can be enabled.

    `beside` are the plugins it must not clash with, for instance those of the site's list.
    """
    importlib.invalidate_caches()
    host = Host()
    try:
        cls, info = find_plugin(plugin) if isinstance(plugin, str) else (plugin, info_of(plugin))
        for name in beside:
            if name != info.name:
                _take_quietly(host, name)
        host.take(cls, info)
    except PluginError as error:
        return str(error).splitlines()
    return []


def find_plugin(name: str) -> tuple[type[Plugin], PluginInfo]:
    """Import the plugin of this name; PluginError says why there is none that can be used."""
    if not NAME.fullmatch(name) or name in RESERVED:
        raise PluginError(f"{name!r} cannot be the name of a plugin")
    offers = [entry for entry in entry_points(group=GROUP, name=name) if _is_ours(entry)]
    if not offers:
        raise PluginError(f"no installed package offers a plugin called {name!r}")
    if len(offers) > 1:
        dists = " and ".join(sorted(_info(entry).dist for entry in offers))
        raise PluginError(f"{dists} both offer a plugin called {name!r}; uninstall one of them")
    info = _info(offers[0])
    if info.package == "cpms_core":
        raise PluginError(f"{info.dist} offers {name!r} from inside core")
    return guarded("its import", offers[0].load, package=info.package), info


def info_of(cls: type[Plugin]) -> PluginInfo:
    """As its entry point tells, or made up from its module's name if it is not installed."""
    value = f"{cls.__module__}:{cls.__qualname__}"
    for entry in entry_points(group=GROUP):
        if entry.value == value:
            return _info(entry)
    package = cls.__module__.partition(".")[0]
    return PluginInfo(name=package.removeprefix("cpms_"), package=package)


class Host:
    """Takes plugins in one by one and keeps those that are whole."""

    def __init__(self) -> None:
        self._parts: list[Declared] = []

    def take(self, cls: type[Plugin], info: PluginInfo) -> None:
        """All of the plugin or nothing; PluginError says what is wrong, one problem a line."""
        _refuse_if(class_problems(cls))
        part = _declared(guarded("its construction", cls, package=info.package), info)
        _refuse_if([*problems(part), *clashes(part, self._parts)])
        self._parts.append(part)

    def registry(self) -> Registry:
        return merge((_core(), *self._parts))


class Caller:
    """Pluggy's view of one plugin. One manager each: a call can never reach another plugin."""

    def __init__(self, plugin: Plugin, info: PluginInfo) -> None:
        self._package = info.package
        self._manager = pluggy.PluginManager(PROJECT)
        self._manager.add_hookspecs(Plugin)
        try:
            self._manager.register(plugin, name=info.name)
            self._manager.check_pending()
        except pluggy.PluginValidationError as error:
            raise PluginError(str(error)) from error

    def collect(self, hook: Callable[[Any], Sequence[T]]) -> tuple[T, ...]:
        """What the plugin declares: `collect(Plugin.datasets)` is a tuple of Dataset."""
        call: pluggy.HookCaller = getattr(self._manager.hook, hook.__name__)
        if not call.get_hookimpls():
            return ()
        what = f"{hook.__name__}()"
        returned = guarded(what, call, package=self._package)
        declared = _as_tuple(what, returned[0] if returned else None)
        kind = get_type_hints(hook)["return"].__args__[0]
        for declaration in declared:
            _check_types(what, declaration, kind)
        return declared

    def listener(self) -> Listener | None:
        call = self._manager.hook.case_event
        return (lambda event: call(event=event)) if call.get_hookimpls() else None


def _core() -> Declared:
    """The one form that is there without any plugin: what a request asks."""
    return Declared(info=PluginInfo(name=CORE), datasets=(REQUEST,))


def _declared(plugin: Plugin, info: PluginInfo) -> Declared:
    caller = Caller(plugin, info)
    return Declared(
        info=info,
        networks=caller.collect(Plugin.networks),
        datasets=caller.collect(Plugin.datasets),
        viewers=caller.collect(Plugin.viewers),
        permissions=caller.collect(Plugin.permissions),
        reports=caller.collect(Plugin.reports),
        exports=caller.collect(Plugin.exports),
        importers=caller.collect(Plugin.importers),
        links=caller.collect(Plugin.links),
        routes=caller.collect(Plugin.routes),
        checks=caller.collect(Plugin.checks),
        listener=caller.listener(),
    )


def _take_quietly(host: Host, name: str) -> None:
    try:
        host.take(*find_plugin(name))
    except PluginError as error:
        log.info("Not checked against %s, which fails itself: %s", name, error)


def _refuse_if(problems: Iterable[str]) -> None:
    if lines := list(problems):
        raise PluginError("\n".join(lines))


def _as_tuple(what: str, returned: Any) -> tuple[Any, ...]:
    if not isinstance(returned, tuple | list):
        if hasattr(returned, "close"):
            returned.close()  # or a coroutine would be reported as never awaited
        raise PluginError(f"{what} must return a tuple, not {type(returned).__name__}")
    if len(returned) > _MOST:
        raise PluginError(f"{what} returned {len(returned)} declarations; at most {_MOST} are read")
    return tuple(returned)


def _check_types(what: str, declaration: Any, kind: Any) -> None:
    """A Struct does not look at what it is given; this does."""
    if type(declaration) is not kind:
        raise PluginError(
            f"{what} must return {kind.__name__}s, not {type(declaration).__name__}",
        )
    values = {name: getattr(declaration, name) for name in kind.__struct_fields__}
    try:
        msgspec.convert(values, kind, strict=True)
    except msgspec.ValidationError as error:
        key = values.get("key", "")
        raise PluginError(f"{what}: {kind.__name__} {key}: {error}") from None


def _is_ours(entry: EntryPoint) -> bool:
    """Nobody else's package can be the pages of the site."""
    return entry.name != ALWAYS_ON or _info(entry).dist == _WEB_DIST


def _info(entry: EntryPoint) -> PluginInfo:
    dist = entry.dist
    return PluginInfo(
        name=entry.name,
        title=(dist and dist.metadata["Summary"]) or "",
        package=entry.module.partition(".")[0],
        dist=(dist and dist.name) or "",
        version=(dist and dist.version) or "",
    )
