"""One worker over HTTP: how much memory it holds when idle, and how many pages it serves."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

from tests.bench.figure import CannotMeasureError, Figure, at_least, at_most
from tests.bench.ground import ROOT, Ground
from tests.bench.page import PATH, ROWS

_CLIENTS = 16
_SECONDS = 6
_FIRST_PAGES = ("/sign-in", "/", PATH, "/centre", "/x/reporting", "/x/reporting/closed", "/help")


def measure(ground: Ground) -> Iterator[Figure]:
    tokens = ground.population.sign_in(_CLIENTS)
    with ground.served() as worker:
        for path in _FIRST_PAGES:
            _visit(ground.port, path, tokens[0])
        time.sleep(1)
        yield _memory(worker)
        yield _throughput(ground.port, worker, tokens)


def _memory(worker: int) -> Figure:
    held = Path(f"/proc/{worker}/smaps_rollup").read_text().splitlines()
    sizes = {line.split()[0]: int(line.split()[1]) / 1024 for line in held[1:]}
    remark = f"{sizes['Pss:']:.0f} MB counting shared pages by share; all plugins on"
    return at_most("Idle worker after its first pages, RSS", 180, sizes["Rss:"], "MB", remark)


def _throughput(port: int, worker: int, tokens: list[str]) -> Figure:
    spent = _processor_time(worker)
    ended = subprocess.run(
        [sys.executable, "-m", "tests.bench.load", str(port), PATH, str(_SECONDS)],
        input="\n".join(tokens),
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    if ended.returncode:
        raise CannotMeasureError(f"the clients failed: {ended.stderr.strip()[-300:]}")
    spent = _processor_time(worker) - spent
    count, seconds, others, all_answers = ended.stdout.split()
    if int(others):
        raise CannotMeasureError(f"{others} answers were not a page")
    what = f"ERN page of {ROWS} rows over HTTP, one worker, {len(tokens)} browsers"
    each = 1000 * spent / int(all_answers)
    remark = f"{each:.1f} ms of processor each; the clients share the cores with the worker"
    return at_least(what, 400, int(count) / float(seconds), "a second", remark)


def _processor_time(process: int) -> float:
    """Seconds, of all its threads."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _visit(port: int, path: str, token: str) -> None:
    """A page that is not there any more costs the worker nothing and us no measurement."""
    httpx.get(f"http://localhost:{port}{path}", headers={"Cookie": f"cpms={token}"}, timeout=10)
