"""A case with a study in it, as uploads make it: through the sandbox and the file store."""

from collections.abc import Iterable
from uuid import UUID

from msgspec import Struct

from cpms_core.cases.attachments import add_attachment, ingest, kind_of
from tests.factories import make_case
from tests.plugins.dicom_viewer.images import SECRET
from tests.site import Browser, TestSite


class StoredStudy(Struct):
    case_id: UUID
    group: str
    ids: list[UUID]

    @property
    def page(self) -> str:
        return f"/x/dicom_viewer/cases/{self.case_id}/studies/{self.group}"

    def file(self, index: int = 0) -> str:
        return f"/x/dicom_viewer/cases/{self.case_id}/files/{self.ids[index]}"


def store_study(site: TestSite, clinician: Browser, files: Iterable[bytes]) -> StoredStudy:
    """All files in a new case of the clinician's; they should be of one study."""
    with site.transaction() as session:
        study = StoredStudy(make_case(session, clinician.actor).id, "", [])
        for content in files:
            upload = site.live.files.incoming()
            upload.write_bytes(content)
            kind = kind_of(site.live.registry, content[:4096])
            taken = ingest(kind, upload, site.live.files, SECRET)
            upload.unlink()
            attachment = add_attachment(session, clinician.actor, study.case_id, taken)
            study.ids.append(attachment.id)
            study.group = attachment.group
        return study
