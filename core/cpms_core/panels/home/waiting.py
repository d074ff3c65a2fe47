"""A kind of thing that can wait for somebody, and what Home says of each one that does.

Each module beside this one has its kinds in `PARTS`; `home` puts them in order and reads all of
them in one statement.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from uuid import UUID

from msgspec import Struct

from cpms_core.actor import Actor
from cpms_core.panels.clock.clocks import Clock
from cpms_core.rows import AnyQuery

Query = Callable[[], AnyQuery]
"""Built once and kept; its parameters are those of `me`."""


class Item(Struct, frozen=True, kw_only=True):
    """One thing to do: what it is, its clock, and the one act."""

    title: str
    text: str
    note: str
    action: str
    href: str
    clock: Clock
    is_urgent: bool = False
    decline: str = ""
    """Where an invitation is declined."""
    not_for_me: str = ""
    """Where a notice is ended."""
    quick: str = ""
    """Where a telephone answers in sixty seconds."""


class Reader(NamedTuple):
    """Whose Home it is."""

    actor: Actor
    whose: Mapping[UUID, str]
    """By id: the reader, without a name, and those for whom the reader stands in."""
    areas: Mapping[tuple[str, str], str]
    """(ERN, key) → title of a thematic area."""

    def for_whom(self, *user_ids: UUID) -> str | None:
        """Of those whom something waits for; empty if the reader is one of them."""
        return min((self.whose[one] for one in user_ids if one in self.whose), default=None)


class Part(NamedTuple):
    """One kind of thing that waits."""

    query: Query
    item: Callable[[Any, Reader], Item | None]
    """Of a row of the query."""
    permission: str = "site.use"
    """It is asked for only by those who could have it."""
