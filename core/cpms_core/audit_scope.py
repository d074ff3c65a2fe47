"""Whose events a person may see in the audit, and of which cases they are shown the pseudonym."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from msgspec import Struct
from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select, true, union

from cpms_core.actor import CENTRE_ROLES, Actor, Role
from cpms_core.audit import AuditEvent
from cpms_core.cases.finding import readable_by
from cpms_core.cases.models import Case, CaseShare, Record
from cpms_core.cases.scope import is_current_share
from cpms_core.clock import clock
from cpms_core.identity.models import AccessRequest, Recovery, SecurityKey, SignInSession, User
from cpms_core.panels.models import ConsultationRequest
from cpms_core.panels.scope import is_shown_to_others
from cpms_core.patients.models import BrokenGlass, Patient
from cpms_core.patients.team import is_open_to


class Filters(Struct, frozen=True, kw_only=True):
    """Empty means all."""

    case: str = ""
    """A case's id, or a patient's pseudonym."""
    person: str = ""
    """A person's id, or a part of the name or address."""
    kind: str = ""
    """A tag, or the start of several up to a colon."""
    on: date | None = None
    """The day, in UTC."""


def is_visible(actor: Actor) -> ColumnElement[bool]:
    """Everybody their own acts; managers those on their centre, coordinators those on their ERN."""
    return or_(AuditEvent.actor_id == actor.user_id, is_overseen(actor))


def is_overseen(actor: Actor) -> ColumnElement[bool]:
    """What the actor sees whoever did it, and with the pseudonyms."""
    if Role.SYSTEM_ADMIN in actor.roles:
        return true()
    return or_(
        AuditEvent.hcp_id.in_(actor.centres(Role.CENTRE_MANAGER)),
        AuditEvent.ern_id.in_(actor.erns(Role.DISPATCHER, Role.COORDINATOR)),
    )


def is_about_self(actor: Actor) -> ColumnElement[bool]:
    """What others did to the cases this person opened, wrote in or sent; and to the account.

    Cases of centres where the person still works. A key, a session, a request of one's own is the
    account too.
    """
    me = actor.user_id
    wrote = select(Record.case_id).where(Record.author_id == me)
    sent = select(ConsultationRequest.case_id).where(ConsultationRequest.submitted_by == me)
    own = (
        or_(Case.created_by == me, Case.id.in_(wrote), Case.id.in_(sent)),
        Case.patient_id.in_(select(Patient.id).where(is_open_to(actor))),
    )
    by_others = or_(AuditEvent.actor_id.is_(None), AuditEvent.actor_id != me)
    cases = or_(
        AuditEvent.case_id.in_(select(Case.id).where(*own)),
        AuditEvent.patient_id.in_(select(Case.patient_id).where(*own)),
    )
    mine = (SecurityKey, SignInSession, AccessRequest, Recovery)
    things = union(*(select(table.id).where(table.user_id == me) for table in mine))
    account = or_(
        AuditEvent.subject_id == me,
        AuditEvent.subject_id.in_(things),
        and_(AuditEvent.actor_id == me, AuditEvent.tag.startswith("site:session:")),
    )
    return or_(and_(by_others, cases), and_(AuditEvent.tag.startswith("site:"), account))


def wanted_by(actor: Actor, filters: Filters) -> Iterable[ColumnElement[bool]]:
    if filters.kind.endswith(":"):
        yield AuditEvent.tag.startswith(filters.kind, autoescape=True)
    elif filters.kind:
        yield AuditEvent.tag == filters.kind
    if filters.case:
        yield _is_about(actor, filters.case)
    if filters.person:
        # Addresses are for those who manage people: others could try one out, letter by letter.
        manages = bool(actor.roles & {Role.SYSTEM_ADMIN, Role.CENTRE_MANAGER})
        people = _people(filters.person, by_address=manages)
        yield or_(AuditEvent.actor_id.in_(people), AuditEvent.subject_id.in_(people))
    if filters.on:
        start = datetime.combine(filters.on, time(), UTC)
        yield AuditEvent.at >= start
        yield AuditEvent.at < start + timedelta(days=1)


def _is_about(actor: Actor, text: str) -> ColumnElement[bool]:
    """Of the case with this id; or with this pseudonym, where the reader is shown it."""
    if (case_id := _uuid(text)) is not None:
        return AuditEvent.case_id == case_id
    called = (
        select(Case.id)
        .join(Patient, Patient.id == Case.patient_id)
        .where(func.lower(Patient.pseudonym) == text.lower())
    )
    return or_(
        and_(is_overseen(actor), AuditEvent.case_id.in_(called)),
        AuditEvent.case_id.in_(called.where(is_open_case(actor))),
    )


def is_open_case(actor: Actor) -> ColumnElement[bool]:
    """For a query of cases that joins patients: whether the actor could open it now."""
    sent = exists().where(
        CaseShare.case_id == Case.id,
        CaseShare.ern_id.in_(actor.erns(Role.DISPATCHER, Role.COORDINATOR)),
        is_current_share(),
    )
    return or_(readable_by(actor), and_(sent, is_shown_to_others()), has_broken_glass(actor))


def has_broken_glass(actor: Actor) -> ColumnElement[bool]:
    """For a query that joins patients; it counts as long as the actor works at that centre."""
    broken = exists().where(
        BrokenGlass.patient_id == Patient.id,
        BrokenGlass.user_id == actor.user_id,
        BrokenGlass.until > clock.now(),
    )
    return and_(broken, Patient.hcp_id.in_(actor.centres(*CENTRE_ROLES)))


def _people(text: str, *, by_address: bool) -> Sequence[UUID] | Select[UUID]:
    if (user_id := _uuid(text)) is not None:
        return [user_id]
    named = or_(
        User.name.contains(text, autoescape=True),
        func.lower(User.name).contains(text.lower(), autoescape=True),
    )
    has_address = User.email.contains(text.casefold(), autoescape=True)
    return select(User.id).where(or_(named, has_address) if by_address else named)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
