import shutil
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import Engine, create_engine, text

from cpms_core.db import make_engine
from cpms_core.keeping.backup import make_backup
from cpms_core.settings import read_site
from tests.core.keeping.kept import Kept, make_kept
from tests.engines import SqliteTemplate


@pytest.fixture
def kept(engine: Engine, tmp_path: Path) -> Kept:
    """On each engine in turn."""
    return make_kept(tmp_path, engine)


@pytest.fixture(scope="session")
def _made_once(
    sqlite_template: SqliteTemplate, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Kept, Path]:
    folder = tmp_path_factory.mktemp("kept")
    (folder / "data").mkdir()
    with sqlite_template.copy(folder / "data") as engine:
        made = make_kept(folder, engine)
        make_backup(made.site, engine, folder / "site.tar.gz", made.key)
    return made, folder / "site.tar.gz"


@pytest.fixture
def copied(_made_once: tuple[Kept, Path], tmp_path: Path) -> Iterator[Kept]:
    """On SQLite alone and quicker, for what the engine makes no difference to."""
    made, _ = _made_once
    shutil.copytree(made.site.data, tmp_path / "data")
    shutil.copy(made.site.site_key_path, tmp_path)
    site = read_site(tmp_path / "data")
    engine = make_engine(site.database_url)
    yield Kept(site, engine, made.key, made.photo)
    engine.dispose()


@pytest.fixture
def backup(_made_once: tuple[Kept, Path], tmp_path: Path) -> Path:
    """A good backup in a folder of its own."""
    return Path(shutil.copy(_made_once[1], tmp_path))


@pytest.fixture
def source(_made_once: tuple[Kept, Path]) -> Kept:
    """The site that `backup` is of. Its engine is closed."""
    return _made_once[0]


@pytest.fixture
def empty_postgresql(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a PostgreSQL database without any table."""
    url = request.getfixturevalue("postgresql_template").engine.url
    name = f"cpms_{uuid4().hex}"
    server = create_engine(url.set(database="postgres"), isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
        yield url.set(database=name).render_as_string(hide_password=False)
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    server.dispose()
