"""The whole store: every table, and its migrations."""

from importlib import import_module
from pathlib import Path

from sqlalchemy import Engine, MetaData, inspect, text

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
