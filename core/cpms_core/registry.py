"""What all plugins together declared: one immutable value, made at start, read by everybody.

`Declared` is one plugin's part; `merge` joins the parts. No pluggy call happens after that but
`case_event`, which `announce` makes from a job.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import TypeVar

from msgspec import Struct

from cpms_core.datasets.field import Field
from cpms_core.datasets.fields import describe
from cpms_core.declarations import (
    CaseEvent,
    Check,
    Dataset,
    Export,
    Importer,
    Link,
    Network,
    Permission,
    Report,
    Route,
    Viewer,
)

T = TypeVar("T")
log = logging.getLogger(__name__)

CORE = "core"
"""Owns the datasets that need no plugin; no plugin can take the name."""

Listener = Callable[[CaseEvent], None]


class PluginInfo(Struct, frozen=True, kw_only=True):
    name: str
    """Its entry point's name, which stands in `plugins.toml` and in `/x/<name>/`."""
    title: str = ""
    """One line for the page of plugins."""
    package: str = ""
    """The import package: where its templates and static files lie."""
    dist: str = ""
    version: str = ""

    @property
    def prefix(self) -> str:
        """What its keys start with, beside its whole name."""
        return self.name.removeprefix("ern_") or self.name

    @property
    def mount(self) -> str:
        """Where its routes hang; the pages of `web` are the site itself."""
        return "" if self.name == "web" else f"/x/{self.name}"


class DatasetEntry(Struct, frozen=True, kw_only=True):
    plugin: str
    dataset: Dataset
    fields: tuple[Field, ...]


class Declared(Struct, frozen=True, kw_only=True):
    """What one plugin declared."""

    info: PluginInfo
    networks: tuple[Network, ...] = ()
    datasets: tuple[Dataset, ...] = ()
    viewers: tuple[Viewer, ...] = ()
    permissions: tuple[Permission, ...] = ()
    reports: tuple[Report, ...] = ()
    exports: tuple[Export, ...] = ()
    importers: tuple[Importer, ...] = ()
    links: tuple[Link, ...] = ()
    routes: tuple[Route, ...] = ()
    checks: tuple[Check, ...] = ()
    listener: Listener | None = None


class Registry(Struct, frozen=True, kw_only=True):
    """Everything by its key, in the order of `plugins.toml`. Values are read only."""

    plugins: Mapping[str, PluginInfo] = MappingProxyType({})
    networks: Mapping[str, Network] = MappingProxyType({})
    """By the ERN's key."""
    datasets: Mapping[str, DatasetEntry] = MappingProxyType({})
    viewers: Mapping[str, Viewer] = MappingProxyType({})
    permissions: Mapping[str, Permission] = MappingProxyType({})
    reports: Mapping[str, Report] = MappingProxyType({})
    exports: Mapping[str, Export] = MappingProxyType({})
    importers: Mapping[str, Importer] = MappingProxyType({})
    checks: Mapping[str, Check] = MappingProxyType({})
    links: tuple[Link, ...] = ()
    routes: tuple[tuple[PluginInfo, Route], ...] = ()
    listeners: tuple[tuple[str, Listener], ...] = ()
    """(plugin, its `case_event`)."""

    def datasets_for(self, ern: str | None) -> tuple[DatasetEntry, ...]:
        """The forms a case of this ERN shows; with None those that every case shows."""
        return tuple(
            entry
            for entry in self.datasets.values()
            if not entry.dataset.erns or ern in entry.dataset.erns
        )

    def required_for(self, ern: str) -> tuple[str, ...]:
        """Datasets a request to this ERN needs; those of a plugin that is off cannot be asked."""
        network = self.networks.get(ern)
        required = network.required_datasets if network else ()
        return tuple(key for key in required if key in self.datasets)

    def helpful_for(self, ern: str) -> tuple[str, ...]:
        """Datasets that help this ERN's experts; a request can be sent without them."""
        network = self.networks.get(ern)
        helpful = network.helpful_datasets if network else ()
        return tuple(key for key in helpful if key in self.datasets)

    def viewer_for(self, head: bytes) -> Viewer | None:
        """The first viewer that recognises a file by its first 4096 bytes."""
        return next((one for one in self.viewers.values() if _recognises(one, head)), None)

    def importer_for(self, name: str) -> Importer | None:
        """By the file name's end; the longest match, so that `.x.json` wins over `.json`."""
        name = name.lower()
        fitting = [
            (len(suffix), importer)
            for importer in self.importers.values()
            for suffix in importer.suffixes
            if name.endswith(suffix)
        ]
        return max(fitting, key=lambda one: one[0])[1] if fitting else None

    def announce(self, event: CaseEvent) -> tuple[str, ...]:
        """Tell every plugin; returns those that failed, whose errors are logged. From a job only.

        A job must be told what failed rather than fail: a second try would tell the others twice.
        """
        return tuple(name for name, listener in self.listeners if not _tell(name, listener, event))


EMPTY = Registry()
"""Knows no form."""


def merge(parts: Iterable[Declared]) -> Registry:
    """The parts of plugins that were found not to clash, joined in their order."""
    parts = tuple(parts)
    return Registry(
        plugins=_read_only((part.info.name, part.info) for part in parts if part.info.name != CORE),
        networks=_read_only((one.key, one) for part in parts for one in part.networks),
        datasets=_read_only(_entries(parts)),
        viewers=_read_only((one.key, one) for part in parts for one in part.viewers),
        permissions=_read_only((one.key, one) for part in parts for one in part.permissions),
        reports=_read_only((one.key, one) for part in parts for one in part.reports),
        exports=_read_only((one.key, one) for part in parts for one in part.exports),
        importers=_read_only((one.key, one) for part in parts for one in part.importers),
        checks=_read_only((one.key, one) for part in parts for one in part.checks),
        links=tuple(link for part in parts for link in part.links),
        routes=tuple((part.info, route) for part in parts for route in part.routes),
        listeners=tuple((part.info.name, part.listener) for part in parts if part.listener),
    )


def _entries(parts: tuple[Declared, ...]) -> Iterator[tuple[str, DatasetEntry]]:
    for part in parts:
        for dataset in part.datasets:
            fields = describe(dataset.schema)
            entry = DatasetEntry(plugin=part.info.name, dataset=dataset, fields=fields)
            yield dataset.key, entry


def _read_only(pairs: Iterable[tuple[str, T]]) -> Mapping[str, T]:
    return MappingProxyType(dict(pairs))


def _recognises(viewer: Viewer, head: bytes) -> bool:
    try:
        return bool(viewer.recognises(head))
    except Exception:  # a plugin that cannot tell must not refuse the file to the others
        log.exception("%s could not tell whether a file is one of its own", viewer.key)
        return False


def _tell(name: str, listener: Listener, event: CaseEvent) -> bool:
    try:
        listener(event)
    except KeyboardInterrupt:
        raise
    except BaseException:
        log.exception("%s: case_event() failed for %s", name, event.tag)
        return False
    return True
