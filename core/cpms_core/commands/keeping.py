"""`check` a site, `backup` a running one, `restore` it elsewhere, `key export` its secret."""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine

from cpms_core.commands import Commands, Options
from cpms_core.db import make_engine
from cpms_core.errors import CpmsError
from cpms_core.files import FileStore
from cpms_core.keeping import check
from cpms_core.keeping.backup import make_backup
from cpms_core.keeping.restore import restore_backup
from cpms_core.keys import SiteKey, SiteKeyError, load_site_key, write_site_key
from cpms_core.settings import Site, read_site
from cpms_core.terminology.loading import find_obo, load_terms
from cpms_core.words import plural, size


def add_commands(commands: Commands, common: argparse.ArgumentParser) -> None:
    checker = commands.add_parser("check", parents=[common], help="compare rows, files and audit")
    checker.add_argument("--quick", action="store_true", help="do not read the files' bytes")
    checker.add_argument(
        "--remove-orphans", action="store_true", help="erase files that belong to no case"
    )
    checker.set_defaults(run=check_site)
    backup = commands.add_parser(
        "backup", parents=[common], help="write a running site into one file"
    )
    backup.add_argument("file", type=Path, help="ends in .tar, or in .tar.gz to pack it")
    backup.set_defaults(run=back_up)
    restore = commands.add_parser(
        "restore", parents=[common], help="bring a backup back into an empty folder"
    )
    restore.add_argument("file", type=Path)
    restore.add_argument("--database", default="", metavar="URL", help="an empty database")
    restore.add_argument("--site-key", type=Path, metavar="FILE", help="the key, kept apart")
    restore.set_defaults(run=restore_site)
    key = commands.add_parser("key", help="the site key")
    acts = key.add_subparsers(required=True, metavar="ACT")
    acts.add_parser("export", parents=[common], help="print it, for the safe").set_defaults(
        run=export_key
    )


def check_site(options: Options) -> int:
    with _opened(options) as (site, engine):
        if options.remove_orphans:
            removed = list(check.orphans(site, engine))
            for name in removed:
                FileStore(site.files).remove(name)
            print(f"Erased {plural(len(removed), 'file')} that belonged to no case.")
        report = check.check_site(site, engine, is_quick=options.quick)
    for figure in report.figures:
        print(figure)
    for problem in report.problems:
        print(f"PROBLEM: {problem}")
    print("Nothing is amiss." if report.is_whole else f"{plural(len(report.problems), 'problem')}.")
    return 0 if report.is_whole else 1


def back_up(options: Options) -> int:
    with _opened(options) as (site, engine):
        key = _key_at_hand(site)
        manifest = make_backup(site, engine, options.file, key)
    print(
        f"{options.file}: {plural(manifest.rows, 'row')}, {plural(len(manifest.files), 'file')}"
        f" of {size(manifest.size)}, taken {manifest.header.made_at:%Y-%m-%d %H:%M:%S} UTC."
    )
    print(
        "The site key is NOT in it: without it nobody can read patients' identities. Keep a copy"
        " of it in another place; `cpms key export` prints it."
    )
    if key is None:
        print("The site key could not be read, so the backup is not sealed against changes.")
    for name in manifest.absent:
        print(f"PROBLEM: the file {name} is missing or damaged and not in the backup.")
    return 1 if manifest.absent else 0


def restore_site(options: Options) -> int:
    key = load_site_key(options.site_key) if options.site_key else None
    restored = restore_backup(options.file, options.data, database=options.database, key=key)
    site, manifest = restored.site, restored.manifest
    print(
        f"Restored into {site.data}: {plural(manifest.rows, 'row')},"
        f" {plural(len(manifest.files), 'file')}, as of"
        f" {manifest.header.made_at:%Y-%m-%d %H:%M:%S} UTC."
    )
    if key is not None and not site.settings.site_key_command:
        write_site_key(site.site_key_path, key)
        print(f"The site key lies at {site.site_key_path}.")
    elif key is None and manifest.key_id:
        print(f"Put the site key at {site.site_key_path} before you start the site.")
    for remark in restored.remarks:
        print(remark)
    print("Loading the coded terms …", flush=True)
    engine = make_engine(site.database_url)
    load_terms(engine, find_obo(site.data))
    engine.dispose()
    print("Run `cpms check` next, then `cpms serve`.")
    return 0


def export_key(options: Options) -> int:
    site = read_site(options.data)
    print(load_site_key(site.site_key_path, site.settings.site_key_command).export())
    print(
        "Whoever has this and the data can read every patient's identity. Keep it on paper or in"
        " a vault, apart from the backups.",
        file=sys.stderr,
    )
    return 0


@contextmanager
def _opened(options: Options) -> Iterator[tuple[Site, Engine]]:
    site = read_site(options.data)
    if not site.data.is_dir():
        raise CpmsError(f"There is no site in {site.data}.")
    engine = make_engine(site.database_url)
    try:
        yield site, engine
    finally:
        engine.dispose()


def _key_at_hand(site: Site) -> SiteKey | None:
    try:
        return load_site_key(site.site_key_path, site.settings.site_key_command)
    except SiteKeyError:
        return None
