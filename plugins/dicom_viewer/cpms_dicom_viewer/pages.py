"""The viewer page and what it loads. Viewing a study is one audit event, not one per image."""

from collections.abc import Mapping
from uuid import UUID

import msgspec

from cpms_core import Answer, Data, File, NotFoundError, Page, Visit, route
from cpms_dicom_viewer.series import MEDIA_TYPE, Study, study_of

MOUNT = "/x/dicom_viewer"
LARGEST = 4096
NO_STUDY = "There are no images of this study in the case that you may see."


@route(
    "GET",
    "/cases/{case_id:uuid}/studies/{group:str}",
    permission="case.images",
    event="case:images:viewed",
)
def viewer(visit: Visit, case_id: UUID, group: str) -> Answer:
    """The page; `?series=` and `?image=`, from 1, say what it opens with."""
    case = visit.case(case_id)
    study = _found(study_of(case, group))
    visit.record("case:images:viewed", case_id=case_id)
    series_index = _index(visit.query, "series", len(study.series))
    series = study.series[series_index]
    image_index = _index(visit.query, "image", len(series.images))
    files = f"{MOUNT}/cases/{case_id}/files"
    place = {"files": files, "series_index": series_index, "image_index": image_index}
    return Page(
        template="dicom_viewer/viewer.html",
        values={
            "case": case,
            "study": study,
            "series": series,
            "image": series.images[image_index],
            "data": msgspec.to_builtins(study) | place,
            **place,
        },
        wasm=True,
    )


@route(
    "GET",
    "/cases/{case_id:uuid}/studies/{group:str}/series.json",
    permission="case.images",
    event=None,
)
def series_list(visit: Visit, case_id: UUID, group: str) -> Answer:
    """The study's series and images, for other programs than our page."""
    return Data(value=_found(study_of(visit.case(case_id), group)))


@route(
    "GET",
    "/cases/{case_id:uuid}/files/{attachment_id:uuid}",
    permission="case.images",
    event=None,
    rate="file",
)
def image_file(visit: Visit, case_id: UUID, attachment_id: UUID) -> Answer:
    """One image as de-identified DICOM."""
    _ensure_image(visit, case_id, attachment_id)
    return File(content=visit.attachment_path(case_id, attachment_id), media_type=MEDIA_TYPE)


@route(
    "GET",
    "/cases/{case_id:uuid}/files/{attachment_id:uuid}/rendered.jpg",
    permission="case.images",
    event=None,
    rate="file",
)
def rendered(visit: Visit, case_id: UUID, attachment_id: UUID) -> Answer:
    """A frame as JPEG: `?frame=` from 1, `?window=centre/width`, `?largest=` side in points."""
    _ensure_image(visit, case_id, attachment_id)
    frame = _index(visit.query, "frame", 1 << 20)
    largest = _index(visit.query, "largest", LARGEST, default=LARGEST) + 1
    window = visit.query.get("window", "")[:64]
    path = visit.attachment_path(case_id, attachment_id)
    picture = visit.sandbox(
        "cpms_dicom_viewer.render:render", path, frame, window, largest, returns=bytes
    )
    return File(content=picture, media_type="image/jpeg")


ROUTES = (viewer, series_list, image_file, rendered)


def _found(study: Study) -> Study:
    if not study.series:
        raise NotFoundError(NO_STUDY)
    return study


def _ensure_image(visit: Visit, case_id: UUID, attachment_id: UUID) -> None:
    """Other files of the case have pages of their own, with rules of their own."""
    if visit.attachment(case_id, attachment_id).media_type != MEDIA_TYPE:
        raise NotFoundError(NO_STUDY)


def _index(query: Mapping[str, str], key: str, count: int, default: int = 1) -> int:
    """A number from 1 to `count` in the query string, as an index from 0."""
    digits = query.get(key, "")
    number = int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 8 else default  # noqa: PLR2004 - far beyond any count
    return min(max(number, 1), count) - 1
