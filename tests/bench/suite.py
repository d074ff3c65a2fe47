"""The whole test suite on two cores."""

import subprocess
import sys
from time import perf_counter

from tests.bench.figure import Figure, at_most
from tests.bench.ground import ROOT


def measure() -> Figure:
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider"]
    started = perf_counter()
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    minutes = (perf_counter() - started) / 60
    said = ended.stdout.strip().splitlines()[-1:] or [ended.stderr.strip()[-200:]]
    return at_most("Whole suite on 2 cores", 6, minutes, "min", said[0])
