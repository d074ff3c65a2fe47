"""Leave without orphaning anything: successors are named, and all goes over in one transaction.

Cases of a restricted patient stay within the care team; only where nobody of it is left, somebody
new comes on it. A panel of an ERN that is not the actor's waits for a lead on its coordinators'
Home; what nobody at a centre could take over waits on its manager's.
"""

from collections.abc import Iterable, Mapping
from uuid import UUID

from msgspec import Struct
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from cpms_core import audit
from cpms_core.actor import Actor, Grant
from cpms_core.audit import Event
from cpms_core.cases.models import Case
from cpms_core.clock import clock
from cpms_core.errors import ConflictError, InvalidError, NotFoundError
from cpms_core.identity.absence import end_deputyships
from cpms_core.identity.managing import managed_user
from cpms_core.identity.models import User
from cpms_core.identity.people import disable_person
from cpms_core.identity.roles import find_takeable, revoke_role
from cpms_core.panels.models import Panel
from cpms_core.panels.seats.leads import note_panel, set_lead, unseat
from cpms_core.panels.seats.leaving import Left, LeftCase, LeftCentre, what_is_left
from cpms_core.patients.colleagues import is_there
from cpms_core.patients.models import Patient, TeamMember

Heirs = Mapping[str, UUID]
"""Successors by what they take over: `cases-<centre>`, `patients-<centre>`, `lead-<panel>`."""


class Leaving(Struct, frozen=True, kw_only=True):
    """Who leaves what; asked for by the page and again by the act."""

    user: User
    left: Left
    ending: tuple[Grant, ...] | None
    """None for the account."""


def account_ends(session: Session, actor: Actor, user_id: UUID) -> Leaving:
    user = managed_user(session, actor, user_id)
    if user.disabled_at is not None:
        raise ConflictError("This account has ended already; nothing was changed.")
    return Leaving(user=user, left=what_is_left(session, actor, user, None), ending=None)


def role_ends(session: Session, actor: Actor, grant_id: UUID) -> Leaving:
    user, grant = find_takeable(session, actor, grant_id)
    return Leaving(user=user, left=what_is_left(session, actor, user, (grant,)), ending=(grant,))


def has_left(session: Session, actor: Actor, user_id: UUID) -> Leaving:
    """For somebody who is gone already, by the console for instance."""
    user = session.get(User, user_id)
    left = what_is_left(session, actor, user, ()) if user else Left()
    if user is None or not left.centres:
        raise NotFoundError
    return Leaving(user=user, left=left, ending=())


def end_account(session: Session, actor: Actor, user_id: UUID, heirs: Heirs) -> None:
    leaving = account_ends(session, actor, user_id)
    hand_over(session, actor, leaving, heirs)
    end_deputyships(session, user_id)
    disable_person(session, actor, user_id)


def end_role(session: Session, actor: Actor, grant_id: UUID, heirs: Heirs) -> UUID:
    """Whose it was is returned."""
    leaving = role_ends(session, actor, grant_id)
    hand_over(session, actor, leaving, heirs)
    end_deputyships(session, leaving.user.id)
    return revoke_role(session, actor, grant_id)


def hand_over(session: Session, actor: Actor, leaving: Leaving, heirs: Heirs) -> None:
    """All that is left, to the successors; InvalidError names every one who is missing."""
    left, user = leaving.left, leaving.user
    wrong = problems(left, heirs)
    if wrong:
        raise InvalidError("Somebody has to take this over. Nothing was changed yet.", wrong)
    for centre in left.centres:
        _hand_over_patients(session, actor, centre, heirs.get(f"patients-{centre.hcp_id}"))
        _hand_over_cases(session, actor, user, centre, heirs.get(f"cases-{centre.hcp_id}"))
    _leave_teams(session, user, left.sees)
    for led in left.panels:
        if led.heirs:
            set_lead(session, actor, session.get_one(Panel, led.id), heirs[f"lead-{led.id}"])
    for panel_id in left.seats:
        panel = session.get_one(Panel, panel_id)
        unseat(session, panel, user.id)
        note_panel(session, actor, panel, Event.MEMBER_REMOVED, user.id)
    if left.is_nothing and not left.seats:
        return
    audit.record(
        session,
        actor,
        Event.HANDED_OVER,
        subject_id=user.id,
        hcp_id=left.centres[0].hcp_id if left.centres else user.hcp_id,
        cases=sum(len(centre.cases) for centre in left.centres),
        patients=sum(len(centre.patients) for centre in left.centres),
        panels=len(left.panels),
        seats=len(left.seats),
    )


def problems(left: Left, heirs: Heirs) -> dict[str, str]:
    """By field: who is not named, or is nobody who could."""
    wrong = {}
    for name, possible in successors(left):
        if heirs.get(name) not in possible:
            wrong[name] = "Choose who takes this over."
    return wrong


def successors(left: Left) -> Iterable[tuple[str, frozenset[UUID]]]:
    """Every name of `Heirs` that is asked for, and who may be chosen."""
    for centre in left.centres:
        there = frozenset(one.id for one in centre.heirs)
        if not there:
            continue
        if any(not case.is_restricted for case in centre.cases):
            yield f"cases-{centre.hcp_id}", there
        if centre.patients:
            yield f"patients-{centre.hcp_id}", there
    for led in left.panels:
        if led.heirs:
            yield f"lead-{led.id}", frozenset(led.heirs)


def _hand_over_patients(
    session: Session, actor: Actor, centre: LeftCentre, heir: UUID | None
) -> None:
    for patient_id in centre.patients if heir else ():
        session.add(TeamMember(patient_id=patient_id, user_id=heir, added_by=actor.user_id))
        audit.record(
            session,
            actor,
            Event.TEAM_JOINED,
            patient_id=patient_id,
            hcp_id=centre.hcp_id,
            subject_id=heir,
        )
    session.flush()


def _hand_over_cases(
    session: Session, actor: Actor, user: User, centre: LeftCentre, heir: UUID | None
) -> None:
    for case in centre.cases:
        to = _of_team(session, user, case) if case.is_restricted else heir
        if to is None:  # nobody is there: it waits on the manager's Home
            continue
        session.execute(update(Case).where(Case.id == case.id).values(created_by=to))
        audit.record(
            session,
            actor,
            Event.CASE_HANDED_OVER,
            case_id=case.id,
            hcp_id=centre.hcp_id,
            subject_id=to,
        )


def _of_team(session: Session, user: User, case: LeftCase) -> UUID | None:
    """Who has been on the care team longest, of those who stay."""
    return session.scalar(
        select(TeamMember.user_id)
        .join(Patient, Patient.id == TeamMember.patient_id)
        .where(
            TeamMember.patient_id == case.patient_id,
            TeamMember.user_id != user.id,
            TeamMember.ended_at.is_(None),
            is_there(Patient.hcp_id, TeamMember.user_id).correlate(Patient, TeamMember),
        )
        .order_by(TeamMember.since)
        .limit(1)
    )


def _leave_teams(session: Session, user: User, sees: frozenset[UUID]) -> None:
    closed = select(Patient.id).where(Patient.hcp_id.not_in(sees))
    session.execute(
        update(TeamMember)
        .where(
            TeamMember.user_id == user.id,
            TeamMember.ended_at.is_(None),
            TeamMember.patient_id.in_(closed),
        )
        .values(ended_at=clock.now())
    )
