"""`cpms import` of all published phenopackets."""

import os
import subprocess
from pathlib import Path
from time import perf_counter

from tests.bench.figure import CannotMeasureError, Figure, at_most
from tests.bench.ground import CPMS, IMPORTER, ROOT, Ground


def measure(ground: Ground) -> Figure:
    folder = Path(os.environ.get("CPMS_SHARED_DATA", ROOT.parent / "shared" / "data"))
    folder /= "phenopackets"
    if not folder.is_dir():
        raise CannotMeasureError("the phenopackets are not here: set CPMS_SHARED_DATA")
    command = [str(CPMS), "import", "phenopacket", str(folder)]
    command += ["--as", IMPORTER, "--data", str(ground.data)]
    started = perf_counter()
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    taken = perf_counter() - started
    said = ended.stdout.strip().splitlines()[-1:] or [ended.stderr.strip()[-300:]]
    if ended.returncode:
        raise CannotMeasureError(f"the import failed: {said[0]}")
    return at_most("Import of the 360 phenopackets", 20, taken, "s", said[0])
