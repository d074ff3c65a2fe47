"""The whole store: every table, and its migrations."""

from importlib import import_module
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, MetaData

from cpms_core.db import Base

_TABLES = (
    "cpms_core.audit",
    "cpms_core.cases.models",
    "cpms_core.directory.models",
    "cpms_core.identity.models",
    "cpms_core.jobs",
    "cpms_core.once",
    "cpms_core.panels.models",
    "cpms_core.patients.models",
    "cpms_core.state",
    "cpms_core.terminology.models",
)
for _module in _TABLES:
    import_module(_module)

METADATA: MetaData = Base.metadata
"""Every table there is."""


def migrate(engine: Engine) -> None:
    """Bring the store to this version; a migration that was killed is resumed by the next call."""
    config = _config()
    # Its own connection without our BEGIN: Alembic runs each migration in a transaction.
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def is_current(engine: Engine) -> bool:
    with engine.connect() as connection:
        found = MigrationContext.configure(connection).get_current_revision()
    return found == revision()


def revision() -> str:
    """The newest revision of the tables that this program knows."""
    return ScriptDirectory.from_config(_config()).get_current_head() or ""


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config
