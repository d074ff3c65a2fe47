import json
import re
from html import unescape
from io import BytesIO
from typing import Any
from uuid import uuid4

import pytest
from imagecodecs import jpeg8_decode
from pydicom import Dataset, dcmread
from sqlalchemy import update

from cpms_core.cases.models import Facet
from tests.plugins.dicom_viewer.images import make_image
from tests.plugins.dicom_viewer.studies import StoredStudy, store_study
from tests.site import Browser, TestSite


@pytest.fixture
def clinician(site: TestSite) -> Browser:
    return site.person()


@pytest.fixture
def study(site: TestSite, clinician: Browser) -> StoredStudy:
    """Two series: images 2 and 1 of the first, in that order, and one of the second."""
    return store_study(site, clinician, [numbered(1, 2), numbered(1, 1), numbered(2, 1)])


def numbered(series: int, image: int) -> bytes:
    def change(dataset: Dataset) -> None:
        dataset.SeriesNumber, dataset.InstanceNumber = series, image
        dataset.SeriesInstanceUID = f"1.2.3.4.2.{series}"
        dataset.SOPInstanceUID = f"1.2.3.4.3.{series}.{image}"

    return make_image(change)


def island(text: str) -> Any:
    found = re.search(r'<script id="study"[^>]*>(.*?)</script>', text, re.DOTALL)
    assert found
    return json.loads(found.group(1))


def test_the_viewer_lists_series_and_images_in_order(
    clinician: Browser, study: StoredStudy
) -> None:
    answer = clinician.get(study.page)
    assert answer.status_code == 200
    series = island(answer.text)["series"]
    second, first, other = map(str, study.ids)
    assert [[image["id"] for image in each["images"]] for each in series] == [
        [first, second],
        [other],
    ]
    assert "'wasm-unsafe-eval'" in answer.headers["content-security-policy"]
    assert "Doe" not in answer.text and "4711" not in answer.text


def test_viewing_a_study_is_one_event_however_many_images_it_loads(
    site: TestSite, clinician: Browser, study: StoredStudy
) -> None:
    before = site.events()
    clinician.get(study.page)
    for index in range(3):
        clinician.get(study.file(index))
        clinician.get(study.file(index) + "/rendered.jpg")
    assert site.events()[len(before) :] == ["case:images:viewed"]


def test_an_address_opens_the_image_it_names(clinician: Browser, study: StoredStudy) -> None:
    data = island(clinician.get(study.page + "?series=1&image=2").text)
    assert (data["series_index"], data["image_index"]) == (0, 1)
    odd = island(clinician.get(study.page + "?series=99&image=%C2%B2").text)
    assert (odd["series_index"], odd["image_index"]) == (1, 0)


def test_the_list_for_programs_is_the_pages_own(clinician: Browser, study: StoredStudy) -> None:
    listed = clinician.get(study.page + "/series.json").json()
    assert listed["series"] == island(clinician.get(study.page).text)["series"]
    assert (
        listed["series"][0]["images"][0] | {"frame": 1, "rows": 8, "columns": 8}
        == (listed["series"][0]["images"][0])
    )


def test_an_image_is_served_as_clean_dicom_that_no_browser_runs(
    clinician: Browser, study: StoredStudy
) -> None:
    answer = clinician.get(study.file())
    assert answer.headers["content-type"] == "application/dicom"
    assert answer.headers["cache-control"] == "no-store"
    assert "sandbox" in answer.headers["content-security-policy"]
    assert dcmread(BytesIO(answer.content)).PatientIdentityRemoved == "YES"


def test_an_image_is_drawn_as_jpeg(clinician: Browser, study: StoredStudy) -> None:
    answer = clinician.get(study.file() + "/rendered.jpg?window=32/64")
    assert answer.headers["content-type"] == "image/jpeg"
    picture = jpeg8_decode(answer.content)
    assert picture.shape == (8, 8)
    assert picture[0, 0] < 20 and picture[-1, -1] > 235


def test_an_image_that_is_not_there_is_refused_with_a_sentence(
    clinician: Browser, study: StoredStudy
) -> None:
    answer = clinician.get(study.file() + "/rendered.jpg?frame=2")
    assert answer.status_code == 422
    assert "there is no image 2" in unescape(answer.text)


@pytest.mark.parametrize("tail", ["page", "page/series.json", "file", "file/rendered.jpg"])
def test_nobody_else_learns_that_there_are_images(
    site: TestSite, study: StoredStudy, tail: str
) -> None:
    address = tail.replace("page", study.page).replace("file", study.file())
    stranger = site.person(hcp="DE01")
    there = stranger.get(address)
    nowhere = stranger.get(address.replace(str(study.case_id), str(uuid4())))
    assert there.status_code == nowhere.status_code == 404
    assert site.browser().get(address).status_code in {303, 401}  # to the sign-in


def test_an_unknown_study_and_another_cases_file_are_not_found(
    site: TestSite, clinician: Browser, study: StoredStudy
) -> None:
    other = store_study(site, clinician, [numbered(7, 7)])
    assert clinician.get(study.page + "0").status_code == 404
    mixed = study.file().replace(str(study.ids[0]), str(other.ids[0]))
    assert clinician.get(mixed).status_code == 404


def test_files_that_name_two_people_are_pointed_out(site: TestSite, clinician: Browser) -> None:
    def other(dataset: Dataset) -> None:
        dataset.PatientID, dataset.SOPInstanceUID = "4712", "1.2.3.4.99"

    study = store_study(site, clinician, [make_image(), make_image(other)])
    text = clinician.get(study.page).text
    assert "these files named more than one person" in text


def test_a_hostile_facet_stays_text(site: TestSite, clinician: Browser, study: StoredStudy) -> None:
    attack = "</script><img src=x onerror=alert(1)>"
    with site.transaction() as session:
        session.execute(update(Facet).where(Facet.key == "description").values(value=attack))
    text = clinician.get(study.page).text
    assert "<img src=x" not in text
    assert island(text)["series"][0]["title"] == f"MR · {attack}"
