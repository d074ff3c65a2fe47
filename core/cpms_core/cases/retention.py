"""How long a patient's data are kept, and which patients a centre must look at.

Nothing is erased by itself. Some years after the last thing that happened in a case, or on the day
that the centre set, somebody who manages it decides: keep on, or erase.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from functools import cache
from uuid import UUID

from msgspec import Struct
from sqlalchemy import (
    BindParameter,
    ColumnElement,
    ScalarSelect,
    and_,
    bindparam,
    exists,
    func,
    or_,
    select,
)
from sqlalchemy.orm import Session

from cpms_core import audit, me
from cpms_core.actor import Actor
from cpms_core.audit import Event
from cpms_core.cases.models import Case, Record
from cpms_core.clock import clock
from cpms_core.db import UtcDateTime, this_day
from cpms_core.errors import InvalidError
from cpms_core.patients.models import Patient
from cpms_core.patients.team import find_patient, is_open_to_me
from cpms_core.rows import AnyQuery

MOST_YEARS = 50
"""From today, that somebody may decide to keep on."""


class Kept(Struct, frozen=True, kw_only=True):
    until: date
    is_set: bool
    """Whether somebody of the centre set the day; else it follows from the site's rule."""
    is_due: bool


def read_retention(session: Session, patient: Patient, years: int) -> Kept:
    until = retain_until(session, [patient], years)[patient.id]
    is_set = patient.retain_until is not None
    return Kept(until=until, is_set=is_set, is_due=until <= clock.today())


def keep_until(session: Session, actor: Actor, patient_id: UUID, until: date | None) -> None:
    """Set the day on which to look again; None goes back to the site's rule."""
    patient = find_patient(session, actor, patient_id, "patient.erase")
    today = clock.today()
    if until and not today < until <= later(today, MOST_YEARS):
        latest = later(today, MOST_YEARS)
        problem = f"Enter a day after today, and not after {latest:%Y-%m-%d}."
        raise InvalidError("Nothing was changed yet.", {"retain_until": problem})
    patient.retain_until = until
    session.flush()
    audit.record(
        session,
        actor,
        Event.RETENTION_CHANGED,
        patient_id=patient.id,
        hcp_id=patient.hcp_id,
        until=until.isoformat() if until else "the site's rule",
    )


def retain_until(session: Session, patients: Sequence[Patient], years: int) -> dict[UUID, date]:
    """The day of each: the one that was set, or so many years after the last thing that happened.

    That is a saved form, an opened, closed or withdrawn case, or the enrolment.
    """
    ids = [patient.id for patient in patients if patient.retain_until is None]
    last = {patient.id: patient.created_at for patient in patients}
    rows = session.execute(
        select(Case.patient_id, Case.created_at, Case.closed_at, Case.withdrawn_at, _saved()).where(
            Case.patient_id.in_(ids)
        )
    )
    for patient_id, *times in rows:
        last[patient_id] = max(last[patient_id], *(one for one in times if one))
    return {
        patient.id: patient.retain_until or later(last[patient.id].date(), years)
        for patient in patients
    }


def is_due(years: int) -> ColumnElement[bool]:
    """For a query over patients: whose day has come."""
    return _is_due(ended_before(years))


def ended_before(years: int) -> datetime:
    """If nothing has happened since then, the site's rule says to look at a patient now."""
    return datetime.combine(earlier(clock.today(), years), time.max, UTC)


def _is_due(before: datetime | BindParameter[datetime]) -> ColumnElement[bool]:
    recent = exists().where(
        Case.patient_id == Patient.id,
        or_(
            Case.created_at > before,
            Case.closed_at > before,
            Case.withdrawn_at > before,
            exists().where(Record.case_id == Case.id, Record.saved_at > before).correlate(Case),
        ),
    )
    by_rule = and_(Patient.retain_until.is_(None), Patient.created_at <= before, ~recent)
    return or_(Patient.retain_until <= this_day(), by_rule)


@cache
def count_due() -> AnyQuery:
    """For Home: of the centres that I manage. Takes `ended_before`, too."""
    before = bindparam("ended_before", type_=UtcDateTime())
    return (
        select(func.count().label("patients"))
        .select_from(Patient)
        .where(Patient.hcp_id.in_(me.MANAGED), is_open_to_me(), _is_due(before))
    )


def later(day: date, years: int) -> date:
    """The same day so many years on; 1 March where there is no 29 February."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return date(day.year + years, 3, 1)


def earlier(day: date, years: int) -> date:
    """The last day whose `later` is not after this one."""
    try:
        return day.replace(year=day.year - years)
    except ValueError:
        return date(day.year - years, 2, 28)


def _saved() -> ScalarSelect[datetime]:
    newest = select(func.max(Record.saved_at, type_=Record.saved_at.type))
    return newest.where(Record.case_id == Case.id).correlate(Case).scalar_subquery()
