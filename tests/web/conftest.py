"""A site for tests that go over every page and do not depend on the database."""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import msgspec
import pytest

from cpms_core.declarations import Export
from cpms_core.http.site import LiveSite
from tests.engines import SqliteTemplate
from tests.site import Live, TestSite


def _that_need_plugins() -> list[str]:
    """The files whose imports lead, step by step, to the tests of a plugin."""
    texts = {
        f"tests.web.{file.stem}": file.read_text(encoding="utf-8")
        for file in Path(__file__).parent.glob("*.py")
        if file.stem != "conftest"
    }
    needing = {"tests.plugins"}
    while more := {
        name
        for name, text in texts.items()
        if name not in needing and any(one in text for one in needing)
    }:
        needing |= more
    return [f"{name.rpartition('.')[2]}.py" for name in needing & texts.keys()]


# What needs every plugin of the repository is left out where a member is tested by itself.
collect_ignore = [] if find_spec("cpms_dicom_viewer") else _that_need_plugins()


@pytest.fixture
def live_site(_live: Live) -> LiveSite:
    return _live.live


@pytest.fixture
def quick_site(_live: Live, sqlite_template: SqliteTemplate, tmp_path: Path) -> Iterator[TestSite]:
    """On SQLite alone, whose store is copied in a millisecond; with one plugin's export."""
    live = _live.live
    registry = live.registry
    letter = Export(
        key="test.letter",
        title="Letter",
        media_type="text/plain",
        suffix=".txt",
        write=lambda case: case.pseudonym.encode(),
    )
    live.registry = msgspec.structs.replace(registry, exports={letter.key: letter})
    with sqlite_template.copy(tmp_path) as engine, TestSite(_live, engine, tmp_path) as site:
        yield site
    live.registry = registry
