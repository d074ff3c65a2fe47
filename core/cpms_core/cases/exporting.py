"""One case out of the system: core's own JSON and CSV, whatever plugins are on."""

import csv
import io
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy.orm import Session

from cpms_core import audit
from cpms_core.actor import Actor
from cpms_core.audit import Event
from cpms_core.cases.queries import case_view
from cpms_core.cases.scope import find_case
from cpms_core.clock import clock
from cpms_core.datasets import records
from cpms_core.registry import Registry
from cpms_core.views import CaseView, RecordView

FORMAT = "cpms-case"
VERSION = 1
# The last four are full-width, which some spreadsheets read alike.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def export_case(
    session: Session, actor: Actor, registry: Registry, case_id: UUID, how: str
) -> CaseView:
    """What may leave: the case under its pseudonym, as far as the consent lets others read it.

    `how` stands in the audit.
    """
    scope = find_case(session, actor, case_id, "case.export")
    audit.record(
        session, actor, Event.CASE_EXPORTED, case_id=case_id, hcp_id=scope.case.hcp_id, format=how
    )
    return case_view(session, actor, registry, case_id, "case.export", leaves=True)


def as_json(view: CaseView, registry: Registry) -> bytes:
    """The records as stored, with titles; of attachments what they are; and what is not in it."""
    value = {
        "format": FORMAT,
        "version": VERSION,
        "exported_at": clock.now(),
        "case": {
            "id": view.id,
            "pseudonym": view.pseudonym,
            "sex": view.sex,
            "birth_year": view.birth_year,
            "birth_month": view.birth_month,
            "centre": view.centre,
            "country": view.country,
        },
        "records": {key: _record(registry, one) for key, one in view.records.items()},
        "attachments": view.attachments,
        "left_out": _left_out(view),
    }
    return msgspec.json.format(msgspec.json.encode(value), indent=2)


def _left_out(view: CaseView) -> dict[str, str]:
    """Dataset, or dataset and field → the class of its data that the consent does not cover."""
    fields = {
        f"{key}.{path}": title
        for key, one in view.records.items()
        for path, title in one.locked.items()
    }
    return {**view.uncovered, **fields}


def as_csv(view: CaseView, registry: Registry) -> bytes:
    """One line an answer: dataset, field, value. A cell never begins like a formula."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["case", "dataset", "field", "value"])
    for key, one in view.records.items():
        for field, value in _cells(registry, key, one).items():
            # Keys too: of a form that no plugin knows any more, a file may have named them.
            writer.writerow(map(_harmless, (view.pseudonym, key, field, value)))
    return out.getvalue().encode("utf-8-sig")  # spreadsheets take it for Latin-1 without the mark


def _record(registry: Registry, record: RecordView) -> dict[str, Any]:
    entry = registry.datasets.get(record.dataset)
    return {
        "title": entry.dataset.title if entry else "",
        "schema_version": record.version,
        "revision": record.revision,
        "saved_at": record.saved_at,
        "author": record.author,
        "data": record.data,
    }


def _cells(registry: Registry, key: str, record: RecordView) -> dict[str, str]:
    """The same columns as a table of many cases; plain JSON where the plugin is off."""
    entry = registry.datasets.get(key)
    if entry is not None and not record.is_plain:
        return records.flatten(entry.dataset, record.data)
    return {name: _plain(value) for name, value in record.data.items()}


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _harmless(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text
