"""Stop what goes on with a case, because it or its consent was withdrawn, and end who sees it."""

from typing import Any
from uuid import UUID

from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.orm import Session

from cpms_core.actor import Actor
from cpms_core.cases.models import Case, CaseShare
from cpms_core.cases.scope import case_subject, end_share
from cpms_core.panels.models import ConsultationRequest, Panel, PanelErn, PanelMember
from cpms_core.panels.moves import take
from cpms_core.panels.scope import PanelScope, RequestScope, renew_share
from cpms_core.panels.stages import ENDED
from cpms_core.patients.consent_rules import covers


class GoingOn(Struct, frozen=True):
    """What of some cases has not ended."""

    requests: tuple[ConsultationRequest, ...]
    panels: tuple[Panel, ...]


def going_on(session: Session, *where: Any) -> GoingOn:
    """Of the cases that fit: requests that wait or were returned, and panels that are open."""
    request = ConsultationRequest
    return GoingOn(
        tuple(
            session.scalars(
                select(request)
                .join(Case, Case.id == request.case_id)
                .where(request.state.in_(("submitted", "returned")), *where)
                .order_by(request.submitted_at)
            )
        ),
        tuple(
            session.scalars(
                select(Panel)
                .join(Case, Case.id == Panel.case_id)
                .where(Panel.stage.not_in([str(stage) for stage in ENDED]), *where)
                .order_by(Panel.number)
            )
        ),
    )


def stop_for_withdrawal(session: Session, actor: Actor, case_id: UUID) -> None:
    """Open requests and panels of the case end as withdrawn; the caller has asked who may."""
    case = session.get_one(Case, case_id)
    stop(session, actor, case, going_on(session, Case.id == case_id))


def stop_beyond_consent(session: Session, actor: Actor, case: Case) -> None:
    """The same for those of ERNs that the consent for care, as it is now, does not reach."""
    found = going_on(session, Case.id == case.id)
    consents = case.patient.consents
    beyond = GoingOn(
        tuple(one for one in found.requests if not covers(consents, "text", one.ern_id)),
        tuple(one for one in found.panels if not covers(consents, "text", one.ern_id)),
    )
    stop(session, actor, case, beyond)


def stop(session: Session, actor: Actor, case: Case, stopped: GoingOn) -> None:
    subject = case_subject(session, actor, case)
    for request in stopped.requests:
        take(session, actor, RequestScope(request, case, subject), "withdraw_request")
        end_share(session, case.id, ern_id=request.ern_id)
    for panel in stopped.panels:
        take(session, actor, PanelScope(panel, panel.request, case, subject), "withdraw")
        erns = session.scalars(select(PanelErn.ern_id).where(PanelErn.panel_id == panel.id))
        for ern_id in {panel.ern_id, *erns}:
            end_share(session, case.id, ern_id=ern_id)
    renew_shares(session, case)


def renew_shares(session: Session, case: Case) -> None:
    """Whoever the consent, as it is now, reaches sees the case; nobody else does any more."""
    session.flush()
    consents = case.patient.consents
    shared = CaseShare.case_id == case.id, CaseShare.ended_at.is_(None)
    erns = session.scalars(select(CaseShare.ern_id).where(*shared, CaseShare.ern_id.is_not(None)))
    for ern_id in set(erns):
        if not covers(consents, "text", ern_id or ""):
            end_share(session, case.id, ern_id=ern_id)
    seated = (
        select(PanelMember.user_id)
        .join(Panel, Panel.id == PanelMember.panel_id)
        .where(Panel.case_id == case.id)
    )
    for user_id in set(session.scalars(seated)):
        renew_share(session, case.id, user_id)
