"""The migrations make the tables that the program uses, on either engine."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

from cpms_core.store import _MIGRATIONS, METADATA, is_current, revision


def test_the_migrations_make_exactly_the_tables_of_the_models(engine: Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        assert compare_metadata(context, METADATA) == []
    assert is_current(engine)


def test_the_newest_file_is_the_newest_revision() -> None:
    assert ScriptDirectory(str(_MIGRATIONS)).get_current_head() == revision()
