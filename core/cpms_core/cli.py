"""The `cpms` program: one subcommand a task, each in its own module of `commands`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from cpms_core import __version__
from cpms_core.commands import audit, cases, importing, keeping, keys, people, plugins, serving
from cpms_core.errors import CpmsError


def main(arguments: Sequence[str] | None = None) -> None:
    options = _parser().parse_args(arguments)
    try:
        code = options.run(options)
    except CpmsError as error:
        print(f"cpms: {error}", file=sys.stderr)
        code = 1
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--data", type=Path, default=Path("data"), metavar="DIR", help="the site's folder (./data)"
    )
    parser = argparse.ArgumentParser(
        prog="cpms", description="Clinical Patient Management System for the ERNs"
    )
    parser.add_argument("--version", action="version", version=f"cpms {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for module in (serving, people, importing, keys, plugins, cases, keeping, audit):
        module.add_commands(commands, common)
    return parser
