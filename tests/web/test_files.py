"""Photos and images of a case: in through the sandbox, out to those who may see them."""

import io
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import select

from cpms_core import audit
from cpms_core.cases import attachments
from cpms_core.cases.attachments import Taken
from cpms_core.cases.models import Attachment
from cpms_web import pages_files
from tests.site import Browser, TestSite
from tests.web.draft import jpeg, open_draft, send_file
from tests.web.test_cases import id_of, invite


def photo_in(page: str) -> str:
    found = re.search(r"/photos/([0-9a-f-]+)", page)
    assert found, page
    return found[1]


def send_photo(person: Browser, case: str) -> str:
    answer = send_file(person, case, jpeg())
    assert answer.status_code == 200, answer.text
    return f"{case}/files/{photo_in(person.get(case).text)}"


def test_a_photo_goes_in_and_comes_out_without_what_was_hidden_in_it(site: TestSite) -> None:
    clinician = site.person()
    case = open_draft(site, clinician)
    exif = Image.Exif()
    exif[0x010E] = "CANARY Anna Novak"
    hidden = jpeg(exif=exif, comment=b"CANARY", xmp=b"<x>CANARY</x>", icc_profile=b"CANARY")
    answer = send_file(clinician, case, hidden)
    assert answer.json() == {"name": "Photo", "kind": "photo", "held": ""}
    shown = clinician.get(f"{case}/files/{photo_in(clinician.get(case).text)}")
    assert shown.headers["content-type"] == "image/jpeg"
    assert shown.headers["cache-control"] == "no-store"
    assert b"CANARY" not in shown.content
    assert Image.open(io.BytesIO(shown.content)).size == (60, 80)


def test_the_name_of_a_file_is_shown_to_nobody(site: TestSite) -> None:
    clinician = site.person()
    case = open_draft(site, clinician)
    send_photo(clinician, case)
    assert "Novak" not in clinician.get(case).text
    assert "Novak" not in clinician.post(f"{case}/export.json").text


def test_a_small_copy_is_small(site: TestSite) -> None:
    clinician = site.person()
    case = open_draft(site, clinician)
    send_file(clinician, case, jpeg(1600, 1200))
    photo = f"{case}/files/{photo_in(clinician.get(case).text)}"
    small = clinician.get(f"{photo}?size=small").content
    assert max(Image.open(io.BytesIO(small)).size) == 480


def test_a_file_that_is_nothing_we_keep_is_refused_by_name(site: TestSite) -> None:
    clinician = site.person()
    case = open_draft(site, clinician)
    answer = send_file(clinician, case, b"PK\x03\x04 no photo")
    assert answer.status_code == 422
    assert "not accepted here" in answer.json()["error"]
    assert site.events()[-1] == "case:attachment:refused"
    assert not list((site.folder / "files" / "tmp").iterdir())


def test_a_damaged_photo_is_refused(site: TestSite) -> None:
    clinician = site.person()
    case = open_draft(site, clinician)
    answer = send_file(clinician, case, jpeg(400, 400)[:300])
    assert answer.status_code == 422
    assert "damaged or incomplete" in answer.json()["error"]


def test_without_a_script_good_files_are_taken_and_bad_ones_named(site: TestSite) -> None:
    clinician = site.person()
    case = open_draft(site, clinician)
    files: list[tuple[str, tuple[str | None, str | bytes, str]]] = [
        ("csrf_token", (None, clinician.csrf, "text/plain")),
        ("file", ("a.jpg", jpeg(), "image/jpeg")),
        ("file", ("letter.txt", b"Dear colleague", "text/plain")),
    ]
    answer = clinician.post(f"{case}/files", files=files)
    page = clinician.follow(answer).text
    assert "1 file added." in page
    assert "Refused: letter.txt." in page


def test_sending_nothing_says_so(site: TestSite) -> None:
    clinician = site.person()
    answer = clinician.post(f"{open_draft(site, clinician)}/files")
    assert answer.status_code == 422
    assert "No file was sent" in answer.text


def test_the_same_photo_twice_is_one(site: TestSite) -> None:
    clinician = site.person()
    case = open_draft(site, clinician)
    send_photo(clinician, case)
    send_photo(clinician, case)
    assert len(set(re.findall(r"/photos/([0-9a-f-]+)", clinician.get(case).text))) == 1


