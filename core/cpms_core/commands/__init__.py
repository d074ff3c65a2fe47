"""What the `cpms` program can do; each module adds its subcommands."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias
from uuid import uuid4

from sqlalchemy import Engine

from cpms_core.actor import Actor, Grant, Role
from cpms_core.db import make_engine
from cpms_core.errors import CpmsError
from cpms_core.settings import Site, read_site
from cpms_core.store import is_current

# argparse gives this class no public name, and what add_subparsers() returns is one.
Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001 - as above
Options: TypeAlias = argparse.Namespace

# Whoever may run this may do anything to the site; the audit names nobody for it.
CONSOLE = Actor(
    user_id=uuid4(), name="console", email="", grants=frozenset({Grant(Role.SYSTEM_ADMIN)})
)


@contextmanager
def opened(data: Path) -> Iterator[tuple[Site, Engine]]:
    """A site that is there and of this version, with its store; CpmsError says what is missing."""
    site = read_site(data)
    # SQLite would make an empty store out of a mistyped folder.
    is_embedded = not site.settings.database
    if not site.data.is_dir() or (is_embedded and not (site.data / "cpms.sqlite3").exists()):
        raise CpmsError(
            f"There is no site in {site.data}. `cpms migrate` makes one, `cpms run` one to try."
        )
    engine = make_engine(site.database_url)
    try:
        if not is_current(engine):
            raise CpmsError("The store is of another version. Run `cpms migrate` first.")
        yield site, engine
    finally:
        engine.dispose()
