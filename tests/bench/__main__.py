"""Measure and print one table. `--cold` and `--suite` add what takes minutes."""

import argparse
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from tests.bench import importing, page, served, starting, suite
from tests.bench.figure import CannotMeasureError, Figure, machine
from tests.bench.ground import Ground

_SIGNS = {True: "met", False: "MISSED", None: "not measured"}


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="cpms-bench-") as name:
        figures = list(_measure(options, Path(name)))
    print(f"\n{machine()}\n")
    _print_table(figures)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./cpms bench", description=__doc__)
    parser.add_argument("--port", type=int, default=8160, help="a free one, and the next (8160)")
    parser.add_argument("--cold", action="store_true", help="also a fresh clone's first start")
    parser.add_argument("--suite", action="store_true", help="also the whole test suite")
    return parser.parse_args()


def _measure(options: argparse.Namespace, folder: Path) -> Iterator[Figure]:
    ground = Ground(folder, options.port)
    yield from _tried("ERN page in process", lambda: [page.measure(ground)])
    yield from _tried("One worker over HTTP", lambda: served.measure(ground))
    yield from _tried("Import", lambda: [importing.measure(ground)])
    warm = options.port + 1
    yield from _tried("Warm start", lambda: [starting.measure_warm(folder, warm)])
    if options.cold:
        yield from _tried("Cold start", lambda: [starting.measure_cold(folder, warm)])
    if options.suite:
        yield from _tried("Whole suite", lambda: [suite.measure()])


def _tried(what: str, measure: Callable[[], Iterable[Figure]]) -> Iterator[Figure]:
    """One figure that cannot be measured does not take the others with it."""
    try:
        for figure in measure():
            print(f"  {figure.what}: {figure.measured}", flush=True)
            yield figure
    except CannotMeasureError as reason:
        print(f"  {what}: {reason}", flush=True)
        yield Figure(what=what, goal="", measured="", remark=str(reason))


def _print_table(figures: list[Figure]) -> None:
    rows = [("", "goal", "measured", "", "")] + [
        (one.what, one.goal, one.measured, _SIGNS[one.is_met], one.remark) for one in figures
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        print("  ".join([*cells, row[4]]).rstrip())


if __name__ == "__main__":
    main()