def test_others_see_photos_only_with_the_consent_for_them(site: TestSite) -> None:
    clinician = site.person()
    for consents, status in ((("care",), 404), (("care", "face_photos"), 200)):
        case = open_draft(site, clinician, consents=consents)
        photo = send_photo(clinician, case)
        expert = invite(site, case)
        assert expert.get(photo).status_code == status
        assert expert.get(f"{photo}?size=small").status_code == status
        assert expert.get(photo.replace("/files/", "/photos/")).status_code == status
        assert ("/photos/" in expert.get(case).text) is (status == 200)


def test_a_held_file_is_shown_to_others_once_it_is_released(site: TestSite) -> None:
    clinician = site.person()
    case = open_draft(site, clinician, consents=("care", "face_photos"))
    photo = send_photo(clinician, case)
    with site.transaction() as session:
        for row in session.scalars(select(Attachment)):
            row.held = "Letters may be burnt in: look first."
    expert = invite(site, case)
    assert expert.get(photo).status_code == 404
    assert "Held for your check" in clinician.get(photo.replace("/files/", "/photos/")).text
    assert expert.post(f"{case}/release", {"attachment": photo[-36:]}).status_code == 403
    clinician.post(f"{case}/release", {"attachment": photo[-36:]})
    assert expert.get(photo).status_code == 200
    assert "case:attachment:released" in site.events()


def test_a_removed_photo_is_gone(site: TestSite) -> None:
    clinician = site.person()
    case = open_draft(site, clinician)
    photo = send_photo(clinician, case)
    page = clinician.follow(clinician.post(f"{case}/remove", {"attachment": photo[-36:]})).text
    assert "1 file removed." in page and "No photo yet" in page
    assert clinician.get(photo).status_code == 404
    for wrong in ({"attachment": photo[-36:]}, {"attachment": "x"}, {"viewer": "photo"}, {}):
        assert clinician.post(f"{case}/remove", wrong).status_code == 404


def test_only_the_own_centre_adds_files(site: TestSite) -> None:
    clinician = site.person()
    case = open_draft(site, clinician)
    assert send_file(invite(site, case), case, jpeg()).status_code == 403
    assert send_file(site.person(hcp="CZ01"), case, jpeg()).status_code == 404
    assert not list((site.folder / "files").glob("??/??/*"))


def test_a_file_of_another_case_is_not_there(site: TestSite) -> None:
    clinician = site.person()
    photo = send_photo(clinician, open_draft(site, clinician))
    other = open_draft(site, clinician)
    assert clinician.get(f"{other}/files/{photo[-36:]}").status_code == 404
    assert clinician.get(f"{other}/photos/{photo[-36:]}").status_code == 404


def test_others_write_while_a_file_is_in_the_sandbox(
    site: TestSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On SQLite one open transaction would make everybody wait."""
    clinician, colleague = site.person(), site.person()
    case = open_draft(site, clinician)
    saved: list[int] = []

    def ingest_slowly(*args: Any) -> Taken:
        with site.transaction() as session:
            audit.record(session, colleague.actor, audit.Event.HELP_READ)
        saved.append(1)
        return attachments.ingest(*args)

    monkeypatch.setattr(pages_files, "ingest", ingest_slowly)
    assert send_file(clinician, case, jpeg()).status_code == 200
    assert saved == [1]


def test_a_series_is_one_entry_that_opens_in_its_viewer(site: TestSite, shared_data: Path) -> None:
    clinician = site.person()
    case = open_draft(site, clinician)
    series = sorted((shared_data / "dicom" / "nih_siemens_mr").glob("*.dcm"))[:3]
    for file in series or sorted((shared_data / "dicom" / "nih_ge_mr").glob("*.dcm"))[:3]:
        answer = send_file(clinician, case, file.read_bytes())
        assert answer.status_code == 200, answer.text
    page = clinician.get(case).text
    assert "3 files" in page
    link = re.search(rf'href="(/x/dicom_viewer/cases/{id_of(case)}/studies/[^"]+)"', page)
    assert link
    assert clinician.get(link[1]).status_code == 200
