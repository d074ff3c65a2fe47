"""Plugins: what is installed, what is on, what each brings; switch one on or off."""

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from functools import partial

from msgspec import Struct

from cpms_core import Answer, Page, Redirect, route
from cpms_core.audit import Event, record
from cpms_core.errors import InvalidError, NotFoundError
from cpms_core.http.site import LiveSite
from cpms_core.http.visit import PageVisit
from cpms_core.plugins.enabled import (
    ALWAYS_ON,
    disable,
    enable,
    read_enabled,
    read_switchable,
)
from cpms_core.plugins.host import Installed, installed_plugins
from cpms_core.registry import PluginInfo, Registry
from cpms_core.words import plural

_MANAGE = "plugins.manage"


class State(StrEnum):
    ON = "on"
    OFF = "off"
    FAILED = "failed"
    MISSING = "missing"
    """Listed, but no package of it is installed."""
    STARTING = "starting"
    STOPPING = "stopping"


class PluginRow(Struct, frozen=True, kw_only=True):
    name: str
    title: str
    version: str
    dist: str
    state: State
    reasons: tuple[str, ...] = ()
    brings: tuple[str, ...] = ()

    @property
    def is_switchable(self) -> bool:
        return self.name != ALWAYS_ON

    @property
    def is_wanted(self) -> bool:
        """Whether the site's list names it."""
        return self.state not in {State.OFF, State.STOPPING}


@route("GET", "/plugins", permission=_MANAGE, event=Event.PLUGINS_LISTED)
def show_plugins(visit: PageVisit) -> Answer:
    record(visit.session, visit.actor, Event.PLUGINS_LISTED)
    site = visit.site
    problem = ""
    wanted: tuple[str, ...] = tuple(site.registry.plugins)
    try:
        wanted = read_enabled(site.site.plugins_file)
    except InvalidError as error:
        problem = f"{error} Until it is put right, the plugins stay as they are."
    rows = plugin_rows(site, wanted)
    is_changing = any(row.state in {State.STARTING, State.STOPPING} for row in rows)
    values = {"rows": rows, "problem": problem, "is_changing": is_changing}
    return Page(template="web/plugins.html", values=values, block="list")


@route("POST", "/plugins/{name:str}/enable", permission=_MANAGE, event=Event.PLUGIN_ENABLED)
def switch_on(visit: PageVisit, name: str) -> Answer:
    if name not in {plugin.name for plugin in installed_plugins()}:
        raise NotFoundError("No plugin of this name is installed.")
    file = visit.site.site.plugins_file
    read_switchable(file, name)
    record(visit.session, visit.actor, Event.PLUGIN_ENABLED, name=name)
    visit.afterwards.append(partial(enable, file, name))
    return Redirect("/plugins", f"{name} is being switched on. It takes effect within seconds.")


@route("POST", "/plugins/{name:str}/disable", permission=_MANAGE, event=Event.PLUGIN_DISABLED)
def switch_off(visit: PageVisit, name: str) -> Answer:
    file = visit.site.site.plugins_file
    if name not in read_switchable(file, name):
        raise NotFoundError("No plugin of this name is switched on.")
    record(visit.session, visit.actor, Event.PLUGIN_DISABLED, name=name)
    visit.afterwards.append(partial(disable, file, name))
    return Redirect(
        "/plugins", f"{name} is being switched off within seconds. What it kept in cases stays."
    )


def plugin_rows(site: LiveSite, wanted: Iterable[str]) -> tuple[PluginRow, ...]:
    """Every plugin that is installed or listed: those that run first, by name."""
    wanted = {ALWAYS_ON, *wanted}
    installed = {plugin.name: plugin for plugin in installed_plugins()}
    failures = {failure.name: failure.reason for failure in site.failures}
    names = sorted(installed.keys() | wanted, key=lambda name: (name not in wanted, name))
    return tuple(_row(site.registry, name, installed, failures, name in wanted) for name in names)


def _row(
    registry: Registry,
    name: str,
    installed: Mapping[str, Installed],
    failures: Mapping[str, str],
    is_wanted: bool,
) -> PluginRow:
    running = registry.plugins.get(name)
    plugin = installed.get(name)
    state = _state(is_wanted, running is not None, plugin is not None, name in failures)
    return PluginRow(
        name=name,
        title=plugin.title if plugin else "",
        version=plugin.version if plugin else "",
        dist=plugin.dist if plugin else "",
        state=state,
        reasons=tuple(failures[name].splitlines()) if state is State.FAILED else (),
        brings=tuple(_brings(registry, running)) if running else (),
    )


def _state(is_wanted: bool, is_running: bool, is_installed: bool, has_failed: bool) -> State:
    if not is_wanted:
        return State.STOPPING if is_running else State.OFF
    if is_running:
        return State.ON
    if not is_installed:
        return State.MISSING
    return State.FAILED if has_failed else State.STARTING


def _brings(registry: Registry, info: PluginInfo) -> Iterator[str]:
    """`forms: Growth, Development`: what this plugin declared, by kind."""
    own = {info.prefix, info.name}
    if networks := [key for key in registry.networks if key in own]:
        yield f"ERN {', '.join(networks).upper()}: areas and the datasets a request needs"
    kinds: dict[str, Mapping[str, str]] = {
        "forms": {key: entry.dataset.title for key, entry in registry.datasets.items()},
        "viewers": {key: viewer.title for key, viewer in registry.viewers.items()},
        "reports": {key: report.title for key, report in registry.reports.items()},
        "exports": {key: export.title for key, export in registry.exports.items()},
        "imports": {key: importer.title for key, importer in registry.importers.items()},
    }
    for kind, titles in kinds.items():
        if mine := [title for key, title in titles.items() if key.partition(".")[0] in own]:
            yield f"{kind}: {', '.join(mine)}"
    if pages := sum(owner.name == info.name for owner, _ in registry.routes):
        yield plural(pages, "page or act", "pages and acts")


ROUTES = (show_plugins, switch_on, switch_off)
