"""A plugin is switched off and on again while the site is used; nobody notices but its users."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import httpx

from cpms_core.cases.models import Attachment, Facet
from cpms_core.db import transaction
from cpms_core.files import FileStore
from tests import factories
from tests.engines import SqliteTemplate
from tests.journeys.server import Person, Server, cpms, make_data
from tests.plugins.dicom_viewer.images import make_image

A_SECOND = 20
WITHIN = 5.0
STUDY = "1.2.826.0.1.3680043.8.498.1"


def test_a_plugin_goes_and_comes_back_under_load(
    sqlite_template: SqliteTemplate, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    make_data(data, sqlite_template)
    with Server(data) as server:
        clinician, other = server.person(), server.person()
        case, sha256 = case_with_images(server, clinician)
        viewer = f"/x/dicom_viewer{case}/studies/{STUDY}/series.json"
        assert clinician.get(viewer).status_code == 200
        assert f"/x/dicom_viewer{case}" in clinician.get(case).text

        with load(other, (case, "/centre", "/help", "/", "/search?q=tall", "/health")) as answers:
            cpms("plugins", "disable", "dicom_viewer", "--data", data)
            wait_for(lambda: clinician.get(viewer).status_code == 404)
            page = clinician.get(case)
            assert page.status_code == 200
            assert f"/x/dicom_viewer{case}" not in page.text
            assert FileStore(data / "files").verify(sha256), "the images stay"

            break_the_list(server, data)

            cpms("plugins", "enable", "dicom_viewer", "--data", data)
            wait_for(lambda: clinician.get(viewer).status_code == 200)
            assert f"/x/dicom_viewer{case}" in clinician.get(case).text
            wait_for(lambda: answers.total() >= 3 * A_SECOND)
        assert set(answers) == {200}, answers


def case_with_images(server: Server, clinician: Person) -> tuple[str, str]:
    stored = FileStore(server.data / "files").add(BytesIO(make_image()))
    with transaction(server.engine) as session:
        case = factories.make_case(session, clinician.actor)
        facets = {"study": STUDY, "series": f"{STUDY}.1", "modality": "MR", "frames": "1"}
        session.add(
            Attachment(
                case_id=case.id,
                sha256=stored.sha256,
                size=stored.size,
                media_type="application/dicom",
                viewer="dicom_viewer.dicom",
                name="MR",
                group=STUDY,
                added_by=clinician.actor.user_id,
                facets=[Facet(key=key, value=value) for key, value in facets.items()],
            )
        )
        return f"/cases/{case.id}", stored.sha256


def break_the_list(server: Server, data: Path) -> None:
    """An editor saved half of it: everything stays as it is."""
    file = data / "plugins.toml"
    whole = file.read_text()
    file.write_text('enabled = ["ern_ithaca", ')
    wait_for(lambda: "not valid TOML" in server.log)
    assert httpx.get(f"{server.url}/x/reporting/").status_code == 303
    file.write_text(whole)


def wait_for(happened: Callable[[], bool]) -> None:
    ends = time.monotonic() + WITHIN
    while not happened():
        assert time.monotonic() < ends, f"not within {WITHIN} s"
        time.sleep(0.1)


@contextmanager
def load(person: Person, paths: Sequence[str]) -> Iterator[Counter[int | str]]:
    """20 requests a second to other pages until the block ends; how they were answered."""
    answers: Counter[int | str] = Counter()
    stopped = threading.Event()

    def run() -> None:
        number = 0
        while not stopped.wait(1 / A_SECOND):
            number += 1
            try:
                answer = person.get(paths[number % len(paths)])
            except httpx.HTTPError as error:
                answers[repr(error)] += 1
            else:
                answers[answer.status_code] += 1

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield answers
    finally:
        stopped.set()
        thread.join(timeout=20)
