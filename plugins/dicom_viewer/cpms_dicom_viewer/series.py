"""Studies as the viewer sees them: a case's attachments, sorted into series and images."""

from itertools import groupby
from uuid import UUID

from msgspec import Struct

from cpms_core import AttachmentView, CaseView
from cpms_dicom_viewer.words import MODALITIES

MEDIA_TYPE = "application/dicom"


class Image(Struct, frozen=True, kw_only=True):
    """One picture: a file, or one frame of it, counted from 1."""

    id: UUID
    frame: int
    rows: int
    columns: int


class Series(Struct, frozen=True, kw_only=True):
    title: str
    images: tuple[Image, ...]
    held: str = ""
    """Why nobody but the submitting centre sees this yet."""
    by_server: bool = False
    """Whether a browser's decoders do not know this kind, and the server draws it."""


class Study(Struct, frozen=True, kw_only=True):
    series: tuple[Series, ...]
    names_several: bool
    """Whether the files, before they were de-identified, named more than one person."""


def study_of(case: CaseView, group: str) -> Study:
    """The study whose UID is `group`; without series if the case has none of it."""
    files = [
        file
        for file in case.attachments
        if file.media_type == MEDIA_TYPE and file.facets.get("study") == group
    ]
    files.sort(key=_place)
    series = [
        _series(list(members)) for _, members in groupby(files, key=lambda file: _place(file)[:2])
    ]
    subjects = {file.facets.get("subject") for file in files}
    return Study(series=tuple(series), names_several=len(subjects) > 1)


def _series(files: list[AttachmentView]) -> Series:
    first = files[0].facets
    kind = MODALITIES.get(first.get("modality", ""), "Image")
    words = [kind, first.get("description", "")]
    return Series(
        title=" · ".join(word for word in words if word),
        images=tuple(image for file in files for image in _images(file)),
        by_server=any(file.facets.get("drawn_by") == "server" for file in files),
        held=next((file.held for file in files if file.held), ""),
    )


def _images(file: AttachmentView) -> list[Image]:
    rows, columns = _number(file, "rows"), _number(file, "columns")
    return [
        Image(id=file.id, frame=frame, rows=int(rows), columns=int(columns))
        for frame in range(1, int(_number(file, "frames") or 1) + 1)
    ]


def _place(file: AttachmentView) -> tuple[float, str, float, float, UUID]:
    """Series by number, images by number; where a device numbers none, by their place."""
    return (
        _number(file, "series_number"),
        file.facets.get("series", ""),
        _number(file, "instance_number"),
        _number(file, "z"),
        file.id,
    )


def _number(file: AttachmentView, facet: str) -> float:
    try:
        return float(file.facets.get(facet, ""))
    except ValueError:
        return 0.0
