"""`people import` and `centres import`: the page's import from the server's own console."""

import argparse
from functools import partial
from pathlib import Path

from cpms_core.commands import CONSOLE, Commands, Options, opened
from cpms_core.db import transaction
from cpms_core.directory.csv_import import Plan, apply_import, plan_import
from cpms_core.errors import CpmsError


def add_commands(commands: Commands, common: argparse.ArgumentParser) -> None:
    centres = commands.add_parser("centres", help="import centres from a CSV file")
    acts = centres.add_subparsers(required=True, metavar="ACT")
    add_import(acts, common, "centres")


def add_import(acts: Commands, common: argparse.ArgumentParser, kind: str) -> None:
    parser = acts.add_parser("import", parents=[common], help="add what a CSV file holds")
    parser.add_argument("file", type=Path)
    parser.add_argument("--dry-run", action="store_true", help="change nothing, only tell")
    parser.set_defaults(run=partial(import_file, kind))


def import_file(kind: str, options: Options) -> int:
    """1 if some line was refused; the others are imported all the same."""
    try:
        data = options.file.read_bytes()
    except OSError as error:
        raise CpmsError(f"{options.file} cannot be read: {error.strerror}.") from error
    with (
        opened(options.data) as (_, engine),
        transaction(engine, read_only=options.dry_run) as session,
    ):
        plan = plan_import(session, CONSOLE, kind, data)
        if not options.dry_run:
            apply_import(session, CONSOLE, kind, data, plan.marks)
    _tell(plan, is_done=not options.dry_run)
    return 1 if plan.of("refused") else 0


def _tell(plan: Plan, *, is_done: bool) -> None:
    for line in plan.lines:
        if line.verdict != "left":
            print(f"{line.number}: {line.verdict}: {line.what}: {'; '.join(line.says)}")
    added, changed, refused = (len(plan.of(one)) for one in ("added", "changed", "refused"))
    said = "Imported" if is_done else "Nothing is changed. It would be"
    print(f"{said}: {added} added, {changed} changed, {refused} refused.")
