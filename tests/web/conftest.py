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

# What needs every plugin of the repository is left out where a member is tested by itself.
_NEED_PLUGINS = ("tests.plugins", "tests.web.attempts", "tests.web.matrix", "tests.web.world")
collect_ignore = [
    file.name
    for file in Path(__file__).parent.glob("test_*.py")
    if not find_spec("cpms_dicom_viewer")
    and any(name in file.read_text(encoding="utf-8") for name in _NEED_PLUGINS)
]


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
