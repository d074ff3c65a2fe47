"""What a handler answers. The HTTP kernel turns these into responses; nothing else does."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

from msgspec import Struct


class Page(Struct, frozen=True, kw_only=True):
    """A template; an HTMX request receives only `block` of it if one is named."""

    template: str
    values: Mapping[str, Any] = {}
    block: str | None = None
    status: int = 200
    wasm: bool = False
    """Whether its scripts may compile WebAssembly."""
    forms_to: tuple[str, ...] = ()
    """Origins elsewhere that its forms may lead to: sign-in providers of the settings."""


class Redirect(Struct, frozen=True):
    """To a path of this site (303). `/` must start it; `said` is shown once on the next page.

    Or to a sign-in provider of the settings, with its whole address.
    """

    to: str
    said: str = ""


class Data(Struct, frozen=True, kw_only=True):
    """A value as JSON."""

    value: Any
    status: int = 200


class File(Struct, frozen=True, kw_only=True):
    """Bytes or a file on disk. With `download_as` the browser saves it instead of showing it.

    `part` is (offset, length) in bytes of a file on disk.
    """

    content: bytes | Path
    media_type: str
    download_as: str | None = None
    part: tuple[int, int] | None = None
    headers: Mapping[str, str] = {}


class Stream(Struct, frozen=True, kw_only=True):
    """Chunks as they come, for what does not fit into memory."""

    chunks: Iterator[bytes]
    media_type: str
    download_as: str | None = None


class Live(Struct, frozen=True, kw_only=True):
    """A sign whenever something happens to a case that this reader may see; never what it was.

    Server-sent events, for a route of the rate `stream`.
    """

    case_id: UUID
    patient_id: UUID
    tells: frozenset[str]
    """The audit events that are worth a sign."""
    erns: frozenset[str]
    """Those of other ERNs give none."""
    still_may: Callable[[Any], bool]
    """Asked with a session that reads: before each sign, and now and then. It ends with a no."""
    seen: frozenset[UUID] = frozenset()
    """Ids of the newest such events before it began."""
    is_behind: bool = False
    """Whether the first sign is due at once."""


Answer = Page | Redirect | Data | File | Stream | Live
