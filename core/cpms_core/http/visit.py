"""One request of one person, as handlers see it."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from msgspec import Struct
from sqlalchemy.orm import Session

from cpms_core import audit
from cpms_core.access import could
from cpms_core.actor import Actor
from cpms_core.cases import queries
from cpms_core.cases.models import Case
from cpms_core.declarations import Report, ReportTable
from cpms_core.errors import ForbiddenError, InvalidError, NotFoundError, SignInNeededError
from cpms_core.files import FileStore
from cpms_core.http.incoming import Incoming, Upload
from cpms_core.http.site import LiveSite
from cpms_core.sandbox import run
from cpms_core.views import AttachmentView, CaseView

T = TypeVar("T")


class PageVisit(Struct, kw_only=True):
    """For core's own pages: with the database session of this request's transaction."""

    site: LiveSite
    session: Session
    current_actor: Actor | None
    query: Mapping[str, str]
    incoming: Incoming
    client: str
    """The browser as it names itself."""
    network: str
    """Where the request comes from: see `addresses.network_of`."""
    cookies: Mapping[str, str] = {}
    is_htmx: bool
    seconds_left: int = 0
    """Until this session ends if nobody uses it from now on."""
    cookies_to_set: dict[str, str] = {}
    """Cookies the response sets; an empty value removes one."""
    afterwards: list[Callable[[], object]] = []
    """Acts outside the store that follow from this request: run once it is committed."""
    prepared: Any = None
    """What the route's `prepare` returned."""

    @property
    def actor(self) -> Actor:
        if self.current_actor is None:
            raise SignInNeededError
        return self.current_actor

    @property
    def form(self) -> Mapping[str, list[str]]:
        return self.incoming.form

    @property
    def uploads(self) -> tuple[Upload, ...]:
        return self.incoming.uploads

    @property
    def files(self) -> FileStore:
        return self.site.files

    def field(self, name: str, *, max_length: int = 4000) -> str:
        """One value of the form, stripped; empty if it is missing."""
        values = self.form.get(name, [])
        if len(values) > 1:
            raise InvalidError(f"“{name[:40]}” was sent twice.")
        value = values[0].strip() if values else ""
        if "\x00" in value or len(value) > max_length:
            raise InvalidError(
                "Some text is too long or holds characters that cannot be kept.",
                {name: f"Use at most {max_length} characters, without control characters."},
            )
        return value


class PluginVisit:
    """For plugins' pages: no session, only what core lends (see visit.Visit)."""

    def __init__(self, visit: PageVisit, permission: str) -> None:
        self._visit = visit
        self._permission = permission

    @property
    def actor(self) -> Actor:
        return self._visit.actor

    @property
    def query(self) -> Mapping[str, str]:
        return self._visit.query

    @property
    def form(self) -> Mapping[str, list[str]]:
        return self._visit.form

    def case(self, case_id: UUID) -> CaseView:
        visit = self._visit
        return queries.case_view(
            visit.session, visit.actor, visit.site.registry, case_id, self._permission
        )

    def attachment(self, case_id: UUID, attachment_id: UUID) -> AttachmentView:
        visit = self._visit
        return queries.attachment_view(
            visit.session,
            visit.actor,
            visit.site.registry,
            case_id,
            attachment_id,
            self._permission,
        )

    def attachment_path(self, case_id: UUID, attachment_id: UUID) -> Path:
        return self._visit.files.path(self.attachment(case_id, attachment_id).sha256)

    def sandbox(self, ref: str, *args: Any, returns: type[T]) -> T:
        return run(ref, *args, returns=returns)

    def reports(self) -> Sequence[Report]:
        site = self._visit.site
        return [
            report
            for report in site.registry.reports.values()
            if could(self.actor, report.permission, site.plugin_permissions)
        ]

    def report(self, key: str) -> ReportTable:
        report = self._visit.site.registry.reports.get(key)
        if report is None:
            raise NotFoundError
        if not could(self.actor, report.permission, self._visit.site.plugin_permissions):
            raise ForbiddenError("Your roles on this site do not include this report.")
        return report.build(self._visit.site.aggregates(self._visit.session, self.actor))

    def record(self, event: str, *, case_id: UUID | None = None) -> None:
        session = self._visit.session
        case = session.get(Case, case_id) if case_id else None
        # The centre's manager looks for what happened to it by the centre.
        hcp_id = case.hcp_id if case else None
        audit.record(session, self.actor, event, case_id=case_id, hcp_id=hcp_id)
