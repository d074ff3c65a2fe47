"""Find a request or a panel for an actor, and change their rows so that no save is lost.

A case may have several panels; what an actor is on one of them says nothing about another.
"""

from datetime import date, datetime, timedelta
from typing import Any, cast
from uuid import UUID

from msgspec import Struct, structs
from sqlalchemy import ColumnElement, CursorResult, and_, bindparam, exists, or_, select, update
from sqlalchemy.orm import Session

from cpms_core.access import Standing, Subject, ensure, may
from cpms_core.actor import Actor
from cpms_core.cases.models import Case
from cpms_core.cases.scope import end_share, find_case, share_with_expert
from cpms_core.clock import clock
from cpms_core.db import now
from cpms_core.directory.models import Ern
from cpms_core.errors import ConflictError, NotFoundError
from cpms_core.panels.models import (
    ConsultationRequest,
    Contribution,
    Outcome,
    Panel,
    PanelErn,
    PanelMember,
)
from cpms_core.patients.consent_rules import covers
from cpms_core.patients.models import Consent

FASTER = (
    "Somebody else changed this after you opened the page, so nothing of this step was done. "
    "Look at it as it is now, then decide again."
)

_STANDINGS = {
    "lead": Standing.LEAD,
    "member": Standing.MEMBER,
    "observer": Standing.OBSERVER,
}


_NOTHING = Subject()
_NETWORKS = select(PanelErn.ern_id).where(PanelErn.panel_id == bindparam("panel_id"))
_NAMED = (
    select(Ern.name)
    .join(PanelErn, PanelErn.ern_id == Ern.id)
    .where(PanelErn.panel_id == bindparam("panel_id"))
    .order_by(PanelErn.since, PanelErn.ern_id)
)


class RequestScope(Struct, frozen=True):
    request: ConsultationRequest
    case: Case
    subject: Subject
    of_case: Subject = _NOTHING
    """With the actor's standings on every panel of the case; only where the actor was asked for."""


class PanelScope(Struct, frozen=True):
    panel: Panel
    request: ConsultationRequest
    case: Case
    subject: Subject
    """With the actor's standing on this very panel, and the ERNs that share it."""
    of_case: Subject = _NOTHING


def find_request(session: Session, actor: Actor, request_id: UUID, permission: str) -> RequestScope:
    request = session.get(ConsultationRequest, request_id)
    if request is None:
        raise NotFoundError
    scope = find_case(session, actor, request.case_id, "case.summary")
    subject = structs.replace(scope.subject, erns=scope.subject.erns & {request.ern_id})
    ensure(actor, permission, subject, visible=may(actor, "case.summary", subject))
    return RequestScope(request, scope.case, subject, scope.subject)


def find_panel(session: Session, actor: Actor, panel_id: UUID, permission: str) -> PanelScope:
    panel = session.get(Panel, panel_id)
    if panel is None:
        raise NotFoundError
    scope = find_case(session, actor, panel.case_id, "case.summary")
    member = find_member(session, panel.id, actor.user_id)
    standing = standing_of(member)
    subject = structs.replace(
        scope.subject,
        erns=scope.subject.erns & networks_of(session, panel.id),
        on_panel=frozenset({standing} if standing else ()),
    )
    ensure(actor, permission, subject, visible=may(actor, "case.summary", subject))
    return PanelScope(panel, panel.request, scope.case, subject, scope.subject)


def networks_of(session: Session, panel_id: UUID) -> frozenset[str]:
    """The ERN that opened the panel, and those that joined it."""
    return frozenset(session.scalars(_NETWORKS, {"panel_id": panel_id}))


def named_networks(session: Session, panel_id: UUID) -> str:
    """`ERN ITHACA with ERKNet`; whoever opened the panel comes first."""
    return " with ".join(session.scalars(_NAMED, {"panel_id": panel_id}))


def is_of_network(ern_id: Any) -> ColumnElement[bool]:
    """For a query over panels: those this ERN opened or shares."""
    return Panel.id.in_(select(PanelErn.panel_id).where(PanelErn.ern_id == ern_id))


def find_member(session: Session, panel_id: UUID, user_id: UUID) -> PanelMember | None:
    return session.scalar(
        select(PanelMember).where(PanelMember.panel_id == panel_id, PanelMember.user_id == user_id)
    )


def standing_of(member: PanelMember | None) -> Standing | None:
    if member is None or is_over(member.until):
        return None
    if member.state == "invited":
        return Standing.INVITED
    return _STANDINGS[member.role] if member.state == "accepted" else None


def is_over(until: datetime | None) -> bool:
    """Whether a guest's time has ended."""
    return until is not None and until <= clock.now()


def last_day(until: datetime) -> date:
    """A guest's time ends at midnight, UTC, after this day."""
    return (until - timedelta(seconds=1)).date()


def is_in_time() -> ColumnElement[bool]:
    """For a query over panel members: everybody but guests whose time has ended.

    Statements are built once and kept, so the clock is asked whenever one runs.
    """
    return or_(PanelMember.until.is_(None), PanelMember.until > now())


def is_seated() -> ColumnElement[bool]:
    """For a query over panel members: who is asked, or has accepted, and is in time."""
    return and_(PanelMember.state.in_(("invited", "accepted")), is_in_time())


def renew_share(session: Session, case_id: UUID, user_id: UUID) -> None:
    """Let an expert see the case as what they are on its panels now; not at all if on none.

    A guest sees it until the last of the seats ends.
    """
    session.flush()
    members = session.scalars(
        select(PanelMember)
        .join(Panel, Panel.id == PanelMember.panel_id)
        .where(
            Panel.case_id == case_id,
            PanelMember.user_id == user_id,
            is_seated(),
            Panel.stage != "withdrawn",
            Panel.ern_id.in_(covered_erns(session, case_id)),
        )
    ).all()
    held = {standing_of(member) for member in members}
    ends = [member.until for member in members if member.until]
    until = max(ends) if len(ends) == len(members) and ends else None
    for standing in (Standing.LEAD, Standing.MEMBER, Standing.OBSERVER, Standing.INVITED):
        if standing in held:
            share_with_expert(session, case_id, user_id, standing, until)
            return
    end_share(session, case_id, user_id=user_id)


def covered_erns(session: Session, case_id: UUID) -> list[str]:
    """The ERNs with a panel on the case that the consent for care reaches now."""
    consents = session.get_one(Case, case_id).patient.consents
    erns = session.scalars(select(Panel.ern_id).where(Panel.case_id == case_id).distinct())
    return [ern_id for ern_id in erns if covers(consents, "text", ern_id)]


def change(
    session: Session,
    row: ConsultationRequest | Panel | Contribution | Outcome,
    seen: int,
    **values: Any,
) -> None:
    """Set columns if the row is still the version that was seen; ConflictError if it is not."""
    table = type(row)
    session.flush()
    done = session.execute(
        update(table)
        .where(table.id == row.id, table.row_version == seen)
        .values(row_version=seen + 1, **values)
        .execution_options(synchronize_session=False)
    )
    if cast("CursorResult[Any]", done).rowcount != 1:
        raise ConflictError(FASTER)
    session.refresh(row)


def has_consent_of(kind: str) -> ColumnElement[bool]:
    """For a query over cases: whether the patient's consent of this kind is living."""
    return exists().where(
        Consent.patient_id == Case.patient_id, Consent.kind == kind, Consent.withdrawn_at.is_(None)
    )


def is_shown_to_others() -> ColumnElement[bool]:
    """For a query over cases: what `find_case` asks of everybody but the own centre."""
    return and_(Case.withdrawn_at.is_(None), has_consent_of("care"))
