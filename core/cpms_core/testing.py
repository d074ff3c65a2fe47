"""The test kit for plugin authors: the only module beside `cpms_core` a plugin's tests import.

def test_the_plugin_can_be_enabled():
    assert check_plugin("my_plugin") == []
"""

from collections.abc import Mapping

from cpms_core.hookspecs import Plugin
from cpms_core.host import Host, check_plugin
from cpms_core.registry import PluginInfo, Registry

__all__ = ["check_plugin", "registry_of"]


def registry_of(plugins: Mapping[str, type[Plugin]]) -> Registry:
    """What these classes declare, by the names they would have; PluginError if one is refused.

    Classes written inside a test will do: nothing has to be installed.
    """
    host = Host()
    for name, cls in plugins.items():
        package = cls.__module__.partition(".")[0]
        host.take(cls, PluginInfo(name=name, package=package))
    return host.registry()
