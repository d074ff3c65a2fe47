"""`import` files as draft cases; `verify` a signed outcome offline."""

import argparse
from pathlib import Path

from sqlalchemy import Engine

from cpms_core.cases.importing import import_files
from cpms_core.commands import Commands, Options, opened
from cpms_core.commands.people import user_by_email
from cpms_core.db import transaction
from cpms_core.errors import CpmsError
from cpms_core.identity.sessions import actor_for
from cpms_core.panels.outcome.verify import verify_file
from cpms_core.plugins.enabled import read_enabled, site_file
from cpms_core.plugins.host import load
from cpms_core.settings import Site

_MARKS = {True: "ok", False: "WRONG", None: "note"}


def add_commands(commands: Commands, common: argparse.ArgumentParser) -> None:
    bring = commands.add_parser("import", parents=[common], help="files become draft cases")
    bring.add_argument("format", help="phenopacket, for instance")
    bring.add_argument("path", type=Path, metavar="FILE|FOLDER")
    bring.add_argument("--as", dest="email", required=True, metavar="EMAIL", help="whose cases")
    bring.set_defaults(run=import_cases)
    check = commands.add_parser("verify", parents=[common], help="check a signed outcome, offline")
    check.add_argument("file", type=Path)
    check.add_argument(
        "earlier", type=Path, nargs="*", metavar="EARLIER", help="signed versions that it amends"
    )
    check.set_defaults(run=verify_outcome)


def import_cases(options: Options) -> int:
    with opened(options.data) as (site, engine):
        return _import_into(site, engine, options)


def _import_into(site: Site, engine: Engine, options: Options) -> int:
    registry = load(read_enabled(site_file(site.data))).registry
    importers = {key.rpartition(".")[2]: one for key, one in registry.importers.items()}
    importer = importers.get(options.format)
    if importer is None:
        known = ", ".join(sorted(importers)) or "none"
        raise CpmsError(f"No plugin reads {options.format!r}. Known here: {known}.")
    if not options.path.exists():
        raise CpmsError(f"There is no {options.path}.")
    with transaction(engine) as session:
        actor = actor_for(session, user_by_email(session, options.email))
    result = import_files(engine, actor, registry, importer, options.path)
    for name, reason in result.refused:
        print(f"refused {name}: {reason}")
    print(
        f"imported {result.imported} ({result.remarked} with remarks), "
        f"refused {len(result.refused)}"
    )
    return 0 if result.imported else 1


def verify_outcome(options: Options) -> int:
    found = verify_file(options.file, earlier=options.earlier)
    for line in found.lines:
        print(f"{_MARKS[line.ok]:<6}{line.text}")
    return 0 if found.ok else 1
