"""`plugins list|enable|disable|check|new`; `list` and `new` need no site."""

import argparse
from pathlib import Path

from cpms_core.commands import Commands, Options
from cpms_core.errors import CpmsError
from cpms_core.plugins.enabled import disable, enable, read_enabled, shipped_file, site_file
from cpms_core.plugins.host import check_plugin, installed_plugins
from cpms_core.plugins.template import new_plugin


def add_commands(commands: Commands, common: argparse.ArgumentParser) -> None:
    plugins = commands.add_parser("plugins", help="list, enable, disable, check or write plugins")
    acts = plugins.add_subparsers(required=True, metavar="ACT")
    acts.add_parser("list", parents=[common], help="what is installed, on or off").set_defaults(
        run=list_plugins
    )
    for name, act, text in (
        ("enable", enable_plugin, "switch it on; a running site follows within seconds"),
        ("disable", disable_plugin, "switch it off; what it kept stays"),
        ("check", check_one, "say what is wrong with it"),
    ):
        one = acts.add_parser(name, parents=[common], help=text)
        one.add_argument("name")
        one.set_defaults(run=act)
    new = acts.add_parser("new", parents=[common], help="write a working dataset plugin")
    new.add_argument("name")
    new.add_argument("--into", type=Path, default=Path(), metavar="DIR", help="where (here)")
    new.set_defaults(run=write_new)


def list_plugins(options: Options) -> int:
    file = options.data / "plugins.toml"
    file = file if file.exists() else shipped_file()
    enabled = read_enabled(file) if file else ()
    installed = installed_plugins()
    for plugin in installed:
        state = "on" if plugin.name in enabled or plugin.name == "web" else "off"
        print(f"{plugin.name:<16} {state:<4} {plugin.dist} {plugin.version}  {plugin.title}")
    missing = set(enabled) - {plugin.name for plugin in installed}
    for name in sorted(missing):
        print(f"{name:<16} listed but not installed")
    return 1 if missing else 0


def enable_plugin(options: Options) -> int:
    if options.name not in {plugin.name for plugin in installed_plugins()}:
        raise CpmsError(f"No plugin {options.name!r} is installed. `cpms plugins list` shows all.")
    if wrong := check_plugin(options.name):
        raise CpmsError(f"{options.name} stays off: " + "; ".join(wrong))
    changed = enable(site_file(options.data), options.name)
    print(f"{options.name} is on." if changed else f"{options.name} was on already.")
    return 0


def disable_plugin(options: Options) -> int:
    changed = disable(site_file(options.data), options.name)
    print(f"{options.name} is off; its data stay." if changed else f"{options.name} was not on.")
    return 0


def check_one(options: Options) -> int:
    wrong = check_plugin(options.name)
    for problem in wrong:
        print(problem)
    if not wrong:
        print(f"{options.name} keeps to the contract.")
    return 1 if wrong else 0


def write_new(options: Options) -> int:
    folder = new_plugin(options.name, options.into)
    print(f"Wrote {folder}. Its README says how to try it.")
    return 0
