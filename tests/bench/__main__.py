"""Measure and print one table. `--cold` and `--suite` add what takes minutes.

`./cpms bench security` attacks instead; `--share 0.01` with a hundredth of the attempts.
`./cpms bench consultation` is about large panels, many readers and how long an act takes a person.
`./cpms bench guards` takes out one guard after the other; `--only panels` those in such files.
"""

import argparse
import tempfile
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from tests.bench import home, importing, page, served, starting, suite
from tests.bench.consultation import suite as consultation
from tests.bench.figure import CannotMeasureError, Figure, machine
from tests.bench.ground import Ground
from tests.bench.security import guards
from tests.bench.security import suite as security

_KINDS = ("speed", "security", "consultation", "guards")
_QUICK = ("page", "served", "import", "home", "warm")
_NAMES = (*_QUICK, "cold", "suite")
_ON_GROUND = {"page", "served", "import", "home"}
_SIGNS = {True: "met", False: "MISSED", None: "not measured"}


def main() -> None:
    options = _options()
    match options.what:
        case "security":
            attack = partial(security.measure, options.seed, options.share)
            figures = list(_tried("security", attack))
        case "consultation":
            figures = list(_measure_consultation(options))
        case "guards":
            figures = [guards.measure(options.only or ())]
        case _:
            figures = _measure_speed(options)
    print(f"\n{machine()}\n")
    _print_table(figures)


def _measure_speed(options: argparse.Namespace) -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="cpms-bench-") as name:
        return list(_measure(options, Path(name)))


def _measure_consultation(options: argparse.Namespace) -> Iterator[Figure]:
    wanted = set(options.only or consultation.PARTS)
    for name, measure in consultation.PARTS.items():
        if name in wanted:
            yield from _tried(name, measure)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./cpms bench", description=__doc__)
    parser.add_argument("what", nargs="?", choices=_KINDS, default="speed")
    parser.add_argument("--seed", type=int, default=7, help="of the attacks (7)")
    parser.add_argument("--share", type=float, default=1, help="how many of the attacks (1: all)")
    parser.add_argument("--port", type=int, default=8160, help="a free one, and the next (8160)")
    parser.add_argument("--cold", action="store_true", help="also a fresh clone's first start")
    parser.add_argument("--suite", action="store_true", help="also the whole test suite")
    parser.add_argument("--only", nargs="+", metavar="NAME", help=", ".join(_NAMES))
    options = parser.parse_args()
    names = {"speed": set(_NAMES), "consultation": set(consultation.PARTS)}.get(options.what)
    if names and (unknown := set(options.only or ()) - names):
        parser.error(f"no such figure: {', '.join(sorted(unknown))}")
    return options


def _measure(options: argparse.Namespace, folder: Path) -> Iterator[Figure]:
    wanted = set(options.only or _QUICK)
    wanted |= {name for name in ("cold", "suite") if getattr(options, name)}
    ground = Ground(folder, options.port) if wanted & _ON_GROUND else None
    for name in _NAMES:
        if name in wanted:
            yield from _tried(name, partial(_figures, name, ground, folder, options.port + 1))


def _figures(name: str, ground: Ground | None, folder: Path, port: int) -> Iterator[Figure]:
    match name, ground:
        case "page", Ground():
            yield page.measure(ground)
        case "served", Ground():
            yield from served.measure(ground)
        case "import", Ground():
            yield importing.measure(ground)
        case "home", Ground():
            yield home.measure(ground)
        case "warm", _:
            yield starting.measure_warm(folder, port)
        case "cold", _:
            yield starting.measure_cold(folder, port)
        case "suite", _:
            yield suite.measure()
        case _:
            raise AssertionError(name)


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
