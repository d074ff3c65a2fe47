"""What stands around every page of a case: its banner, its sections, and the one next step."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import select

from cpms_core import words
from cpms_core.cases.queries import shown_record
from cpms_core.cases.reading import SUMMARY_DATASET, CaseReading
from cpms_core.datasets import records
from cpms_core.directory.areas import area_titles
from cpms_core.directory.models import Ern
from cpms_core.directory.networks import askable_networks
from cpms_core.http.visit import PageVisit
from cpms_core.panels import stages
from cpms_core.panels.clock import clocks
from cpms_core.panels.models import ConsultationRequest, Panel, PanelErn
from cpms_core.panels.page.frame import ball_with
from cpms_core.panels.panel_columns import clock_of_panel
from cpms_core.registry import DatasetEntry, Registry
from cpms_core.views import RecordView
from cpms_web.attached import photos_of, studies_of
from cpms_web.between_erns import why_erns
from cpms_web.case_stands import REQUEST_BADGES

CONSENT_TITLES = {
    "care": "Care",
    "registry": "Registry",
    "contact": "Contact",
    "face_photos": "Face photos",
}


class Section(Struct, frozen=True, kw_only=True):
    """One dataset of a case as its page shows it."""

    key: str
    title: str
    description: str
    anchor: str
    form: str
    """Where it is filled; empty if its plugin is off."""
    shown: tuple[records.Shown, ...]
    saved: RecordView | None
    count: str
    """What the list of sections says of it: `14 · 6 absent`, `2 of 5`; empty if it is complete."""
    uncovered: str = ""
    """The class of its data that the consent does not cover; others do not see it then."""

    @property
    def state(self) -> str:
        if self.saved is None:
            return "hidden" if self.uncovered else "not started"
        return "in progress" if self.count else "complete"


class Asked(Struct, frozen=True, kw_only=True):
    """A request to an ERN, and its panel if there is one."""

    ern: str
    area: str
    number: str
    state: str
    badge: str
    clock: clocks.Clock | None
    ball: str
    request_id: UUID
    panel_id: UUID | None
    said: str
    """What the ERN did with it and why, or who brought it there; empty if there is nothing."""


class CaseFrame(Struct, frozen=True, kw_only=True):
    id: UUID
    pseudonym: str
    person: str
    where: tuple[str, ...]
    asked: tuple[Asked, ...]
    consents: tuple[tuple[str, bool], ...]
    sections: tuple[Section, ...]
    photos: int
    studies: int
    readers: int
    is_own: bool
    """Whether the reader is of the case's own centre."""
    patient: str
    """Where its consents stand."""
    at_guest_access: bool
    """Whether nobody at a centre sees it, for it is a guest's own."""
    is_whole: bool
    uncovered_files: Mapping[str, str]
    """Viewer → the class of its files that the consent does not cover, by title."""
    may_edit: bool
    may_submit: bool
    erns_to_ask: tuple[tuple[str, str], ...]
    """(key, name) of the ERNs on this site that it could be sent to; only for who may send it."""
    here: str
    """Key of the section that is open; empty on the case's own page."""


def case_frame(visit: PageVisit, reading: CaseReading, here: str = "") -> CaseFrame:
    view = reading.view
    asked = tuple(_asked(visit, view.id))
    may_submit = reading.is_editable and "case.submit" in reading.may and _is_sendable(asked)
    return CaseFrame(
        id=view.id,
        pseudonym=view.pseudonym,
        person=words.person(view.sex, view.birth_year, view.birth_month),
        where=_where(reading, asked),
        asked=asked,
        consents=tuple((CONSENT_TITLES[kind], given) for kind, given in reading.consents.items()),
        sections=sections(visit.site.registry, reading),
        photos=len(photos_of(view.attachments)),
        studies=len(studies_of(visit.site.registry, view.id, view.attachments)),
        readers=len(reading.readers),
        is_own="patient.read" in reading.may,
        patient=f"/patients/{reading.patient_id}",
        at_guest_access=reading.case.hcp.is_guest,
        is_whole=reading.is_whole,
        uncovered_files=view.uncovered_files,
        may_edit=reading.is_editable,
        may_submit=may_submit,
        erns_to_ask=askable_networks(visit.session, visit.site.registry) if may_submit else (),
        here=here,
    )


