"""The public API for plugins. Everything a plugin may import from core is here."""

from importlib.metadata import version

from cpms_core.actor import Actor
from cpms_core.answers import Answer, Data, File, Page, Redirect, Stream
from cpms_core.datasets.kinds import FileRef, Finding, Measurement, PartialDate, Term, YesNo
from cpms_core.declarations import (
    AdviceCount,
    Aggregates,
    CaseEvent,
    Check,
    CheckResult,
    Count,
    Dataset,
    Export,
    ImportedCase,
    Importer,
    Ingested,
    Link,
    Network,
    PanelTimes,
    Permission,
    Report,
    ReportTable,
    Route,
    ThematicArea,
    Unit,
    Viewer,
    route,
)
from cpms_core.errors import InvalidError, NotFoundError
from cpms_core.hookspecs import Plugin, hookimpl
from cpms_core.views import AttachmentView, CaseView, RecordView
from cpms_core.visit import Visit

__version__ = version("cpms-core")

__all__ = [
    "Actor",
    "AdviceCount",
    "Aggregates",
    "Answer",
    "AttachmentView",
    "CaseEvent",
    "CaseView",
    "Check",
    "CheckResult",
    "Count",
    "Data",
    "Dataset",
    "Export",
    "File",
    "FileRef",
    "Finding",
    "ImportedCase",
    "Importer",
    "Ingested",
    "InvalidError",
    "Link",
    "Measurement",
    "Network",
    "NotFoundError",
    "Page",
    "PanelTimes",
    "PartialDate",
    "Permission",
    "Plugin",
    "RecordView",
    "Redirect",
    "Report",
    "ReportTable",
    "Route",
    "Stream",
    "Term",
    "ThematicArea",
    "Unit",
    "Viewer",
    "Visit",
    "YesNo",
    "hookimpl",
    "route",
]
