"""DICOM images: upload, de-identification and a stack viewer."""

from collections.abc import Sequence

from cpms_core import Plugin, Route, Viewer, hookimpl
from cpms_dicom_viewer.pages import MOUNT, ROUTES
from cpms_dicom_viewer.recognise import recognises
from cpms_dicom_viewer.series import MEDIA_TYPE


class DicomViewer(Plugin):
    @hookimpl
    def viewers(self) -> Sequence[Viewer]:
        return (
            Viewer(
                key="dicom_viewer.dicom",
                title="Images",
                media_type=MEDIA_TYPE,
                recognises=recognises,
                ingest="cpms_dicom_viewer.ingest:ingest",
                group_by="study",
                path=f"{MOUNT}/cases/{{case_id}}/studies/{{group}}",
            ),
        )

    @hookimpl
    def routes(self) -> Sequence[Route]:
        return ROUTES
