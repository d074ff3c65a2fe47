"""Every row of the store that belongs to a patient, found along the foreign keys.

A table that somebody adds later and that points to a case, a panel, a form is found by itself:
nobody has to remember it here when a person wants a copy, or wants to be erased.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Table, or_, select
from sqlalchemy.orm import Session

from cpms_core.patients.models import Patient
from cpms_core.store import METADATA

Tree = Mapping[Table, ColumnElement[bool]]
"""Each table, parents first, with which of its rows are meant."""


def tree_of(patient_ids: list[UUID]) -> Tree:
    patient: Any = Patient.__table__
    tree: dict[Table, ColumnElement[bool]] = {patient: patient.c.id.in_(patient_ids)}
    for table in METADATA.sorted_tables:
        ways = [
            column.in_(select(key.column).where(tree[key.column.table]))
            for column in table.columns
            for key in column.foreign_keys
            if key.column.table in tree and key.column.table is not table
        ]
        if ways and table not in tree:
            tree[table] = or_(*ways)
    return tree


def all_of(session: Session, patient: Patient) -> list[UUID]:
    """The patient, and the other enrolments of the same person that were merged into it."""
    others = session.scalars(select(Patient.id).where(Patient.merged_into == patient.id))
    return [patient.id, *others]
