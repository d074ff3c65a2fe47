"""Who can see a case: the list that every case shows."""

from datetime import datetime

from msgspec import Struct
from sqlalchemy import exists, select, true
from sqlalchemy.orm import Session

from cpms_core.access import Standing
from cpms_core.actor import AT_A_CENTRE, CENTRE_ROLES, ROLE_TITLES, Role
from cpms_core.cases.models import Case, CaseShare
from cpms_core.cases.scope import is_current_share
from cpms_core.clock import clock
from cpms_core.directory.models import Ern, Hcp
from cpms_core.identity.models import RoleGrant, User
from cpms_core.patients.consent_rules import UNNAMED, has_consent, in_words, living
from cpms_core.patients.models import BrokenGlass
from cpms_core.patients.team import on_team

_AS = {
    Standing.LEAD: "leads the panel",
    Standing.MEMBER: "member of the panel",
    Standing.OBSERVER: "observes the panel",
    Standing.INVITED: "invited, has not answered yet",
}


class CaseReader(Struct, frozen=True, kw_only=True):
    """One person, and why this person sees the case."""

    name: str
    role: str
    sees: str
    where: str
    """The centre the person works at."""
    since: datetime


def case_readers(session: Session, case: Case) -> list[CaseReader]:
    """Everybody who sees it now: its own centre, then the ERNs it was sent to, then experts."""
    return [
        *_of_centre(session, case),
        *_in_emergency(session, case),
        *readers_elsewhere(session, case),
    ]


def readers_elsewhere(session: Session, case: Case) -> list[CaseReader]:
    """Those outside its own centre, whom the consent for care lets see it."""
    if case.withdrawn_at or not has_consent(case.patient.consents, "care"):
        return []
    return [*_of_erns(session, case), *_experts(session, case)]


def _of_centre(session: Session, case: Case) -> list[CaseReader]:
    rows = session.execute(
        select(User.name, RoleGrant.role, RoleGrant.granted_at)
        .join(RoleGrant, RoleGrant.user_id == User.id)
        .where(
            RoleGrant.hcp_id == case.hcp_id,
            RoleGrant.role.in_(AT_A_CENTRE),
            User.id.in_(on_team(case.patient_id)) if case.patient.is_restricted else true(),
            RoleGrant.revoked_at.is_(None),
            User.disabled_at.is_(None),
        )
        .order_by(User.name)
    )
    return [
        CaseReader(
            name=name,
            role=ROLE_TITLES[Role(role)],
            sees=_whole(case),
            where=case.hcp.name,
            since=max(since, case.created_at),
        )
        for name, role, since in rows
    ]


def _as_far_as_the_consent_goes(case: Case) -> str:
    care = living(case.patient.consents, "care")
    if care is None or not care.classes or set(care.classes) >= UNNAMED:
        return "the whole case, without who the patient is"
    return f"{', '.join(in_words(care.classes)).lower()}; not who the patient is"


def _whole(case: Case) -> str:
    if case.hcp.is_guest:
        return "everything: it is their own patient"
    if case.patient.is_restricted:
        return "everything: on the patient's care team"
    return "everything: it is their own centre's patient"


def _in_emergency(session: Session, case: Case) -> list[CaseReader]:
    rows = session.execute(
        select(User.name, BrokenGlass.broken_at)
        .join(User, User.id == BrokenGlass.user_id)
        .where(
            BrokenGlass.patient_id == case.patient_id,
            BrokenGlass.opens == "record",
            BrokenGlass.until > clock.now(),
            exists().where(
                RoleGrant.user_id == User.id,
                RoleGrant.hcp_id == case.hcp_id,
                RoleGrant.role.in_(CENTRE_ROLES),
                RoleGrant.revoked_at.is_(None),
            ),
        )
        .order_by(BrokenGlass.broken_at)
    )
    return [
        CaseReader(
            name=name,
            role="opened it in an emergency",
            sees="everything, for an hour",
            where=case.hcp.name,
            since=since,
        )
        for name, since in rows
    ]


def _of_erns(session: Session, case: Case) -> list[CaseReader]:
    rows = session.execute(
        select(User.name, RoleGrant.role, Ern.name, Hcp.name, CaseShare.since)
        .join(Ern, Ern.id == CaseShare.ern_id)
        .join(RoleGrant, RoleGrant.ern_id == Ern.id)
        .join(User, User.id == RoleGrant.user_id)
        .outerjoin(Hcp, Hcp.id == User.hcp_id)
        .where(
            CaseShare.case_id == case.id,
            is_current_share(),
            RoleGrant.role.in_((Role.COORDINATOR, Role.DISPATCHER)),
            RoleGrant.revoked_at.is_(None),
            User.disabled_at.is_(None),
        )
        .order_by(Ern.name, User.name)
    )
    return [
        CaseReader(
            name=name,
            role=f"{ROLE_TITLES[Role(role)]} of {ern}",
            sees="question and summary",
            where=centre or "",
            since=since,
        )
        for name, role, ern, centre, since in rows
    ]


def _experts(session: Session, case: Case) -> list[CaseReader]:
    rows = session.execute(
        select(User.name, CaseShare.standing, Hcp.name, CaseShare.since, CaseShare.until)
        .join(User, User.id == CaseShare.user_id)
        .outerjoin(Hcp, Hcp.id == User.hcp_id)
        .where(CaseShare.case_id == case.id, is_current_share(), User.disabled_at.is_(None))
        .order_by(CaseShare.since)
    )
    return [
        CaseReader(
            name=name,
            role=_AS.get(Standing(standing), standing) + (", as a guest" if until else ""),
            sees=_as_far_as_the_consent_goes(case),
            where=centre or "",
            since=since,
        )
        for name, standing, centre, since, until in rows
    ]
