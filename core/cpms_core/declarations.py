"""What a plugin declares: frozen values that core reads once at start.

Hooks return these; nothing here acts by itself. A declaration that core cannot accept (an unknown
field kind, a key somebody else owns) refuses the plugin that made it, by name, at start.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

from msgspec import Struct

from cpms_core.answers import Answer
from cpms_core.clock import clock
from cpms_core.views import CaseView

Method = Literal["GET", "POST"]
Rate = Literal["page", "write", "search", "upload", "file", "ceremony", "stream"]
DataClass = Literal["text", "face_photos", "photos", "video", "imaging", "genome", "pedigree"]
"""What a consent for care may cover or leave out."""


class ThematicArea(Struct, frozen=True, kw_only=True):
    """A subdivision of an ERN that clinicians choose and experts subscribe to."""

    key: str
    title: str


class Network(Struct, frozen=True, kw_only=True):
    """How one ERN works; `key` is the ERN's key in the directory, `ithaca` for instance."""

    key: str
    areas: tuple[ThematicArea, ...] = ()
    required_datasets: tuple[str, ...] = ()
    """Keys of the datasets a request to this ERN must have at least one saved version of.

    Think twice: every one of them stands between a tired clinician and an answer.
    """
    helpful_datasets: tuple[str, ...] = ()
    """Keys of those that the page asks for before the request is sent, and sends it without."""
    case_prefix: str = ""
    """The start of its panels' numbers, `ITH` for ITH-2026-0147."""
    may_lead_own_case: bool = False


class Dataset(Struct, frozen=True, kw_only=True):
    """A form: `schema` is a msgspec Struct, everything else core derives from it.

    `version` counts incompatible changes of the schema. `upgrade(version, data)` receives the data
    as stored by that older version, plain JSON values, and returns it as this one would store it.
    """

    key: str
    title: str
    schema: type[Struct]
    version: int = 1
    upgrade: Callable[[int, dict[str, Any]], dict[str, Any]] | None = None
    description: str = ""
    erns: tuple[str, ...] = ()
    """The ERNs whose cases show this form; empty for all."""
    consent: DataClass = "text"
    """What the patient's consent must cover before others than the own centre read it."""


class Ingested(Struct, kw_only=True):
    """What a viewer made of one uploaded file, inside the sandbox.

    Core stores the file that `ingest` wrote, never the one that was sent.
    """

    name: str
    """What people see; must come from no file name and hold no identity."""
    facets: dict[str, str] = {}
    held: str = ""
    """Why a person has to look before others may see it; empty if nobody has to."""


class Viewer(Struct, frozen=True, kw_only=True):
    """A kind of file a plugin accepts and shows.

    `ingest` names a module-level function `(source: str, target: str, secret: bytes) -> Ingested`
    as `"package.module:function"`. It runs in a child process with limits and without network: it
    reads the uploaded file at `source`, writes what may be kept to `target`, and raises ValueError
    with a sentence for the user if the file is refused. `secret` is 32 bytes that are the same for
    every file of one patient and differ between patients.
    """

    key: str
    title: str
    media_type: str
    recognises: Callable[[bytes], bool]
    """Whether a file is of this kind, told from its first 4096 bytes."""
    ingest: str
    group_by: str
    """The facet whose value joins files to one entry on the case page, a study for instance."""
    path: str
    """Where an entry opens, `/x/<plugin>/…` with `{case_id}` and `{group}` in it."""
    consent: DataClass = "imaging"
    """What the patient's consent must cover before others than the own centre see such files."""


class Export(Struct, frozen=True, kw_only=True):
    """One case out of the system."""

    key: str
    title: str
    media_type: str
    suffix: str
    write: Callable[[CaseView], bytes]


class ImportedCase(Struct, kw_only=True):
    """What an importer read from one file."""

    sex: str
    birth_year: int | None = None
    birth_month: int | None = None
    question: str = ""
    summary: str = ""
    """Both stand in the form of the request as if typed and not saved yet."""
    records: dict[str, Struct] = {}
    """Dataset key → a value of that dataset's schema."""
    remarks: tuple[str, ...] = ()
    """Sentences about what could not be placed; they stay with the case."""
    leftover: dict[str, Any] = {}
    """What could not be placed itself, as it stood in the file; it stays with the case."""


class Importer(Struct, frozen=True, kw_only=True):
    """A file format that becomes draft cases; `read` raises ValueError with what is wrong."""

    key: str
    title: str
    suffixes: tuple[str, ...]
    read: Callable[[bytes], ImportedCase]


Unit = Literal["", "days", "%"]
"""What a figure of a report measures; empty for a count."""


class Count(Struct, frozen=True):
    """A row of a report: labels first, figures after."""

    labels: tuple[str, ...]
    figures: tuple[float | int | None, ...]


