"""A whole site in this process with one consultation and everybody around it, to attack."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.engines import SqliteTemplate
from tests.site import TestSite, make_live
from tests.web.world import Until, World


@contextmanager
def attacked(folder: Path, until: Until = "assessment") -> Iterator[World]:
    template = SqliteTemplate(folder)
    for name in ("live", "store"):
        (folder / name).mkdir()
    with (
        template.copy(folder / "store") as engine,
        TestSite(make_live(folder / "live"), engine, folder / "store") as site,
    ):
        yield World(site, until)
