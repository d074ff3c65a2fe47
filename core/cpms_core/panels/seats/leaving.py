"""What somebody leaves behind who loses a role at a centre or the account. Only reads."""

from collections.abc import Iterable, Mapping
from functools import cache
from uuid import UUID

from msgspec import Struct
from sqlalchemy import ColumnElement, exists, func, or_, select
from sqlalchemy.orm import Session, aliased

from cpms_core.access import Subject, may
from cpms_core.actor import AT_A_CENTRE, Actor, Grant, Role
from cpms_core.cases.models import Case
from cpms_core.directory.models import Hcp
from cpms_core.identity.managing import grants_held
from cpms_core.identity.models import User
from cpms_core.panels.models import ConsultationRequest, Panel, PanelMember
from cpms_core.panels.scope import is_seated, networks_of
from cpms_core.panels.seats.leads import choices_of_lead, is_open_panel
from cpms_core.patients.colleagues import Colleague, colleagues, is_there
from cpms_core.patients.models import Patient, TeamMember
from cpms_core.patients.orphans import is_in_charge
from cpms_core.rows import AnyQuery


class LeftCase(Struct, frozen=True, kw_only=True):
    id: UUID
    patient_id: UUID
    pseudonym: str
    is_restricted: bool
    is_returned: bool
    """Whether an ERN has asked something back."""


class LeftCentre(Struct, frozen=True, kw_only=True):
    """What waits for a successor at one centre."""

    hcp_id: UUID
    name: str
    cases: tuple[LeftCase, ...]
    patients: Mapping[UUID, str]
    """Restricted ones of whose team nobody else is left; pseudonyms by id."""
    heirs: tuple[Colleague, ...]
    """Who else works there."""


class LeftPanel(Struct, frozen=True, kw_only=True):
    id: UUID
    number: str
    heirs: Mapping[UUID, str]
    """Who may lead it; empty if its ERN names another lead."""


class Left(Struct, frozen=True, kw_only=True):
    centres: tuple[LeftCentre, ...] = ()
    panels: tuple[LeftPanel, ...] = ()
    """Which the person leads."""
    seats: tuple[UUID, ...] = ()
    """Panels the person is on or invited to, without leading them."""
    sees: frozenset[UUID] = frozenset()
    """Centres whose patients the person goes on seeing."""

    @property
    def is_nothing(self) -> bool:
        """Whether nobody has to look after anything; a seat on a panel simply ends."""
        return not (self.centres or self.panels)


def what_is_left(
    session: Session, actor: Actor, user: User, ending: Iterable[Grant] | None
) -> Left:
    """If these roles end; None stands for the account, an empty list for what has ended already."""
    held = frozenset() if user.disabled_at else grants_held(user)
    staying = frozenset() if ending is None else held - frozenset(ending)
    sees = frozenset(g.hcp_id for g in staying if g.hcp_id and g.role in AT_A_CENTRE)
    leads = any(grant.role is Role.PROFESSIONAL for grant in staying)
    sits = leads or any(grant.role is Role.GUEST for grant in staying)
    return Left(
        centres=tuple(_centres(session, actor, user, sees)),
        panels=() if leads else tuple(_led(session, actor, user)),
        seats=() if sits else _seats(session, user),
        sees=sees,
    )


@cache
def unattended() -> AnyQuery:
    """For Home: whose cases wait for nobody, at the centres that I am in charge of.

    However it came about that they are no longer there.
    """
    return (
        select(User.id, User.name, func.count(Case.id).label("cases"))
        .join(Case, Case.created_by == User.id)
        .where(is_in_charge(Case.hcp_id), *_is_open(), ~is_there(Case.hcp_id, Case.created_by))
        .group_by(User.id, User.name)
        .order_by(User.name)
    )


