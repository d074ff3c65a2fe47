"""Alembic's environment: the connection is handed over by store.migrate()."""

from typing import Any, Literal

from alembic import context

from cpms_core.db import JsonValue, UtcDateTime
from cpms_core.store import METADATA


def render_item(kind: str, item: Any, _autogen: Any) -> str | Literal[False]:
    """Name our own column types in a new migration as db.py names them."""
    if kind == "type" and isinstance(item, UtcDateTime):
        return "UtcDateTime()"
    if kind == "type" and isinstance(item, type(JsonValue)):
        return "JsonValue"
    return False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    render_as_batch=True,
    compare_type=True,
    render_item=render_item,
)
with context.begin_transaction():
    context.run_migrations()
