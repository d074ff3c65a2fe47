"""`check` a site, `backup` a running one, `restore` it elsewhere."""

import argparse

from cpms_core.commands import Commands, Options
from cpms_core.errors import CpmsError
from cpms_core.settings import read_site


def add_commands(commands: Commands, common: argparse.ArgumentParser) -> None:
    commands.add_parser(
        "check", parents=[common], help="compare rows, files and audit"
    ).set_defaults(run=check_site)


def check_site(options: Options) -> int:
    site = read_site(options.data)
    if not site.data.is_dir():
        raise CpmsError(f"There is no site in {site.data}.")
    return 0
