"""Build a plugin as a wheel outside the workspace and install it where only a test sees it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]


def build_wheel(source: Path, into: Path) -> Path:
    """The wheel of the project in `source`; its build backend comes from the package registry."""
    before = set(into.glob("*.whl"))
    uv = find_uv()
    if uv:
        _run([uv, "build", "--wheel", "--no-config", "--out-dir", into, source], source)
    else:
        _run([*_pip(), "wheel", "--no-deps", "--wheel-dir", into, source], source)
    (wheel,) = set(into.glob("*.whl")) - before
    return wheel


def install_wheel(wheel: Path, into: Path) -> Mapping[str, str]:
    """Install into a folder of its own and return the environment in which Python sees it.

    Its dependency, core, is the one of the running environment: as where an administrator adds a
    plugin to a site, except that nothing of this environment changes.
    """
    uv = find_uv()
    if uv:
        install = [uv, "pip", "install", "--no-config", "--python", sys.executable]
    else:
        install = [*_pip(), "install"]
    _run([*install, "--no-deps", "--target", into, wheel], into.parent)
    return {**os.environ, "PYTHONPATH": str(into)}


def find_uv() -> str | None:
    """As the `cpms` script: from the PATH, else the copy it fetched."""
    own = ROOT / ".tools" / "bin" / "uv"
    return shutil.which("uv") or (str(own) if own.is_file() else None)


def _pip() -> list[str]:
    """The system Python's, since the project's environment has none."""
    return [str(Path(sys.base_prefix) / "bin" / "python3"), "-m", "pip"]


def _run(command: list[str | Path], folder: Path) -> None:
    """Away from the workspace, or uv would take the plugin for a part of it."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
