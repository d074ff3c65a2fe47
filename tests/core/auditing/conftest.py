from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine

from cpms_core.auditing.chain import seal
from cpms_core.cli import main
from cpms_core.keys import create_site_key
from cpms_core.settings import Settings, Site, read_site, write_settings
from tests.core.auditing.chained import LENGTH, add
from tests.engines import SqliteTemplate

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def folder(sqlite_template: SqliteTemplate, tmp_path: Path) -> Site:
    """A site on the disk, as the program finds it."""
    data = tmp_path / "site"
    data.mkdir()
    with sqlite_template.copy(data):
        pass
    settings = Settings(site_name="CPMS <Test>", base_url="https://cpms.example")
    write_settings(data, settings)
    made = read_site(data)
    create_site_key(made.site_key_path)
    return made


@pytest.fixture
def run(capsysbinary: pytest.CaptureFixture[bytes], folder: Site) -> Run:
    """`run("verify")` for `cpms audit verify`: the exit code, and what was printed where."""

    def call(*arguments: str | Path) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(["audit", *(str(one) for one in arguments), "--data", str(folder.data)])
        printed = capsysbinary.readouterr()
        code = ended.value.code
        return (
            code if isinstance(code, int) else 1,
            printed.out.decode(),
            printed.err.decode(),
        )

    return call


@pytest.fixture
def sealed(engine: Engine) -> Engine:
    """A store with a chain of twelve."""
    add(engine)
    assert seal(engine) == LENGTH
    return engine
