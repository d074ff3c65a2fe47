"""The migrations make the tables that the program uses, and keep what is there."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import (
    JSON,
    Boolean,
    Connection,
    Date,
    DateTime,
    Engine,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    String,
    Table,
    Uuid,
    select,
    text,
)
from sqlalchemy.types import TypeEngine

from cpms_core.db import make_engine
from cpms_core.store import _MIGRATIONS, METADATA, is_current, migrate, revision
from tests.engines import SqliteTemplate, Template


def test_the_migrations_make_exactly_the_tables_of_the_models(engine: Engine) -> None:
    assert _differences(engine) == []
    assert is_current(engine)


def _differences(engine: Engine) -> Any:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        return compare_metadata(context, METADATA)


def test_the_newest_file_is_the_newest_revision() -> None:
    assert ScriptDirectory(str(_MIGRATIONS)).get_current_head() == revision()


def test_a_store_of_the_revision_before_is_upgraded_and_keeps_its_rows(
    template: Template, tmp_path: Path
) -> None:
    with _empty_store(template, tmp_path) as engine:
        _upgrade(engine, "0004")
        before = MetaData()
        before.reflect(engine)
        with engine.begin() as connection:
            for table in before.sorted_tables:
                if table.name != "alembic_version":
                    connection.execute(table.insert().values(_row(connection, table)))
            rows = _rows(connection, before)
        assert not is_current(engine)
        migrate(engine)
        assert is_current(engine)
        with engine.connect() as connection:
            assert _rows(connection, before) == rows
        assert _differences(engine) == []


@contextmanager
def _empty_store(template: Template, folder: Path) -> Iterator[Engine]:
    if isinstance(template, SqliteTemplate):
        engine = make_engine(f"sqlite:///{folder / 'old.sqlite3'}")
    else:
        with template.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as server:
            server.execute(text("CREATE DATABASE cpms_old"))
        engine = make_engine(
            template.engine.url.set(database="cpms_old").render_as_string(hide_password=False)
        )
    yield engine
    engine.dispose()


def _upgrade(engine: Engine, to: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, to)


def _row(connection: Connection, table: Table) -> dict[str, Any]:
    """Something in every column; what points to a row points to the one that is there."""
    row: dict[str, Any] = {}
    for column in table.columns:
        for key in column.foreign_keys:
            if key.column.table is not table:
                row[column.name] = connection.scalar(select(key.column))
        if not column.foreign_keys:
            row[column.name] = _something(column.type)
    return row


def _something(kind: TypeEngine[Any]) -> object:
    if isinstance(kind, String):
        return _SOME_ID[-(kind.length or len(_SOME_ID)) :]
    return next(value for known, value in _SOME.items() if isinstance(kind, known))


_SOME_ID = f"{7:032}"
"""As SQLite keeps a UUID, which it gives back as a text."""
_SOME: dict[type[TypeEngine[Any]], object] = {
    Boolean: True,
    Date: date(2026, 5, 17),
    DateTime: datetime(2026, 5, 17, 9, 30, tzinfo=UTC),
    JSON: {"said": "Malá"},
    LargeBinary: b"\x00\xff",
    Numeric: 7,
    Integer: 7,
    Uuid: UUID(_SOME_ID),
}


def _rows(connection: Connection, tables: MetaData) -> dict[str, list[Any]]:
    return {
        table.name: list(connection.execute(select(table)))
        for table in tables.sorted_tables
        if table.name != "alembic_version"
    }


def test_the_planner_of_postgresql_keeps_samples_of_nothing_that_people_write(
    engine: Engine,
) -> None:
    if engine.dialect.name == "sqlite":
        pytest.skip("SQLite's planner samples nothing unless it is told to")
    with engine.connect() as connection:
        assert connection.scalars(text(_SAMPLED)).all() == []


_SAMPLED = """
SELECT relname || '.' || attname FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname <> 'alembic_version'
  AND format_type(atttypid, NULL) IN ('text', 'character varying', 'bytea', 'json', 'jsonb')
  AND attstattarget <> 0
  AND NOT EXISTS (SELECT FROM pg_index WHERE indrelid = attrelid AND attnum = ANY (indkey))
  AND NOT EXISTS (SELECT FROM pg_constraint
                  WHERE contype = 'f' AND conrelid = attrelid AND attnum = ANY (conkey))
"""
"""Columns of bytes, JSON and text that are no key and in no index, and that ANALYZE looks at."""
