"""`./cpms run` until the first page: on a machine that has run it, and on a bare one."""

import os
import subprocess
from pathlib import Path
from statistics import median
from time import perf_counter

from tests.bench.figure import Figure, at_most
from tests.bench.ground import ROOT, running

_TIMES = 3
_FOREIGN = ("VIRTUAL_ENV", "UV_CACHE_DIR", "XDG_CACHE_HOME", "PIP_CACHE_DIR", "npm_config_cache")


def measure_warm(folder: Path, port: int) -> Figure:
    """The first start makes the site and is not counted."""
    command = [str(ROOT / "cpms"), "run", "--data", str(folder / "warm"), "--port", str(port)]
    times = [_time(command, port, _environment({}), patience=120) for _ in range(_TIMES + 1)]
    what = f"Warm ./cpms run to its first page, median of {_TIMES}"
    return at_most(what, 3, median(times[1:]), "s", f"first start {times[0]:.1f} s")


def measure_cold(folder: Path, port: int) -> Figure:
    """A fresh clone and an empty home folder; what is committed counts, not what lies here."""
    clone, home = folder / "clone", folder / "home"
    home.mkdir()
    subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
    environment = _environment({"HOME": str(home)})
    taken = _time([str(clone / "cpms"), "run", "--port", str(port)], port, environment, 600)
    return at_most("Cold ./cpms run to its first page", 60, taken, "s", "fresh clone, empty HOME")


def _time(command: list[str], port: int, environment: dict[str, str], patience: float) -> float:
    started = perf_counter()
    with running(command, port, env=environment, patience=patience):
        return perf_counter() - started


def _environment(changes: dict[str, str]) -> dict[str, str]:
    """As a person's shell would have it: without this environment's programs and caches."""
    ours = str(ROOT / ".venv")
    kept = {name: value for name, value in os.environ.items() if name not in _FOREIGN}
    places = [place for place in kept["PATH"].split(os.pathsep) if not place.startswith(ours)]
    return {**kept, "PATH": os.pathsep.join(places), **changes}
