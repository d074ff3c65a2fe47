"""The test kit for plugin authors: the only module beside `cpms_core` a plugin's tests import.

A plugin made by `cpms plugins new` shows its use. Nothing here needs a site, a store or a server.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from msgspec import Struct

from cpms_core.datasets import records
from cpms_core.datasets.forms import Submitted
from cpms_core.datasets.kinds import Term
from cpms_core.declarations import Dataset
from cpms_core.hookspecs import Plugin
from cpms_core.plugins.host import Host, check_plugin
from cpms_core.registry import PluginInfo, Registry

__all__ = ["check_plugin", "fill_form", "form_errors", "read_stored", "registry_of"]

S = TypeVar("S", bound=Struct)


def fill_form(schema: type[S], submitted: Submitted, *, terms: Iterable[Term] = ()) -> S:
    """What a form of this schema becomes, from strings as a browser sends them.

    `terms` are those a person could have picked; any other text in a term's input is an error.
    """
    parsed = records.parse(_dataset(schema), submitted, resolve=_resolver(terms))
    assert isinstance(parsed.value, schema), f"the form is refused: {parsed.errors}"
    return parsed.value


def form_errors(
    schema: type[Struct], submitted: Submitted, *, terms: Iterable[Term] = ()
) -> dict[str, str]:
    """What a person who sent these strings is told, by the field's path; empty if nothing."""
    return records.parse(_dataset(schema), submitted, resolve=_resolver(terms)).errors


def read_stored(dataset: Dataset, version: int, data: Mapping[str, Any]) -> Struct:
    """A record that an older `version` of the dataset stored, through its `upgrade`."""
    return records.decode(dataset, version, data)


def registry_of(plugins: Mapping[str, type[Plugin]]) -> Registry:
    """What these classes declare, by the names they would have; PluginError if one is refused.

    Classes written inside a test will do: nothing has to be installed.
    """
    host = Host()
    for name, cls in plugins.items():
        package = cls.__module__.partition(".")[0]
        host.take(cls, PluginInfo(name=name, package=package))
    return host.registry()


def _dataset(schema: type[Struct]) -> Dataset:
    return Dataset(key="testing.form", title="Form", schema=schema)


def _resolver(terms: Iterable[Term]) -> Callable[[Sequence[str], str], Term | None]:
    known = tuple(terms)

    def resolve(systems: Sequence[str], text: str) -> Term | None:
        for term in known:
            if term.system in systems and text.strip() in {term.code, term.label}:
                return term
        return None

    return resolve
