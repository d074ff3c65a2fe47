"""What stands above every page of a request or a panel."""

from uuid import UUID

from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.orm import Session

from cpms_core import words
from cpms_core.access import may
from cpms_core.actor import Actor
from cpms_core.cases.models import Record
from cpms_core.cases.records import newest
from cpms_core.directory.areas import area_titles
from cpms_core.directory.models import Ern, Hcp
from cpms_core.identity.models import User
from cpms_core.panels import stages
from cpms_core.panels.clock.clocks import Clock, request_clock
from cpms_core.panels.models import ConsultationRequest, Panel
from cpms_core.panels.panel_columns import ball_of, clock_of_panel, count_columns
from cpms_core.panels.requests import request_form
from cpms_core.panels.scope import PanelScope, RequestScope, named_networks
from cpms_core.patients.consent_rules import is_given
from cpms_core.registry import Registry


class Frame(Struct, frozen=True, kw_only=True):
    case_id: UUID
    ern_id: str
    ern: str
    area: str
    number: str
    pseudonym: str
    person: str
    origin: str
    is_urgent: bool
    stage: str
    stage_title: str
    badge: str
    clock: Clock
    ball: str
    consents: tuple[tuple[str, bool], ...]
    question: str
    summary: str
    may_open_case: bool


_BALL_OF_REQUEST = {"submitted": "triage", "returned": "submitter"}


def panel_frame(session: Session, actor: Actor, registry: Registry, scope: PanelScope) -> Frame:
    clock = clock_of_panel(scope.panel, scope.request)
    return _frame(session, actor, registry, scope, clock, scope.panel)


def request_frame(session: Session, actor: Actor, registry: Registry, scope: RequestScope) -> Frame:
    request = scope.request
    clock = request_clock(request.state, request.due_at, request.decided_at)
    return _frame(session, actor, registry, scope, clock, None)


def _frame(
    session: Session,
    actor: Actor,
    registry: Registry,
    scope: RequestScope | PanelScope,
    clock: Clock,
    panel: Panel | None,
) -> Frame:
    request, case, patient = scope.request, scope.case, scope.case.patient
    areas = area_titles(session, registry, request.ern_id)
    return Frame(
        case_id=case.id,
        ern_id=request.ern_id,
        ern=named_networks(session, panel.id)
        if panel
        else session.get_one(Ern, request.ern_id).name,
        area=areas.get(request.area, request.area),
        number=panel.number if panel else "",
        pseudonym=patient.pseudonym,
        person=words.person(patient.sex, patient.birth_year, patient.birth_month),
        origin=f"{case.hcp.code} {case.hcp.city or case.hcp.name}",
        is_urgent=request.urgency == "urgent",
        stage=panel.stage if panel else request.state,
        stage_title=stages.title(panel.stage) if panel else words.words(request.state),
        badge=stages.badge(panel.stage) if panel else "plain",
        clock=clock,
        ball=ball_with(session, request, panel),
        consents=tuple(
            (kind, is_given(patient.consents, kind)) for kind in ("care", "face_photos")
        ),
        question=request.question,
        summary=asked_of(session, request).get("summary", ""),
        may_open_case=may(actor, "case.read", scope.of_case),
    )


def ball_with(session: Session, request: ConsultationRequest, panel: Panel | None) -> str:
    """Whose turn it is; empty if it is nobody's any more."""
    if panel is None:
        return _BALL_OF_REQUEST.get(request.state, "")
    row = session.execute(
        select(
            *(Panel.stage, Panel.stage_at, User.name.label("lead_name")),
            *(Hcp.city.label("lead_city"), *count_columns()),
        )
        .join(User, User.id == Panel.lead_id)
        .outerjoin(Hcp, Hcp.id == User.hcp_id)
        .where(Panel.id == panel.id)
    ).one()
    return ball_of(row)


def asked_of(session: Session, request: ConsultationRequest) -> dict[str, str]:
    record: Record | None = newest(session, request.case_id, request_form.KEY)
    return dict(record.data) if record else {}
