"""The site's `plugins.toml`: which plugins are on. Read it, edit it, watch it.

    # comments stay where they are
    enabled = ["ern_ithaca", "dicom_viewer"]

The command line, the admin page and an editor all change this one file. Nothing else says what is
on, and the order of the list is the order of loading. `web` is always on and never listed.
"""

import fcntl
import os
import re
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cpms_core.errors import InvalidError

FILE = "plugins.toml"
ALWAYS_ON = "web"
NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")

_EMPTY = "# The plugins of this site. What is not listed is not imported.\nenabled = []\n"
_START = re.compile(r"^enabled[ \t]*=[ \t]*\[", re.MULTILINE)
_TOKEN = re.compile(r"""#[^\n]*|"(?:\\.|[^"\\\n])*"|'[^'\n]*'|,|\]""")
_WIDTH = 100


def read_enabled(path: Path) -> tuple[str, ...]:
    """The names in the file, in its order; InvalidError says which file, where and what."""
    return parse_enabled(_read(path), path)


def read_switchable(path: Path, name: str) -> tuple[str, ...]:
    """What is enabled, if `name` could be switched; InvalidError if list or name forbids it."""
    if name == ALWAYS_ON:
        raise InvalidError("web is always on: without it nobody could sign in.")
    return read_enabled(path)


def enable(path: Path, name: str) -> bool:
    """Add `name` at the end of the list; False if it was there. The site's file is made if absent.

    Whether such a plugin is installed is not asked here: the file is about wishes.
    """
    if not NAME.fullmatch(name) or name == ALWAYS_ON:
        raise InvalidError(f"{name!r} is no name of a plugin that can be enabled.")
    return _edit(path, lambda names: names if name in names else (*names, name))


def disable(path: Path, name: str) -> bool:
    """Take `name` out of the list; False if it was not there. What it kept in cases stays."""
    read_switchable(path, name)
    return _edit(path, lambda names: tuple(other for other in names if other != name))


def site_file(data: Path, shipped: Path | None = None) -> Path:
    """The list of the site in `data`; made from the shipped one the first time it is asked for."""
    path = data / FILE
    if not path.exists():
        with _locked(path):
            if not path.exists():
                _write(path, _default_text(shipped))
    return path


def shipped_file() -> Path | None:
    """The default list at the root of a checkout; None where core was installed from a wheel."""
    path = Path(__file__).parents[3] / FILE
    return path if path.is_file() else None


def parse_enabled(text: str, path: Path) -> tuple[str, ...]:
    try:
        content = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise InvalidError(f"{path} is not valid TOML: {error}.") from None
    match content.pop("enabled", None):
        case None:
            raise InvalidError(f'{path} has no list `enabled = ["…"]`.')
        case list(names) if all(isinstance(name, str) for name in names):
            pass
        case wrong:
            raise InvalidError(f"{path}: `enabled` must be a list of names in quotes, not {wrong}.")
    if content:
        raise InvalidError(f"{path}: `{next(iter(content))}` means nothing here, only `enabled`.")
    for name in names:
        if not NAME.fullmatch(name):
            raise InvalidError(f"{path}: {name!r} is no plugin's name (a-z, 0-9 and _).")
        if names.count(name) > 1:
            raise InvalidError(f"{path} lists {name!r} twice.")
    return tuple(name for name in names if name != ALWAYS_ON)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise InvalidError(f"{path} is not text in UTF-8.") from None
    except OSError as error:
        raise InvalidError(f"{path} cannot be read: {error.strerror}.") from None


def _default_text(shipped: Path | None) -> str:
    shipped = shipped or shipped_file()
    return _read(shipped) if shipped else _EMPTY


def _edit(path: Path, change: Callable[[tuple[str, ...]], tuple[str, ...]]) -> bool:
    with _locked(path):
        text = _read(path) if path.exists() else _default_text(None)
        before = parse_enabled(text, path)
        after = change(before)
        if after == before:
            return False
        _write(path, rewrite(text, after, path))
        return True


def rewrite(text: str, names: tuple[str, ...], path: Path) -> str:
    """The same text with another list; comments survive where the list keeps its shape.

    An edit in place is tried first, then the list alone is written anew. Each result is parsed
    again before it counts, so a file this code misreads is refused, never damaged.
    """
    span = _list_span(text)
    if span is None:
        raise InvalidError(f"{path}: write the list as `enabled = […]`, then try again.")
    start, end = span
    inside = text[start:end]
    for candidate in (_edited_items(inside, names), _fresh_items(names)):
        result = text[:start] + candidate + text[end:]
        try:
            listed = parse_enabled(result, path)
        except InvalidError:
            continue
        if listed == names:
            return result
    raise InvalidError(f"{path} cannot be edited safely; change the list by hand.")


def _list_span(text: str) -> tuple[int, int] | None:
    """From after the `[` of the list to before its `]`."""
    opening = _START.search(text)
    if opening is None:
        return None
    for token in _TOKEN.finditer(text, opening.end()):
        if token.group() == "]":
            return opening.end(), token.start()
    return None


def _edited_items(inside: str, names: tuple[str, ...]) -> str:
    """`inside` without the items that are no longer wanted and with the new ones at its end."""
    present = []
    for item in reversed(_items(inside)):
        name = inside[item.start() + 1 : item.end() - 1]
        if name in names:
            present.append(name)
        else:
            inside = _without(inside, item.start(), item.end())
    for name in names:
        if name not in present:
            inside = _with(inside, name)
    return inside


def _items(inside: str) -> list[re.Match[str]]:
    return [token for token in _TOKEN.finditer(inside) if token.group()[0] in "\"'"]


def _without(inside: str, start: int, end: int) -> str:
    """Cut one item with its comma, and with its line if nothing else stands there."""
    before, after = inside[:start], inside[end:]
    if comma := re.match(r"\s*,[ \t]*", after):
        after = after[comma.end() :]
    else:
        before = re.sub(r",\Z", "", before.rstrip(" \t"))
    line = re.search(r"\n[ \t]*\Z", before)
    if line and re.match(r"[ \t]*\n", after):
        before = before[: line.start()]
    return before + after


def _with(inside: str, name: str) -> str:
    """Put one item behind the last, on a line of its own if the last one has one."""
    items = _items(inside)
    if not items:
        return (
            inside.rstrip(" \t") + f'"{name}"' if "\n" not in inside else f'\n  "{name}",{inside}'
        )
    end = items[-1].end()
    indent = re.search(r"\n[ \t]*\Z", inside[: items[-1].start()])
    tail = inside[end:]
    comma = re.match(r"\s*,", tail)
    if indent is None:
        return f'{inside[:end]}, "{name}"{tail}'
    rest = tail[comma.end() :] if comma else tail
    comment = re.match(r"[ \t]*#[^\n]*", rest)
    kept = comment.group() if comment else ""
    return f'{inside[:end]},{kept}{indent.group()}"{name}",{rest[len(kept) :]}'


def _fresh_items(names: tuple[str, ...]) -> str:
    line = ", ".join(f'"{name}"' for name in names)
    if len(line) <= _WIDTH - len("enabled = []"):
        return line
    return "\n" + "".join(f'  "{name}",\n' for name in names)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One editor at a time, across processes. The lock file stays: removing it would race."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(path.name + ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _write(path: Path, text: str) -> None:
    """All of it or nothing, also if the power fails in the middle."""
    target = path.resolve()
    mode = target.stat().st_mode & 0o777 if target.exists() else 0o644
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
