"""Copies of consultations by the thousand, made in SQLite itself, for what must not grow.

What lists read is copied; records, files and the audit are not.
"""

from sqlalchemy import Column, Engine, Table, text

from cpms_core.cases.models import Case, CaseShare
from cpms_core.db import UtcDateTime, transaction
from cpms_core.panels.models import (
    ConsultationRequest,
    Contribution,
    Panel,
    PanelErn,
    PanelMember,
)
from cpms_core.patients.models import Consent, Patient
from cpms_core.store import METADATA

_OF_A_PANEL = "panel_id IN (SELECT panel FROM model)"
_TABLES = {
    Patient: "id IN (SELECT patient FROM model)",
    Consent: "patient_id IN (SELECT patient FROM model)",
    Case: "id IN (SELECT the_case FROM model)",
    CaseShare: "case_id IN (SELECT the_case FROM model)",
    ConsultationRequest: "case_id IN (SELECT the_case FROM model)",
    Panel: "id IN (SELECT panel FROM model)",
    PanelErn: _OF_A_PANEL,
    PanelMember: _OF_A_PANEL,
    Contribution: _OF_A_PANEL,
}
"""What holds the rows of a consultation, and which of them are those of the models."""
_OWN = {"id", "patient_id", "case_id", "request_id", "panel_id"}
"""Columns that point to a row that is copied too."""
_UNIQUE = {"pseudonym", "number"}
_MODELS = """
CREATE TEMP TABLE model AS
SELECT panel.id AS panel, panel.case_id AS the_case, clinical_case.patient_id AS patient
FROM panel JOIN clinical_case ON clinical_case.id = panel.case_id
JOIN panel_ern ON panel_ern.panel_id = panel.id
WHERE (panel_ern.ended_at IS NOT NULL) = :has_ended AND panel.number NOT LIKE '%/%'
"""
_COPIES = """
CREATE TEMP TABLE copy AS
WITH RECURSIVE up(n) AS (SELECT :first UNION ALL SELECT n + 1 FROM up WHERE n < :last)
SELECT n, (n * 7919 % 100003) * :days / 100003.0 AS days FROM up
"""


def copy_consultations(engine: Engine, *, ended: int, still_open: int) -> None:
    """About so many more panels like those there are; ended ones over the four years before."""
    for wanted, has_ended, days in ((ended, True, 1500), (still_open, False, 1)):
        if wanted:
            _copy(engine, wanted, has_ended=has_ended, days=days)


def _copy(engine: Engine, wanted: int, *, has_ended: bool, days: int) -> None:
    with transaction(engine) as session:
        for name in ("model", "copy"):
            session.execute(text(f"DROP TABLE IF EXISTS {name}"))
        session.execute(text(_MODELS), {"has_ended": has_ended})
        models = session.scalar(text("SELECT count(*) FROM model")) or 0
        done = session.scalar(text("SELECT count(*) FROM panel")) or 0
        last = done + -(-wanted // models)
        session.execute(text(_COPIES), {"first": done + 1, "last": last, "days": days})
        for table, where in _TABLES.items():
            session.execute(text(_insertion(METADATA.tables[table.__tablename__], where)))


def _insertion(table: Table, where: str) -> str:
    names = ", ".join(table.columns.keys())
    values = ", ".join(_copied(column) for column in table.columns)
    return (
        f"INSERT INTO {table.name} ({names}) "  # noqa: S608 - names of our own tables
        f"SELECT {values} FROM {table.name} AS old, copy WHERE old.{where}"
    )


def _copied(column: Column[object]) -> str:
    if column.name in _OWN:  # what tells ids of one process apart are their first digits
        return f"substr(old.{column.name}, 1, 24) || printf('%08x', copy.n)"
    if isinstance(column.type, UtcDateTime):
        earlier = "'-' || copy.days || ' days'"
        return f"strftime('%Y-%m-%d %H:%M:%f000', old.{column.name}, {earlier})"
    if column.name in _UNIQUE:
        return f"old.{column.name} || '/' || copy.n"
    return f"old.{column.name}"