def _centres(
    session: Session, actor: Actor, user: User, sees: frozenset[UUID]
) -> Iterable[LeftCentre]:
    """Of those whose cases and teams the actor may hand on."""
    cases = _cases(session, user, sees)
    patients = _last_on_team(session, user, sees)
    ids = {*cases, *patients}
    for hcp in session.scalars(select(Hcp).where(Hcp.id.in_(ids)).order_by(Hcp.name)):
        if not may(actor, "patient.new_team", Subject(hcp_id=hcp.id)):
            continue
        yield LeftCentre(
            hcp_id=hcp.id,
            name=hcp.name,
            cases=tuple(cases.get(hcp.id, ())),
            patients=patients.get(hcp.id, {}),
            heirs=tuple(one for one in colleagues(session, hcp.id) if one.id != user.id),
        )


def _cases(session: Session, user: User, sees: frozenset[UUID]) -> dict[UUID, list[LeftCase]]:
    """Open ones that wait for this person, or for nobody once the person is gone."""
    returned = exists().where(
        ConsultationRequest.case_id == Case.id, ConsultationRequest.state == "returned"
    )
    sent_back_to = exists().where(
        ConsultationRequest.case_id == Case.id,
        ConsultationRequest.state == "returned",
        ConsultationRequest.submitted_by == user.id,
    )
    rows = session.execute(
        select(Case, Patient, returned)
        .join(Patient, Patient.id == Case.patient_id)
        .where(
            *_is_open(),
            Case.hcp_id.not_in(sees),
            or_(
                Case.created_by == user.id,
                sent_back_to & ~is_there(Case.hcp_id, Case.created_by),
            ),
        )
        .order_by(Patient.pseudonym)
    )
    found: dict[UUID, list[LeftCase]] = {}
    for case, patient, is_returned in rows:
        left = LeftCase(
            id=case.id,
            patient_id=patient.id,
            pseudonym=patient.pseudonym,
            is_restricted=patient.is_restricted,
            is_returned=bool(is_returned),
        )
        found.setdefault(case.hcp_id, []).append(left)
    return found


def _last_on_team(
    session: Session, user: User, sees: frozenset[UUID]
) -> dict[UUID, dict[UUID, str]]:
    other = aliased(TeamMember)
    others = exists().where(
        other.patient_id == Patient.id,
        other.user_id != user.id,
        other.ended_at.is_(None),
        is_there(Patient.hcp_id, other.user_id).correlate(Patient, other),
    )
    rows = session.execute(
        select(Patient.hcp_id, Patient.id, Patient.pseudonym)
        .join(TeamMember, TeamMember.patient_id == Patient.id)
        .where(
            TeamMember.user_id == user.id,
            TeamMember.ended_at.is_(None),
            Patient.is_restricted,
            Patient.hcp_id.not_in(sees),
            ~others,
        )
        .order_by(Patient.pseudonym)
    )
    found: dict[UUID, dict[UUID, str]] = {}
    for hcp_id, patient_id, pseudonym in rows:
        found.setdefault(hcp_id, {})[patient_id] = pseudonym
    return found


def _led(session: Session, actor: Actor, user: User) -> Iterable[LeftPanel]:
    wanted = select(Panel).where(Panel.lead_id == user.id, is_open_panel()).order_by(Panel.number)
    for panel in session.scalars(wanted):
        is_ours = may(actor, "request.triage", Subject(erns=networks_of(session, panel.id)))
        heirs = choices_of_lead(session, panel) if is_ours else {}
        yield LeftPanel(id=panel.id, number=panel.number, heirs=heirs)


def _seats(session: Session, user: User) -> tuple[UUID, ...]:
    wanted = (
        select(Panel.id)
        .join(PanelMember, PanelMember.panel_id == Panel.id)
        .where(
            PanelMember.user_id == user.id, PanelMember.role != "lead", is_seated(), is_open_panel()
        )
    )
    return tuple(session.scalars(wanted))


def _is_open() -> tuple[ColumnElement[bool], ...]:
    return (Case.closed_at.is_(None), Case.withdrawn_at.is_(None))
