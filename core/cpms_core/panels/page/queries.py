"""What the pages of a request and of a panel show."""

from datetime import date, datetime
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import select
from sqlalchemy.orm import Session

from cpms_core import audit
from cpms_core.access import Standing, may
from cpms_core.actor import Actor
from cpms_core.audit import Event
from cpms_core.clock import clock
from cpms_core.identity.models import User
from cpms_core.panels.discussion.question_queries import Questions, read_questions
from cpms_core.panels.discussion.scope import find_discussed
from cpms_core.panels.discussion.timeline import SHOWN, Timeline, read_timeline
from cpms_core.panels.models import ConsultationRequest, Outcome, PanelErn, Position
from cpms_core.panels.outcome.signing import signing_state
from cpms_core.panels.outcome.versions import newest_outcome
from cpms_core.panels.page.checklist import Step, steps_to_outcome
from cpms_core.panels.page.frame import Frame, asked_of, panel_frame, request_frame
from cpms_core.panels.page.members import MemberRow, read_members
from cpms_core.panels.scope import PanelScope, find_panel, find_request
from cpms_core.panels.stages import DISCUSSED
from cpms_core.registry import Registry


class PanelPage(Struct, frozen=True, kw_only=True):
    id: UUID
    scope: PanelScope
    """For services; pages show the rest."""
    frame: Frame
    row_version: int
    timeline: Timeline
    questions: Questions
    members: tuple[MemberRow, ...]
    steps: tuple[Step, ...]
    may: frozenset[str]
    """The permissions of this panel that the reader has."""
    is_invited: bool
    guest_until: date | None
    """The reader's own last day, if the reader is a guest here."""
    has_acceptance: bool
    contributors: int
    is_discussed: bool
    """Whether contributions are taken now."""
    outcome: Outcome | None
    my_position_is_open: bool
    blockers: tuple[str, ...]
    """Why the lead cannot sign yet."""


class RequestPage(Struct, frozen=True, kw_only=True):
    id: UUID
    frame: Frame
    row_version: int
    state: str
    reason: str
    expertise: str
    urgency_reason: str
    submitter: str
    submitter_id: UUID
    submitted_at: datetime
    panel_id: UUID | None
    may_triage: bool


def read_request(
    session: Session, actor: Actor, registry: Registry, request_id: UUID
) -> RequestPage:
    """The question and the summary, which is all an ERN's triage sees of a case."""
    scope = find_request(session, actor, request_id, "case.summary")
    request = scope.request
    panel_id = session.scalar(select(PanelErn.panel_id).where(PanelErn.request_id == request.id))
    asked = asked_of(session, request)
    note_reading(session, actor, request, request.id)
    return RequestPage(
        id=request.id,
        frame=request_frame(session, actor, registry, scope),
        row_version=request.row_version,
        state=request.state,
        reason=request.reason,
        expertise=asked.get("expertise", ""),
        urgency_reason=asked.get("urgency_reason", ""),
        submitter=session.get_one(User, request.submitted_by).name,
        submitter_id=request.submitted_by,
        submitted_at=request.submitted_at,
        panel_id=panel_id,
        may_triage=may(actor, "request.triage", scope.subject),
    )


def read_panel(
    session: Session,
    actor: Actor,
    registry: Registry,
    panel_id: UUID,
    *,
    show: int = SHOWN,
    at: UUID | None = None,
) -> PanelPage:
    """The discussion with all around it; the reading is an audit event."""
    scope = find_panel(session, actor, panel_id, "case.summary")
    note_reading(session, actor, scope.request, panel_id)
    page = _page(session, actor, registry, scope)
    if not may(actor, "case.read", scope.subject):
        return page
    asked = page.questions.all
    timeline = read_timeline(session, registry, scope, actor.user_id, asked, show=show, at=at)
    return replace(page, timeline=timeline)


def read_to_answer(session: Session, actor: Actor, registry: Registry, panel_id: UUID) -> PanelPage:
    """What somebody needs who answers at once; ConflictError if no answer is taken now."""
    scope = find_discussed(session, actor, panel_id)
    note_reading(session, actor, scope.request, panel_id)
    return _page(session, actor, registry, scope)


def panel_page(session: Session, actor: Actor, registry: Registry, panel_id: UUID) -> PanelPage:
    """The same without the discussion and without the event, for a page that records another."""
    scope = find_panel(session, actor, panel_id, "case.summary")
    return _page(session, actor, registry, scope)


def _page(session: Session, actor: Actor, registry: Registry, scope: PanelScope) -> PanelPage:
    panel, panel_id = scope.panel, scope.panel.id
    members = read_members(session, panel_id)
    contributors = sum(one.contributions > 0 for one in members)
    outcome = newest_outcome(session, panel_id)
    is_judged = outcome is not None and outcome.state == "sign_off"
    state = signing_state(session, outcome) if outcome and is_judged else None
    judges = [one for one in state.members if one.role == "member"] if state else []
    silent = sum(one.position == "not answered" for one in judges)
    questions = read_questions(session, actor, scope)
    return PanelPage(
        id=panel_id,
        scope=scope,
        frame=panel_frame(session, actor, registry, scope),
        row_version=panel.row_version,
        timeline=Timeline(shown_at=clock.now()),
        questions=questions,
        members=members,
        steps=steps_to_outcome(
            panel.stage, members, contributors, outcome, silent, questions.waiting
        ),
        may=_granted(actor, scope),
        is_invited=Standing.INVITED in scope.subject.on_panel,
        guest_until=next((one.until for one in members if one.user_id == actor.user_id), None),
        has_acceptance=any(one.state == "accepted" and one.role != "lead" for one in members),
        contributors=contributors,
        is_discussed=panel.stage in DISCUSSED,
        outcome=outcome,
        my_position_is_open=is_judged and _is_asked(session, actor, scope, outcome),
        blockers=state.blockers if state else (),
    )


def _is_asked(session: Session, actor: Actor, scope: PanelScope, outcome: Outcome | None) -> bool:
    """Whether this member has not answered this version yet."""
    if outcome is None or Standing.MEMBER not in scope.subject.on_panel:
        return False
    mine = select(Position.id).where(
        Position.outcome_id == outcome.id, Position.user_id == actor.user_id
    )
    return session.scalar(mine) is None


def _granted(actor: Actor, scope: PanelScope) -> frozenset[str]:
    asked = (
        *("case.read", "panel.invite", "panel.invite_guest", "panel.answer", "panel.contribute"),
        *("panel.steer", "outcome.judge", "outcome.sign"),
    )
    return frozenset(one for one in asked if may(actor, one, scope.subject))


def note_reading(
    session: Session, actor: Actor, request: ConsultationRequest, subject_id: UUID
) -> None:
    audit.record(
        session,
        actor,
        Event.CASE_READ,
        case_id=request.case_id,
        hcp_id=request.case.hcp_id,
        ern_id=request.ern_id,
        subject_id=subject_id,
    )
