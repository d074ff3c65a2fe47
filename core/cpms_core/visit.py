"""What a plugin's handler receives: one request of one person, and what core lends it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar
from uuid import UUID

from cpms_core.actor import Actor
from cpms_core.declarations import Report, ReportTable
from cpms_core.views import AttachmentView, CaseView

T = TypeVar("T")


class Visit(Protocol):
    """Every method answers only what the actor may see; else it raises NotFoundError."""

    @property
    def actor(self) -> Actor: ...

    @property
    def query(self) -> Mapping[str, str]:
        """The query string; a key that was given twice is refused before the handler runs."""

    @property
    def form(self) -> Mapping[str, list[str]]: ...

    def case(self, case_id: UUID) -> CaseView: ...

    def attachment(self, case_id: UUID, attachment_id: UUID) -> AttachmentView: ...

    def attachment_path(self, case_id: UUID, attachment_id: UUID) -> Path:
        """The stored file, read only. Hand it to `sandbox`; never parse it here."""

    def sandbox(self, ref: str, *args: Any, returns: type[T]) -> T:
        """Run `"module:function"` in a child process with limits and without network."""

    def reports(self) -> Sequence[Report]:
        """The reports of all plugins that this person may read."""

    def report(self, key: str) -> ReportTable:
        """One report, built over what this person may see."""

    def record(self, event: str, *, case_id: UUID | None = None) -> None:
        """Note one of the plugin's own audit events."""