def sections(registry: Registry, reading: CaseReading) -> tuple[Section, ...]:
    """Every form of the case, then what plugins that are off have left in it."""
    names = {str(one.id): one.name for one in reading.view.attachments}
    saved = reading.view.records
    entries = {entry.dataset.key: entry for entry in reading.datasets}
    if not reading.is_whole:
        entries = {key: entry for key, entry in entries.items() if key == SUMMARY_DATASET}
    lacking = reading.view.uncovered
    orphans = [key for key in {**saved, **lacking} if key not in entries]
    found = (
        _section(registry, reading.view.id, key, entries.get(key), saved.get(key), names)
        for key in (*entries, *orphans)
    )
    return tuple(replace(one, uncovered=lacking.get(one.key, "")) for one in found)


def _section(
    registry: Registry,
    case_id: UUID,
    key: str,
    entry: DatasetEntry | None,
    saved: RecordView | None,
    names: Mapping[str, str],
) -> Section:
    data = saved.data if saved and not saved.is_plain else None
    return Section(
        key=key,
        title=entry.dataset.title if entry else words.words(key.rpartition(".")[2]),
        description=entry.dataset.description if entry else "",
        anchor="s-" + key.replace(".", "-"),
        form=f"/cases/{case_id}/records/{key}" if entry else "",
        shown=shown_record(registry, saved, names) if saved else (),
        saved=saved,
        count=_count(entry, data) if saved else "\N{EN DASH}",
    )


def _count(entry: DatasetEntry | None, data: Mapping[str, Any] | None) -> str:
    """Findings are counted, never complete. A form that requires answers is complete once saved."""
    if entry is None or data is None:
        return ""
    found = [
        row
        for field in entry.fields
        if field.kind == "findings"
        for row in data.get(field.key) or ()
    ]
    if found:
        absent = sum(bool(row.get("absent")) for row in found)
        return f"{len(found) - absent} · {absent} absent" if absent else str(len(found))
    answered, asked = records.completeness(entry.dataset, data)
    is_complete = answered >= asked or any(field.required for field in entry.fields)
    return "" if is_complete else f"{answered} of {asked}"


def _where(reading: CaseReading, asked: Sequence[Asked]) -> tuple[str, ...]:
    if asked:
        last = asked[0]
        return tuple(filter(None, (last.ern, last.area, last.number)))
    seen_by = "you" if reading.case.hcp.is_guest else "your centre"
    state = "withdrawn" if reading.withdrawn_at else "draft"
    return (reading.view.centre, f"{state}, seen by {seen_by} only")


def _is_sendable(asked: Sequence[Asked]) -> bool:
    """A draft, a returned request, or one that an ERN declined."""
    return all(one.state in {"Returned", "Declined", "Forwarded", "Withdrawn"} for one in asked)


def _asked(visit: PageVisit, case_id: UUID) -> list[Asked]:
    """Those with a panel first, else the newest."""
    rows = visit.session.execute(
        select(ConsultationRequest, Panel, Ern.name)
        .join(Ern, Ern.id == ConsultationRequest.ern_id)
        .outerjoin(PanelErn, PanelErn.request_id == ConsultationRequest.id)
        .outerjoin(Panel, Panel.id == PanelErn.panel_id)
        .where(ConsultationRequest.case_id == case_id)
        .order_by(ConsultationRequest.submitted_at.desc(), ConsultationRequest.id.desc())
    ).all()
    said = why_erns(rows)
    ordered = sorted(rows, key=_place)
    return [_one_asked(visit, *row, said=said[row[0].id]) for row in ordered]


def _place(row: Any) -> int:
    """Of a panel that several ERNs share, the one that opened it comes first."""
    request, panel, _ern = row
    if panel is None:
        return 2
    return int(panel.request_id != request.id)


def _one_asked(
    visit: PageVisit, request: ConsultationRequest, panel: Panel | None, ern: str, said: str
) -> Asked:
    areas = area_titles(visit.session, visit.site.registry, request.ern_id)
    return Asked(
        ern=ern,
        area=areas.get(request.area, ""),
        number=panel.number if panel else "",
        state=stages.title(panel.stage) if panel else words.words(request.state),
        badge=(stages.badge(panel.stage) if panel else REQUEST_BADGES.get(request.state, "plain")),
        clock=_clock(request, panel),
        ball=ball_with(visit.session, request, panel),
        request_id=request.id,
        panel_id=panel.id if panel else None,
        said=said,
    )


def _clock(request: ConsultationRequest, panel: Panel | None) -> clocks.Clock:
    if panel is None:
        return clocks.request_clock(request.state, request.due_at, request.decided_at)
    return clock_of_panel(panel, request)
