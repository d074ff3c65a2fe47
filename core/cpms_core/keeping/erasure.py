"""Erase a patient: all content goes, and a skeleton without content stays.

What stays says that there was a case, when, at which centre, and who took part: figures and the
audit need it. Nobody can tell any more whose it was, or what it said. See docs/adr/0020.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from msgspec import Struct
from sqlalchemy import JSON, Column, LargeBinary, String, delete, func, select, update
from sqlalchemy.orm import Session

from cpms_core import audit, words
from cpms_core.actor import Actor
from cpms_core.audit import Event
from cpms_core.cases.models import Attachment, Case, Record
from cpms_core.clock import clock
from cpms_core.errors import InvalidError
from cpms_core.jobs import enqueue
from cpms_core.keeping.patient_rows import Tree, all_of, tree_of
from cpms_core.keeping.scrub import SCRUB
from cpms_core.panels.after.stopping import stop_for_withdrawal
from cpms_core.panels.models import Outcome, Panel
from cpms_core.patients.models import Patient
from cpms_core.patients.team import find_patient

SKELETON = {
    "patient": {"pseudonym"},
    "clinical_case": set[str](),
    "case_share": {"standing"},
    "consultation_request": {"area", "urgency", "state"},
    "panel": {"number", "workflow", "stage"},
    "panel_ern": set[str](),
    "panel_member": {"role", "state"},
    "contribution": {"kind"},
}
"""Tables whose rows stay, and which of their texts do; every other text is emptied."""


class Erasure(Struct, frozen=True, kw_only=True):
    """What erasing would do, counted from the store as it is now."""

    patient_id: UUID
    pseudonym: str
    goes: tuple[str, ...]
    stays: tuple[str, ...]


def preview_erasure(session: Session, actor: Actor, patient_id: UUID) -> Erasure:
    patient = find_patient(session, actor, patient_id, "patient.erase")
    cases = select(Case.id).where(Case.patient_id.in_(all_of(session, patient)))
    panels = select(Panel.id).where(Panel.case_id.in_(cases))
    numbers = session.scalars(
        select(Panel.number).where(Panel.case_id.in_(cases)).order_by(Panel.number)
    ).all()
    signed = _count(
        session,
        select(Outcome.id).where(Outcome.panel_id.in_(panels), Outcome.signed_at.is_not(None)),
    )
    forms = _count(session, select(Record.id).where(Record.case_id.in_(cases)))
    files = _count(session, select(Attachment.id).where(Attachment.case_id.in_(cases)))
    return Erasure(
        patient_id=patient.id,
        pseudonym=patient.pseudonym,
        goes=(
            "The name, the birth date, the sex, every consent and every receipt.",
            (
                f"{words.plural(_count(session, cases), 'case')} with "
                f"{words.plural(forms, 'saved version')} of its forms and "
                f"{words.plural(files, 'file')}."
            ),
            *_of_panels(numbers, signed),
        ),
        stays=(
            (
                f"The pseudonym {patient.pseudonym}, so that nobody else is ever called so, and "
                "the day of the erasure."
            ),
            (
                "That there were cases and panels, when, and who took part in them: no question, "
                "no text, no file."
            ),
            "The audit: who did what and when. It never held names or clinical text.",
            "Backups made before: each keeps it until it is overwritten.",
        ),
    )


def _of_panels(numbers: Sequence[str], signed: int) -> list[str]:
    if not numbers:
        return []
    panels = words.plural(len(numbers), "panel")
    lines = [f"What experts wrote in {panels} ({', '.join(numbers)}); panels that are open end."]
    if signed:
        lines.append(
            f"{words.plural(signed, 'signed outcome')}: save the PDF in the patient's record "
            "first, if the law makes you keep it."
        )
    return lines


def erase_patient(session: Session, actor: Actor, patient_id: UUID, typed: str) -> tuple[str, ...]:
    """Once it is committed, the files whose names are returned are to be removed from the store.

    `typed` is the pseudonym, as the person wrote it. The job that this queues cleans the store's
    own files of what was deleted.
    """
    patient = find_patient(session, actor, patient_id, "patient.erase")
    if typed.casefold() != patient.pseudonym.casefold():
        said = f"Type {patient.pseudonym} to show that this is the patient you mean."
        raise InvalidError("Nothing was erased.", {"pseudonym": said})
    everyone = all_of(session, patient)
    for case in session.scalars(select(Case).where(Case.patient_id.in_(everyone))):
        stop_for_withdrawal(session, actor, case.id)
        case.withdrawn_at = case.withdrawn_at or clock.now()
    session.flush()
    tree = tree_of(everyone)
    files = _files_of_nobody_else(session, tree)
    _empty(session, tree)
    session.execute(
        update(Patient)
        .where(Patient.id.in_(everyone))
        .values(
            sex="unknown",
            birth_year=None,
            birth_month=None,
            status="erased",
            is_restricted=False,
            retain_until=None,
            erased_at=clock.now(),
        )
    )
    session.expire_all()
    for one in everyone:
        audit.record(
            session,
            actor,
            Event.PATIENT_ERASED,
            patient_id=one,
            hcp_id=patient.hcp_id,
            files=len(files),
        )
    enqueue(session, SCRUB, {})
    return files


def _empty(session: Session, tree: Tree) -> None:
    """Children first: what points to a row is gone before it."""
    for table, mine in reversed([*tree.items()]):
        kept = SKELETON.get(table.name)
        if kept is None:
            session.execute(delete(table).where(mine))
        elif table.name != "patient":
            blank = {one.name: _blank(one) for one in table.columns if _is_text(one, kept)}
            if blank:
                session.execute(update(table).where(mine).values(blank))


def _is_text(column: Column[Any], kept: set[str]) -> bool:
    is_key = column.primary_key or bool(column.foreign_keys)
    holds = isinstance(column.type, String | JSON | LargeBinary)
    return holds and not is_key and column.name not in kept


def _blank(column: Column[Any]) -> object:
    if column.nullable:
        return None
    return {} if isinstance(column.type, JSON) else ""


def _files_of_nobody_else(session: Session, tree: Tree) -> tuple[str, ...]:
    """The same bytes may be another patient's file too: the store keeps them once."""
    table: Any = Attachment.__table__
    mine = set(session.scalars(select(table.c.sha256).where(tree[table])))
    others = select(table.c.sha256).where(table.c.sha256.in_(mine), ~tree[table])
    return tuple(sorted(mine - set(session.scalars(others))))


def _count(session: Session, rows: Any) -> int:
    return session.scalar(select(func.count()).select_from(rows.subquery())) or 0
