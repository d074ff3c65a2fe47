"""Fixtures every test may use. `site` is a whole site in this process, on each engine in turn."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from cpms_core.clock import clock
from cpms_core.db import transaction
from tests.engines import PostgresTemplate, SqliteTemplate, Template, postgres_server
from tests.site import TestSite, make_live

ENGINES = ("sqlite", "postgresql")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--engines", default=",".join(ENGINES), help="databases to run on")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "template" in metafunc.fixturenames:
        chosen = metafunc.config.getoption("--engines").split(",")
        metafunc.parametrize("template", chosen, indirect=True, scope="session")


@pytest.fixture(scope="session")
def template(request: pytest.FixtureRequest) -> Template:
    found: Template = request.getfixturevalue(f"{request.param}_template")
    return found


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> SqliteTemplate:
    return SqliteTemplate(tmp_path_factory.mktemp("template"))


@pytest.fixture(scope="session")
def postgresql_template() -> Iterator[PostgresTemplate]:
    with postgres_server() as url:
        if url is None:
            if os.environ.get("CI"):
                pytest.fail("PostgreSQL is not installed, and CI must not skip it")
            pytest.skip("no PostgreSQL here: install Debian's postgresql, or set CPMS_TEST_PG_URL")
        made = PostgresTemplate(url)
        yield made
        made.close()


@pytest.fixture
def engine(template: Template, tmp_path: Path) -> Iterator[Engine]:
    """An empty store of the newest version, with the directory in it."""
    with template.copy(tmp_path) as made:
        yield made


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    """One transaction over the whole test."""
    with transaction(engine) as made:
        yield made


@pytest.fixture(scope="session")
def _live(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return make_live(tmp_path_factory.mktemp("live"))


@pytest.fixture
def site(_live: Any, engine: Engine, tmp_path: Path) -> Iterator[TestSite]:
    """A site with the plugins of this repository; see TestSite for what it can do."""
    with TestSite(_live, engine, tmp_path) as made:
        yield made


@pytest.fixture(autouse=True)
def _clock_runs_true() -> Iterator[None]:
    yield
    clock.offset = type(clock.offset)()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real phenopackets and real MR series, where they lie beside the project."""
    beside = Path(__file__).parents[2] / "shared" / "data"
    found = Path(os.environ.get("CPMS_SHARED_DATA", beside))
    if not found.is_dir():
        pytest.skip("the shared test data is not here: set CPMS_SHARED_DATA")
    return found
