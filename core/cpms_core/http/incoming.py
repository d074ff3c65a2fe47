"""Read what a client sent, strictly: whatever is wrong with it is a 4xx, never a crash."""

# ruff: noqa: ASYNC240 - making, writing and unlinking a temporary file is quick

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote

import msgspec
from anyio import fail_after
from litestar import Request
from litestar.datastructures import UploadFile
from litestar.types import Receive

from cpms_core.errors import InvalidError, TooLargeError

_MAX_FIELDS = 5000
_MAX_PLAIN_BODY = 4 * 1024 * 1024
_PATIENCE = 10.0
"""Seconds without a byte; further ones are earned with what has come."""
_SLOWEST = 2000.0
"""Bytes a second."""
_NUL = "The address holds a character that no text has, so nothing was looked up."


class Upload(msgspec.Struct, frozen=True):
    """A file as it arrived: in the incoming area, hostile until proven otherwise."""

    name: str
    """As the browser called it; never shown to others, never part of a path."""
    path: Path
    size: int


class Incoming(msgspec.Struct, frozen=True, kw_only=True):
    form: Mapping[str, list[str]] = {}
    json: Any = None
    uploads: tuple[Upload, ...] = ()


def read_query(request: Request[Any, Any, Any]) -> dict[str, str]:
    """Each key once; a repeated one is refused, for no parameter of ours is a list.

    So is NUL anywhere in the address: PostgreSQL cannot even compare with it.
    """
    raw = request.scope.get("query_string", b"")
    found: dict[str, str] = {}
    if "\x00" in request.scope["path"]:
        raise InvalidError(_NUL)
    for key, value in _pairs(raw):
        if key in found:
            raise InvalidError(f"“{key[:40]}” was given twice in the address.")
        if "\x00" in key or "\x00" in value:
            raise InvalidError(_NUL)
        found[key] = value
    return found


def read_cookies(request: Request[Any, Any, Any]) -> dict[str, str]:
    """Cookies by name; one that was sent twice is left out, for one of the two is not ours."""
    pairs = [
        (name.strip(), value.strip())
        for header in request.headers.getall("cookie", [])
        for name, _, value in (part.partition("=") for part in header.split(";"))
    ]
    names = [name for name, _ in pairs]
    return {name: unquote(value) for name, value in pairs if names.count(name) == 1}


def bearers(request: Request[Any, Any, Any]) -> list[str]:
    """The tokens of machines that were sent (RFC 6750 section 2.1); any other scheme is no token.

    Only in the header: an address stands in logs, and a form may be another site's.
    """
    sent = (one.strip().partition(" ") for one in request.headers.getall("authorization", []))
    return [token.strip() for scheme, _, token in sent if scheme.lower() == "bearer"]


async def read_body(
    request: Request[Any, Any, Any], new_file: Callable[[], Path], max_upload: int
) -> Incoming:
    """The body as form, JSON or files that `new_file` makes; `max_upload` is in bytes."""
    request.receive = _patient(request.receive)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/octet-stream":
        name = unquote(request.headers.get("x-file-name", ""), errors="replace")
        return Incoming(uploads=(await _stream_to_file(request, name, new_file(), max_upload),))
    if kind == "multipart/form-data":
        return await _read_multipart(request, new_file)
    body = await _read_plain(request)
    if kind == "application/json":
        try:
            return Incoming(json=msgspec.json.decode(body) if body else None)
        except (msgspec.DecodeError, RecursionError, ValueError) as error:
            raise InvalidError("What the browser sent is no valid JSON.") from error
    if body and kind != "application/x-www-form-urlencoded":
        raise InvalidError("This address accepts a form, nothing else.")
    return Incoming(form=_grouped(_pairs(body)))


def _patient(receive: Receive) -> Receive:
    """`receive` for a sender that goes on sending: whoever stalls or trickles is refused."""
    started, size = time.monotonic(), 0

    async def receive_in_time() -> Any:
        nonlocal size
        ends = started + _PATIENCE + size / _SLOWEST
        try:
            with fail_after(max(ends - time.monotonic(), 0)):
                message = await receive()
        except TimeoutError as error:
            raise InvalidError("It took too long to arrive, so nothing of it was kept.") from error
        if message["type"] != "http.request":
            raise InvalidError("The browser stopped sending, so nothing of it was kept.")
        size += len(message.get("body", b""))
        return message

    return receive_in_time


async def _read_plain(request: Request[Any, Any, Any]) -> bytes:
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > _MAX_PLAIN_BODY:
            raise TooLargeError("That is more text than a form of this site can hold (4 MB).")
        chunks.append(chunk)
    return b"".join(chunks)


async def _stream_to_file(
    request: Request[Any, Any, Any], name: str, path: Path, max_upload: int
) -> Upload:
    try:
        size = 0
        with path.open("wb") as target:
            async for chunk in request.stream():
                size += len(chunk)
                _ensure_size(size, max_upload)
                target.write(chunk)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return Upload(name, path, size)


def _ensure_size(size: int, max_upload: int) -> None:
    if size > max_upload:
        raise TooLargeError(
            f"The file is larger than {max_upload // 2**20} MB, this site's limit. "
            "Nothing of it was kept."
        )


async def _read_multipart(
    request: Request[Any, Any, Any], new_file: Callable[[], Path]
) -> Incoming:
    try:
        data = await request.form()
    except (UnicodeError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise InvalidError("What the browser sent is no valid form.") from error
    form: dict[str, list[str]] = {}
    uploads: list[Upload] = []
    for key, value in data.multi_items():
        if not isinstance(value, UploadFile):
            form.setdefault(key, []).append(str(value))
            continue
        content = await value.read()
        if value.filename or content:
            path = new_file()
            path.write_bytes(content)
            uploads.append(Upload(value.filename, path, len(content)))
    return Incoming(form=form, uploads=tuple(uploads))


def _pairs(raw: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(
            raw.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_MAX_FIELDS,
        )
    except (ValueError, UnicodeError) as error:
        raise InvalidError("What the browser sent is no valid form.") from error


def _grouped(pairs: list[tuple[str, str]]) -> dict[str, list[str]]:
    form: dict[str, list[str]] = {}
    for key, value in pairs:
        form.setdefault(key, []).append(value)
    return form
