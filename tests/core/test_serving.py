"""What `cpms migrate` leaves behind."""

import stat
from pathlib import Path

from tests.journeys.server import cpms


def test_a_new_data_folder_is_its_owners_alone(tmp_path: Path) -> None:
    data = tmp_path / "new" / "data"
    cpms("migrate", "--data", data)
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    assert stat.S_IMODE(data.with_name("data.key").stat().st_mode) == 0o600
