"""The two databases a test runs on: empty, migrated, with the directory in it, real commits."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.pool import QueuePool

from cpms_core.db import make_engine, transaction
from cpms_core.directory.loading import load_directory
from cpms_core.store import METADATA, migrate


class SqliteTemplate:
    name = "sqlite"

    def __init__(self, folder: Path) -> None:
        self._file = folder / "template.sqlite3"
        self._first = make_engine(f"sqlite:///{self._file}")
        _fill(self._first)

    @contextmanager
    def copy(self, folder: Path) -> Iterator[Engine]:
        target = folder / "cpms.sqlite3"
        shutil.copyfile(self._file, target)
        engine = make_engine(f"sqlite:///{target}")
        event.listen(engine, "connect", _trust_the_disk)
        # By these SQLAlchemy keeps what it has compiled; anew it takes a third of the time.
        engine.dialect = self._first.dialect
        engine._compiled_cache = self._first._compiled_cache
        yield engine
        engine.dispose()


class PostgresTemplate:
    """One database for all tests of this process, emptied after each: a copy takes 0.3 s."""

    name = "postgresql"

    def __init__(self, url: str) -> None:
        name = f"cpms_{uuid4().hex}"
        server = create_engine(url.format("postgres"), isolation_level="AUTOCOMMIT")
        with server.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        server.dispose()
        self.engine = make_engine(url.format(name))
        _fill(self.engine)
        deletions = [f'DELETE FROM "{table}"' for table in METADATA.tables]  # noqa: S608 - names of our own tables
        with self.engine.begin() as connection:
            returns = _keep(connection)
        # Foreign keys are not looked at, so that the order does not matter.
        statements = ["SET LOCAL session_replication_role = replica", *deletions, *returns]
        self._emptying = text("; ".join(statements))

    @contextmanager
    def copy(self, folder: Path) -> Iterator[Engine]:
        del folder
        yield self.engine
        assert isinstance(self.engine.pool, QueuePool)
        if self.engine.pool.checkedout():  # what a test left open must not lock the tables
            self.engine.dispose()
        # Else they stay: a new connection costs the server ten times what emptying does.
        with self.engine.begin() as connection:
            connection.execute(self._emptying)

    def another(self) -> "PostgresTemplate":
        """A second database of the same server, for a site that is served from it."""
        url = self.engine.url.render_as_string(hide_password=False)
        return PostgresTemplate(url.replace(str(self.engine.url.database), "{}"))

    def close(self) -> None:
        self.engine.dispose()


Template = SqliteTemplate | PostgresTemplate


def _trust_the_disk(connection: Any, _record: Any) -> None:
    """As PostgreSQL's `fsync=off` below: no test of this process pulls the plug."""
    connection.execute("PRAGMA synchronous=OFF")


def _keep(connection: Connection) -> list[str]:
    """Copy what is in the store beside it; the statements that bring it back."""
    connection.execute(text("CREATE SCHEMA kept"))  # of its own: it is none of the site's tables
    returns = []
    for table in METADATA.tables:
        if connection.scalar(text(f'SELECT EXISTS (SELECT FROM "{table}")')):  # noqa: S608 - a table of ours
            connection.execute(text(f'CREATE TABLE kept."{table}" AS TABLE "{table}"'))
            returns.append(f'INSERT INTO "{table}" TABLE kept."{table}"')
    return returns


def _fill(engine: Engine) -> None:
    migrate(engine)
    with transaction(engine) as session:
        load_directory(session)
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            connection.exec_driver_sql("ROLLBACK")
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    engine.dispose()


@contextmanager
def postgres_server() -> Iterator[str | None]:
    """A URL with `{}` for the database: $CPMS_TEST_PG_URL/{}, else a server started here."""
    given = os.environ.get("CPMS_TEST_PG_URL")
    if given:
        yield given.rstrip("/") + "/{}"
        return
    programs = _programs()
    if programs is None:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="cpms-pg-", dir="/tmp") as name:
        folder = Path(name)
        with _started(programs, folder):
            yield f"postgresql+psycopg://postgres@:5432/{{}}?host={folder}"


def _programs() -> Path | None:
    """The folder with initdb and postgres: Debian's, else a package's."""
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if (folder / "initdb").exists():
            return folder
    return None


@contextmanager
def _started(programs: Path, folder: Path) -> Iterator[None]:
    # PostgreSQL refuses to run as root; Debian's packages bring a user for it.
    as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    prefix = as_user if os.geteuid() == 0 else []
    if prefix:
        shutil.chown(folder, "postgres")
    data = folder / "data"
    subprocess.run(
        [*prefix, programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-N"],
        check=True,
        capture_output=True,
        cwd="/",
    )
    options = "-c fsync=off -c listen_addresses= -c max_connections=60 -c full_page_writes=off"
    command = [*prefix, str(programs / "postgres"), "-D", str(data), "-k", str(folder)]
    server = subprocess.Popen([*command, *options.split()], stderr=subprocess.DEVNULL, cwd="/")
    try:
        _wait(folder)
        yield
    finally:
        server.send_signal(signal.SIGINT)  # a fast shutdown; SIGTERM would wait for clients
        server.wait(timeout=20)


def _wait(folder: Path) -> None:
    engine = create_engine(f"postgresql+psycopg://postgres@:5432/postgres?host={folder}")
    for _ in range(200):
        try:
            engine.connect().close()
        except Exception:  # noqa: BLE001 - it is not up yet, for whatever reason
            time.sleep(0.05)
        else:
            engine.dispose()
            return
    raise RuntimeError("PostgreSQL did not start within ten seconds")
