"""All patients of the own centres: found, narrowed, sorted, page by page; and likely doubles."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any
from uuid import UUID

from msgspec import Struct
from msgspec.structs import asdict
from sqlalchemy import ColumnElement, and_, exists, func, or_, select
from sqlalchemy.orm import Session, selectinload

from cpms_core import audit
from cpms_core.actor import Actor, Role
from cpms_core.audit import Event
from cpms_core.cases.centre import PatientRow, patient_row
from cpms_core.cases.models import Case
from cpms_core.cases.retention import is_due, retain_until
from cpms_core.clock import clock
from cpms_core.patients.models import Consent, ConsentReceipt, Patient, SealedIdentity
from cpms_core.patients.team import is_open_to, own_centres

PAGE = 50
SHOWS: Mapping[str, str] = {
    "": "All",
    "no_consent": "Without the consent for care",
    "no_case": "Without a case",
    "open": "With an open case",
    "restricted": "Restricted to a care team",
    "ask_again": "To be asked again",
    "due": "To look at: the time of keeping is over",
}
SORTS: Mapping[str, str] = {
    "newest": "Enrolled last",
    "oldest": "Enrolled first",
    "pseudonym": "Pseudonym",
}


class Wish(Struct, frozen=True, kw_only=True):
    text: str = ""
    """A part of the pseudonym, or the code of a receipt."""
    shows: str = ""
    sort: str = "newest"
    page: int = 1


class Row(PatientRow, frozen=True, kw_only=True):
    state: str
    """What stands out here, for a badge: restricted, to look at."""
    open_cases: int
    retain_until: date


class Pair(Struct, frozen=True, kw_only=True):
    """Two enrolments under one name and birth date."""

    first_id: UUID
    first: str
    second_id: UUID
    second: str
    centre: str


class PatientList(Struct, frozen=True, kw_only=True):
    rows: tuple[Row, ...]
    count: int
    page: int
    last: int
    pairs: tuple[Pair, ...]
    """For managers only."""


def read_patients(session: Session, actor: Actor, wish: Wish, years: int) -> PatientList:
    """`years` are those of the site's rule of how long data are kept; audited."""
    for centre in own_centres(session, actor):
        audit.record(session, actor, Event.CENTRE_READ, hcp_id=centre.id, page=wish.page)
    wanted = select(Patient).where(is_open_to(actor), *_wanted(wish, years))
    count = session.scalar(select(func.count()).select_from(wanted.subquery())) or 0
    last = max(1, -(-count // PAGE))
    page = min(wish.page, last)
    patients = session.scalars(
        wanted.order_by(*_order(wish.sort))
        .limit(PAGE)
        .offset((page - 1) * PAGE)
        .options(selectinload(Patient.consents), selectinload(Patient.hcp))
    ).all()
    return PatientList(
        rows=_rows(session, patients, years),
        count=count,
        page=page,
        last=last,
        pairs=doubles(session, actor),
    )


def doubles(session: Session, actor: Actor) -> tuple[Pair, ...]:
    """Of the centres the actor manages: who may be the same person, by the hidden identity."""
    managed = actor.centres(Role.CENTRE_MANAGER)
    if not managed:
        return ()
    twice = (
        select(SealedIdentity.hcp_id, SealedIdentity.search_digest)
        .join(Patient, Patient.id == SealedIdentity.patient_id)
        .where(SealedIdentity.hcp_id.in_(managed), is_open_to(actor))
        .group_by(SealedIdentity.hcp_id, SealedIdentity.search_digest)
        .having(func.count() > 1)
        .subquery()
    )
    rows = session.execute(
        select(SealedIdentity.search_digest, Patient)
        .join(Patient, Patient.id == SealedIdentity.patient_id)
        .join(
            twice,
            and_(
                twice.c.hcp_id == SealedIdentity.hcp_id,
                twice.c.search_digest == SealedIdentity.search_digest,
            ),
        )
        .where(is_open_to(actor))
        .order_by(SealedIdentity.search_digest, Patient.created_at)
        .options(selectinload(Patient.hcp))
    )
    pairs: list[Pair] = []
    before: tuple[bytes, Patient] | None = None
    for digest, patient in rows:
        if before and before[0] == digest and before[1].hcp_id == patient.hcp_id:
            pairs.append(_pair(before[1], patient))
        else:
            before = (digest, patient)
    return tuple(pairs)


def _pair(first: Patient, second: Patient) -> Pair:
    return Pair(
        first_id=first.id,
        first=first.pseudonym,
        second_id=second.id,
        second=second.pseudonym,
        centre=first.hcp.name,
    )


def _wanted(wish: Wish, years: int) -> Iterable[ColumnElement[bool]]:
    if wish.text:
        receipt = exists().where(
            Consent.patient_id == Patient.id,
            ConsentReceipt.consent_id == Consent.id,
            ConsentReceipt.code == wish.text.upper(),
        )
        yield or_(Patient.pseudonym.icontains(wish.text, autoescape=True), receipt)
    care = exists().where(
        Consent.patient_id == Patient.id, Consent.kind == "care", Consent.withdrawn_at.is_(None)
    )
    again = exists().where(
        Consent.patient_id == Patient.id,
        Consent.withdrawn_at.is_(None),
        Consent.recontact_on <= clock.today(),
    )
    of_patient = Case.patient_id == Patient.id
    going = (of_patient, Case.closed_at.is_(None), Case.withdrawn_at.is_(None))
    shown: Mapping[str, Any] = {
        "no_consent": ~care,
        "no_case": ~exists().where(of_patient),
        "open": exists().where(*going),
        "restricted": Patient.is_restricted,
        "ask_again": again,
        "due": is_due(years),
    }
    if wish.shows in shown:
        yield shown[wish.shows]


def _order(sort: str) -> tuple[Any, ...]:
    if sort == "pseudonym":
        return (func.lower(Patient.pseudonym), Patient.id)
    if sort == "oldest":
        return (Patient.created_at, Patient.id)
    return (Patient.created_at.desc(), Patient.id.desc())


def _rows(session: Session, patients: Iterable[Patient], years: int) -> tuple[Row, ...]:
    patients = list(patients)
    ids = [patient.id for patient in patients]
    is_open = and_(Case.closed_at.is_(None), Case.withdrawn_at.is_(None))
    counted = session.execute(
        select(Case.patient_id, func.count(), func.count().filter(is_open))
        .where(Case.patient_id.in_(ids))
        .group_by(Case.patient_id)
    )
    counts = {row[0]: (int(row[1]), int(row[2])) for row in counted}
    until = retain_until(session, patients, years)
    return tuple(
        Row(
            **asdict(patient_row(one, counts.get(one.id, (0, 0))[0])),
            state="Restricted" if one.is_restricted else "",
            open_cases=counts.get(one.id, (0, 0))[1],
            retain_until=until[one.id],
        )
        for one in patients
    )
