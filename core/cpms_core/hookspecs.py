"""The plugin contract. A plugin is a subclass of `Plugin` that overrides some of these hooks.

Every hook but `case_event` runs once at start and returns declarations; handlers act later. Mark
each override with `@hookimpl`. The entry point group is `cpms.plugins`; its name is the plugin's.
"""

from collections.abc import Sequence

import pluggy

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

hookspec = pluggy.HookspecMarker("cpms")
hookimpl = pluggy.HookimplMarker("cpms")


class Plugin:
    """Both the specification pluggy checks and the base class mypy checks."""

    @hookspec
    def networks(self) -> Sequence[Network]:
        """How ERNs work: thematic areas, required datasets, the prefix of their case numbers."""
        return ()

    @hookspec
    def datasets(self) -> Sequence[Dataset]:
        """Forms. Core derives entry, checks, storage, history, display and export from each."""
        return ()

    @hookspec
    def viewers(self) -> Sequence[Viewer]:
        """Kinds of files, how each is made safe to keep, and the page that shows it."""
        return ()

    @hookspec
    def permissions(self) -> Sequence[Permission]:
        """Permissions for this plugin's own routes. They can never widen one of core's."""
        return ()

    @hookspec
    def reports(self) -> Sequence[Report]:
        """Tables over many cases."""
        return ()

    @hookspec
    def exports(self) -> Sequence[Export]:
        """Formats in which one case leaves the system."""
        return ()

    @hookspec
    def importers(self) -> Sequence[Importer]:
        """File formats that become draft cases."""
        return ()

    @hookspec
    def links(self) -> Sequence[Link]:
        """Entries in the top bar."""
        return ()

    @hookspec
    def routes(self) -> Sequence[Route]:
        """Pages and acts, mounted below `/x/<plugin>/`."""
        return ()

    @hookspec
    def checks(self) -> Sequence[Check]:
        """What `cpms check` should look at besides core's own."""
        return ()

    @hookspec
    def case_event(self, event: CaseEvent) -> None:
        """Something happened to a case. Runs after the commit, from a job, never in a request."""
