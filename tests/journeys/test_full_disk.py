"""The disk fills up and gets room again: the site says so, keeps answering, and recovers."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from cpms_core.db import transaction
from tests import factories
from tests.engines import SqliteTemplate
from tests.journeys.server import Person, Server, make_data
from tests.journeys.test_kill import check_store, request
from tests.journeys.test_toggling import wait_for

SENTENCE = "The site cannot write to its store right now"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 12 MB; needs the right to mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        # Lazily: a sandbox of the killed server may take a moment to notice.
        subprocess.run(["umount", "--lazy", folder], check=True)


def test_a_full_disk_is_told_and_survived(
    small_disk: Path, sqlite_template: SqliteTemplate
) -> None:
    data = small_disk / "data"
    make_data(data, sqlite_template)
    with Server(data) as server:
        clinician = server.person()
        with transaction(server.engine) as session:
            case = f"/cases/{factories.make_case(session, clinician.actor).id}"
        assert save(clinician, case, "before").status_code == 303
        filler = small_disk / "filler"
        fill(filler)

        wait_for(lambda: httpx.get(f"{server.url}/health").status_code == 503)
        health = httpx.get(f"{server.url}/health").json()
        assert health["status"] == "error" and health["reason"]
        refused = [save(clinician, case, f"full {number}" * 200) for number in range(20)]
        assert {answer.status_code for answer in refused} <= {303, 503}
        assert refused[-1].status_code == 503
        assert SENTENCE in refused[-1].text
        upload = clinician.post(
            f"{case}/files",
            content=b"\xff\xd8\xff" + bytes(3_000_000),
            headers={"Content-Type": "application/octet-stream"},
        )
        assert upload.status_code == 503, upload.text
        for path in ("/sign-in", "/assets/nothing"):
            assert httpx.get(f"{server.url}{path}").status_code in {200, 404}
        assert "Traceback" not in upload.text + refused[-1].text

        filler.unlink()
        wait_for(lambda: httpx.get(f"{server.url}/health").status_code == 200)
        assert save(clinician, case, "after").status_code == 303
        history = clinician.get(f"{case}/records/core.request/history").text
        assert "before" in history and "after" in history
        server.kill()
        check_store(data)
        assert list((data / "files" / "tmp").iterdir()) == []


def save(person: Person, case: str, words: str) -> httpx.Response:
    page = person.get(f"{case}/records/core.request").text
    base = page.partition('name="_base" value="')[2].partition('"')[0]
    form = request(words, int(base or 0))
    return person.post(f"{case}/records/core.request", data=form)


def fill(file: Path) -> None:
    """Down to the last byte, and again for what was written meanwhile."""
    with file.open("ab", buffering=0) as target, suppress(OSError):
        for size in (1 << 20, 1 << 12, 1):
            with suppress(OSError):
                while True:
                    target.write(bytes(size))
    os.sync()
