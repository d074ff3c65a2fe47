"""Many rows as typed structs: the store writes them as one JSON text, and msgspec reads it.

For the lists that people look at all day. Fifty rows of twenty columns, read and looked at, take
about half the time, and on SQLite the other threads are not woken at every row.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, TypeVar

import msgspec
from sqlalchemy import ColumnElement, Connection, Select, Text, cast, func, select

from cpms_core.db import UtcDateTime

T = TypeVar("T", bound=msgspec.Struct)
AnyQuery = Select[*tuple[Any, ...]]


def fetch(
    connection: Connection, query: AnyQuery, kind: type[T], values: Mapping[str, Any]
) -> list[T]:
    """The rows of `query`, in its order; `kind` is a Struct with array_like=True.

    Its fields are the query's columns in their order. Build a query once and keep it: what it
    becomes is kept by its identity.
    """
    text = connection.execute(_as_one_text(query, connection.dialect.name), dict(values)).scalar()
    return _decoder(kind).decode(text) if text else []


def fetch_together(
    connection: Connection, queries: Iterable[AnyQuery], values: Mapping[str, Any]
) -> list[list[Any]]:
    """The rows of each query, all read in one statement; columns are found by their names.

    For many short lists, of which most are empty. Each query must be one that is kept.
    """
    wanted = tuple(queries)
    texts = connection.execute(_as_texts(wanted, connection.dialect.name), dict(values)).one()
    return [
        _row_decoder(query).decode(text) if text else []
        for query, text in zip(wanted, texts, strict=True)
    ]


@lru_cache(maxsize=100)
def _as_texts(queries: tuple[AnyQuery, ...], dialect: str) -> Select[Any]:
    return select(*(_as_one_text(query, dialect).scalar_subquery() for query in queries))


@lru_cache(maxsize=100)
def _row_decoder(query: AnyQuery) -> msgspec.json.Decoder[list[Any]]:
    """Of structs with a field for each column."""
    columns = query.selected_columns
    fields = [(str(column.name), column.type.python_type | None) for column in columns]
    row = msgspec.defstruct("Row", fields, array_like=True)
    return msgspec.json.Decoder(list[row], strict=False)  # type: ignore[valid-type]  # a type made at run time


@lru_cache(maxsize=100)
def _as_one_text(query: AnyQuery, dialect: str) -> Select[Any]:
    inner = query.subquery()
    if dialect == "postgresql":
        row = func.json_build_array(*inner.columns)
        return select(cast(func.json_agg(row), Text))
    row = func.json_array(*(_with_zone(column) for column in inner.columns))
    return select(func.json_group_array(row))


def _with_zone(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """SQLite keeps times without their zone, which is UTC."""
    return cast(column, Text) + "+00:00" if isinstance(column.type, UtcDateTime) else column


@lru_cache
def _decoder(kind: type[T]) -> msgspec.json.Decoder[list[T]]:
    # Not strict: a truth value is 0 or 1 in SQLite.
    return msgspec.json.Decoder(list[kind], strict=False)  # type: ignore[valid-type]  # a type made at run time
