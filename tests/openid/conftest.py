"""On SQLite alone: what lies here is not the store."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engines import SqliteTemplate
from tests.openid.attack import Attack
from tests.openid.fake import FakeProvider
from tests.openid.sites import knowing, of_fake
from tests.site import Live, TestSite


@pytest.fixture
def site(_live: Live, sqlite_template: SqliteTemplate, tmp_path: Path) -> Iterator[TestSite]:
    with sqlite_template.copy(tmp_path) as engine, TestSite(_live, engine, tmp_path) as made:
        yield made


@pytest.fixture
def attack(site: TestSite) -> Iterator[Attack]:
    with FakeProvider() as fake, knowing(site, of_fake(fake)):
        yield Attack(site, fake)
