import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from cpms_core.db import Base, make_engine, transaction
from tests.core.terminology.store import fill

_POSTGRESQL = os.environ.get("CPMS_TEST_PG_URL", "")


@pytest.fixture(params=["sqlite", "postgresql"] if _POSTGRESQL else ["sqlite"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    is_sqlite = request.param == "sqlite"
    url = f"sqlite:///{tmp_path / 'terms.sqlite3'}" if is_sqlite else _POSTGRESQL
    engine = make_engine(url)
    yield engine
    Base.metadata.drop_all(engine)
    engine.dispose()


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    fill(engine)
    with transaction(engine) as session:
        yield session
