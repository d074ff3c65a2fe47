"""A site to measure on: a folder that `cpms` itself has set up, filled, and served when asked."""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine

from cpms_core.commands.serving import set_up
from cpms_core.db import transaction
from cpms_core.http.app import load_plugins
from cpms_core.registry import Registry
from cpms_core.settings import Settings, read_site, write_settings
from tests.bench.figure import CannotMeasureError
from tests.bench.population import Population
from tests.factories import make_user

PLUGINS = ("ern_ithaca", "dicom_viewer", "reporting")
IMPORTER = "importer@bench.example"
CPMS = Path(sys.executable).with_name("cpms")
ROOT = Path(__file__).parents[2]
REQUESTS, PANELS = 8, 42


class Ground:
    """Made once for a run; what the measurements share."""

    def __init__(self, folder: Path, port: int) -> None:
        self.data = folder / "site"
        self.port = port
        self.data.mkdir()
        base_url = f"http://localhost:{port}"
        write_settings(self.data, Settings(demonstration=True, base_url=base_url))
        self.engine: Engine = set_up(read_site(self.data))
        self.registry: Registry = load_plugins(PLUGINS).registry
        self.population = Population(self.engine, self.registry)
        self.population.fill(requests=REQUESTS, panels=PANELS)
        with transaction(self.engine) as session:
            make_user(session, email=IMPORTER)

    @contextmanager
    def served(self) -> Iterator[int]:
        """`cpms serve` on this site; the process id of its one worker."""
        command = [str(CPMS), "serve", "--data", str(self.data), "--port", str(self.port)]
        with running(command, self.port) as server:
            yield worker_of(server)


@contextmanager
def running(
    command: list[str], port: int, *, env: dict[str, str] | None = None, patience: float = 60
) -> Iterator[int]:
    """A command that serves, from its first page on; its process id. Stopped at the end."""
    if _answers(port):
        raise CannotMeasureError(f"something else is served on port {port}: give another --port")
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123 - the null device is no file of ours
        server = subprocess.Popen(command, env=env, stdout=nowhere, stderr=subprocess.PIPE)
    try:
        _wait_for_page(server, port, patience)
        yield server.pid
    finally:
        server.send_signal(signal.SIGTERM)
        server.communicate(timeout=20)


def _wait_for_page(server: subprocess.Popen[bytes], port: int, patience: float) -> None:
    give_up = time.monotonic() + patience
    while time.monotonic() < give_up:
        if server.poll() is not None:
            said = server.stderr.read().decode(errors="replace") if server.stderr else ""
            raise CannotMeasureError(f"the server ended by itself: {said.strip()[-300:]}")
        if _answers(port):
            return
        time.sleep(0.01)
    raise CannotMeasureError(f"no page within {patience:.0f} s")


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://localhost:{port}/sign-in", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def worker_of(server: int) -> int:
    """The one child that answers requests; Python's own tracker is a child too."""
    tasks = Path(f"/proc/{server}/task").glob("*/children")
    children = [int(child) for task in tasks for child in task.read_text().split()]
    workers = [child for child in children if b"resource_tracker" not in _command(child)]
    if len(workers) != 1:
        raise CannotMeasureError(f"expected one worker, found {len(workers)}")
    return workers[0]


def _command(process: int) -> bytes:
    return Path(f"/proc/{process}/cmdline").read_bytes()
