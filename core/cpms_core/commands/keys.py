"""`keys import-mds|list`: which models of security keys there are, and which of them are unsafe."""

import argparse
import sys
from pathlib import Path

from cpms_core.clock import clock
from cpms_core.commands import Commands, Options, opened
from cpms_core.db import transaction
from cpms_core.errors import CpmsError
from cpms_core.http.site import key_policy
from cpms_core.identity.key_models import (
    compromise_of,
    import_metadata,
    list_models,
    next_update,
    problems,
)
from cpms_core.identity.metadata_file import LARGEST, read_metadata
from cpms_core.words import day, plural


def add_commands(commands: Commands, common: argparse.ArgumentParser) -> None:
    keys = commands.add_parser("keys", help="models of security keys")
    acts = keys.add_subparsers(required=True, metavar="ACT")
    importer = acts.add_parser(
        "import-mds", parents=[common], help="take a list of models from the FIDO Alliance"
    )
    importer.add_argument("file", type=Path, help="blob.jwt, from https://mds3.fidoalliance.org")
    importer.add_argument(
        "--root",
        type=Path,
        required=True,
        metavar="FILE",
        help="GlobalSign Root CA - R3, PEM or DER",
    )
    importer.set_defaults(run=import_mds)
    lister = acts.add_parser("list", parents=[common], help="every model, and how it stands here")
    lister.set_defaults(run=list_all)


def import_mds(options: Options) -> int:
    metadata = read_metadata(_read(options.file), _read(options.root))
    with opened(options.data) as (site, engine), transaction(engine) as session:
        import_metadata(session, metadata)
        warnings = list(problems(session, key_policy(site.settings)))
    print(
        f"Edition {metadata.number}, current until {day(metadata.next_update)}: "
        f"{plural(len(metadata.models), 'model')}. A running site uses it from now on."
    )
    if metadata.next_update < clock.now().date():
        print("This edition is out of date; download a newer one.", file=sys.stderr)
    for warning in warnings:
        print(warning, file=sys.stderr)
    return 0


def list_all(options: Options) -> int:
    with opened(options.data) as (site, engine), transaction(engine, read_only=True) as session:
        policy = key_policy(site.settings)
        models = list_models(session)
        until = next_update(session)
        warnings = list(problems(session, policy))
    allowed = policy.allowed_aaguids or frozenset()
    for model in sorted(models, key=lambda one: one.aaguid not in allowed):
        status = compromise_of(model) or (model.statuses[0] if model.statuses else "no status")
        mark = "allowed" if model.aaguid in allowed else "-"
        print(f"{model.aaguid}  {mark:7}  {status:28}  {model.description}")
    print(f"Current until {day(until)}." if until else "No list of models was imported yet.")
    for warning in warnings:
        print(warning, file=sys.stderr)
    return 0


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > LARGEST:
            raise CpmsError(f"{path} is larger than {LARGEST // 2**20} MB, so it was not read.")
        return path.read_bytes()
    except OSError as error:
        raise CpmsError(f"{path} cannot be read: {error.strerror}.") from error
