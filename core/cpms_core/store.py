"""The whole store: every table, and its migrations."""

from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import Any

from sqlalchemy import (
    JSON,
    Column,
    Connection,
    Engine,
    LargeBinary,
    MetaData,
    String,
    Table,
    inspect,
    text,
)

from cpms_core.db import Base

_TABLES = (
    "cpms_core.attempts",
    "cpms_core.audit",
    "cpms_core.cases.models",
    "cpms_core.directory.models",
    "cpms_core.identity.models",
    "cpms_core.jobs",
    "cpms_core.once",
    "cpms_core.panels.after.models",
    "cpms_core.panels.discussion.models",
    "cpms_core.panels.models",
    "cpms_core.patients.models",
    "cpms_core.state",
    "cpms_core.terminology.models",
)
for _module in _TABLES:
    import_module(_module)

METADATA: MetaData = Base.metadata
"""Every table there is."""


_MIGRATIONS = Path(__file__).parent / "migrations"


def migrate(engine: Engine) -> None:
    """Bring the store to this version; a migration that was killed is resumed by the next call."""
    if is_current(engine):
        return
    # Alembic takes a third of a second to import, and nearly every start has nothing to migrate.
    from alembic import command  # noqa: PLC0415 - as above
    from alembic.config import Config  # noqa: PLC0415 - as above

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        if engine.dialect.name == "postgresql":
            _sample_no_content(connection)


def _sample_no_content(connection: Connection) -> None:
    """PostgreSQL's planner keeps values of each column it samples: none of what people write."""
    for table in METADATA.sorted_tables:
        if columns := [one for one in texts_of(table) if not _is_looked_up(one)]:
            forget_samples(connection, columns)
            each = ", ".join(f'ALTER "{one.name}" SET STATISTICS 0' for one in columns)
            connection.execute(text(f'ALTER TABLE "{table.name}" {each}'))


def texts_of(table: Table) -> list[Column[Any]]:
    return [one for one in table.columns if isinstance(one.type, String | JSON | LargeBinary)]


def _is_looked_up(column: Column[Any]) -> bool:
    """Keys and codes: the planner needs to know how many of each there are."""
    in_an_index = any(column.name in index.columns for index in column.table.indexes)
    return bool(in_an_index or column.primary_key or column.foreign_keys or column.unique)


def forget_samples(connection: Connection, columns: Iterable[Column[Any]]) -> None:
    """Of columns of one table. PostgreSQL drops them with a type, even where it is set to itself.

    It writes no row anew for that. Nothing else does it: `ANALYZE` passes over an empty table, and
    over a column that it is no longer to sample.
    """
    chosen = list(columns)
    each = ", ".join(
        f'ALTER "{one.name}" TYPE {one.type.compile(connection.dialect)}' for one in chosen
    )
    connection.execute(text(f'ALTER TABLE "{chosen[0].table.name}" {each}'))


def is_current(engine: Engine) -> bool:
    if not inspect(engine).has_table("alembic_version"):
        return False
    with engine.connect() as connection:
        found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return found == revision()


def revision() -> str:
    """The newest revision of the tables that this program knows: versions are numbered files."""
    newest = max(path.stem for path in (_MIGRATIONS / "versions").glob("[0-9]*.py"))
    return newest.partition("_")[0]