class ReportTable(Struct, frozen=True, kw_only=True):
    columns: tuple[str, ...]
    rows: tuple[Count, ...]
    note: str = ""
    """What the figures count, in a sentence; of an empty table, why it is and what to do."""
    units: tuple[Unit, ...] = ()
    """Of each figure; counts if left out."""
    charted: tuple[int, ...] = ()
    """Which figures, from 0, a chart shows as bars of one scale; the first if left out."""


class Report(Struct, frozen=True, kw_only=True):
    """A table over many cases; `build` receives read-only counts that access already filtered."""

    key: str
    title: str
    permission: str
    build: Callable[["Aggregates"], ReportTable]


class PanelTimes(Struct, frozen=True, kw_only=True):
    """One panel as a report may see it: no person, no patient. Times are UTC."""

    number: str
    ern: str
    """The network that opened it."""
    networks: tuple[str, ...] = ()
    """All that it counts for, as far as the reader counts for them; `ern` comes first."""
    is_shared: bool = False
    """Whether it counts for several networks, of which the reader may know one."""
    stage: str
    urgency: str
    submitted_at: datetime
    triaged_at: datetime | None
    first_response_at: datetime | None
    closed_at: datetime | None
    paused_seconds: int
    contributors: int
    countries: int


class AdviceCount(Struct, frozen=True, kw_only=True):
    """What became of the recommendations of one kind and strength; None is too few to be told."""

    kind: str
    strength: str
    given: int
    done: int | None = 0
    planned: int | None = 0
    not_done: int | None = 0
    not_said: int | None = 0


class Aggregates:
    """Counts that core lends a report; each is limited to what its reader may see."""

    def now(self) -> datetime:
        """The site's time, for ages: a report asks no other clock."""
        return clock.now()

    def panels(self) -> Sequence[PanelTimes]:
        raise NotImplementedError

    def coded_counts(self, dataset: str, field: str) -> Mapping[tuple[str, str], int]:
        """Cases per (system, code) of a coded field, over cases with a registry consent."""
        raise NotImplementedError

    def advice(self) -> Sequence[AdviceCount]:
        """The submitters' last word on the recommendations of signed outcomes."""
        raise NotImplementedError

    def advice_reasons(self) -> Mapping[str, int]:
        """Why advice was not followed."""
        raise NotImplementedError


class Permission(Struct, frozen=True, kw_only=True):
    """A plugin's own permission, held by whoever has one of these standings (see access.py)."""

    key: str
    title: str
    standings: frozenset[str]


class Link(Struct, frozen=True, kw_only=True):
    """An entry in the top bar."""

    title: str
    href: str
    permission: str


class CheckResult(Struct, frozen=True, kw_only=True):
    ok: bool
    message: str


class Check(Struct, frozen=True, kw_only=True):
    """Something `cpms check` should look at; `run` receives the site's data folder."""

    key: str
    title: str
    run: Callable[[Path], Sequence[CheckResult]]


class CaseEvent(Struct, frozen=True, kw_only=True):
    """Something that has happened to a case and is committed."""

    tag: str
    case_id: UUID
    at: datetime


class Route(Struct, frozen=True, kw_only=True):
    """A page or act with everything the kernel must know of it: no route without all five."""

    method: Method
    path: str
    permission: str
    event: str | None
    """The audit event a success records; None only for what touches no person's data."""
    rate: Rate
    handler: Callable[..., Answer]
    or_event: str | None = None
    """What a success may record instead, where one address does one of two things."""
    prepare: Callable[..., Any] | None = None
    """Runs first, outside the transaction, with the same arguments and a session that only reads.

    For what takes long: nothing may hold the store's write lock meanwhile. What it returns is
    `visit.prepared` for the handler. Core's own pages only.
    """
    step_up: str | None = None
    """An act in words, "remove a security key": the person's key must be touched for it first."""
    api: str | None = None
    """What a token must be for, `case.export`, so that a machine may do this; None for people only.

    Its token was made with a touch, so `step_up` asks a machine for none.
    """


def route(
    method: Method,
    path: str,
    *,
    permission: str,
    event: str | None,
    rate: Rate | None = None,
    or_event: str | None = None,
    prepare: Callable[..., Any] | None = None,
    step_up: str | None = None,
    api: str | None = None,
) -> Callable[[Callable[..., Answer]], Route]:
    """Declare a handler `(visit, **path parameters) -> Answer`."""

    def declare(handler: Callable[..., Answer]) -> Route:
        return Route(
            method=method,
            path=path,
            permission=permission,
            event=event,
            rate=rate or ("page" if method == "GET" else "write"),
            handler=handler,
            or_event=or_event,
            prepare=prepare,
            step_up=step_up,
            api=api,
        )

    return declare
