"""What pages ask of the query of their address, noted while they do."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from cpms_core.http import kernel
from cpms_core.http.incoming import read_query as _read_query


class _Noting(dict[str, str]):
    def __init__(self, values: dict[str, str], asked: set[str]) -> None:
        super().__init__(values)
        self._asked = asked

    def get(self, key: str, default: Any = None) -> Any:
        self._asked.add(key)
        return super().get(key, default)

    def __getitem__(self, key: str) -> str:
        self._asked.add(key)
        return super().__getitem__(key)

    def __contains__(self, key: object) -> bool:
        self._asked.add(str(key))
        return super().__contains__(key)


@contextmanager
def noting_queries() -> Iterator[set[str]]:
    """The keys that are looked for until the end of it; whoever reads the set may clear it."""
    asked: set[str] = set()
    with patch.object(kernel, "read_query", lambda request: _Noting(_read_query(request), asked)):
        yield asked
