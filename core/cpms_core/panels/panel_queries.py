"""What a panel's page shows: the frame, the people, what still stands before a signed outcome."""

from datetime import date, datetime
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from cpms_core import audit, words
from cpms_core.access import Standing, may
from cpms_core.actor import Actor
from cpms_core.audit import Event
from cpms_core.cases.models import Record
from cpms_core.cases.records import newest
from cpms_core.cases.scope import find_case
from cpms_core.directory.areas import area_titles
from cpms_core.directory.models import Country, Ern, Hcp
from cpms_core.identity.models import SecurityKey, User
from cpms_core.panels import request_form, stages
from cpms_core.panels.clocks import Clock, PanelClock, request_clock
from cpms_core.panels.guards import ENOUGH
from cpms_core.panels.models import (
    ConsultationRequest,
    Contribution,
    Outcome,
    Panel,
    PanelMember,
    Position,
)
from cpms_core.panels.outcomes import newest_outcome
from cpms_core.panels.panel_columns import ball_of, count_columns
from cpms_core.panels.scope import PanelScope, find_panel, find_request, is_over, last_day
from cpms_core.panels.signing import signing_state
from cpms_core.panels.stages import Stage
from cpms_core.panels.timeline import Entry, initials_of, read_timeline
from cpms_core.patients.service import has_consent
from cpms_core.registry import Registry

_SEATED = {"invited", "accepted"}


class Frame(Struct, frozen=True, kw_only=True):
    """What stands above every page of a request or panel."""

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


class MemberRow(Struct, frozen=True, kw_only=True):
    user_id: UUID
    name: str
    initials: str
    centre: str
    city: str
    country: str
    role: str
    state: str
    """As it is stored, or `ended` for a guest whose time is over."""
    contributions: int
    until: date | None = None
    """The last day of a guest."""
    has_key: bool = True

    @property
    def is_seated(self) -> bool:
        return self.state in _SEATED


class Step(Struct, frozen=True, kw_only=True):
    """A line of “To a signed outcome”."""

    text: str
    state: str
    """done, current, open."""
    note: str = ""


class PanelPage(Struct, frozen=True, kw_only=True):
    id: UUID
    frame: Frame
    row_version: int
    entries: tuple[Entry, ...]
    members: tuple[MemberRow, ...]
    steps: tuple[Step, ...]
    may: frozenset[str]
    """The permissions of this panel that the reader has."""
    is_invited: bool
    guest_until: date | None
    """The reader's own last day, if the reader is a guest here."""
    has_acceptance: bool
    contributors: int
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
    panel_id = session.scalar(select(Panel.id).where(Panel.request_id == request.id))
    asked = _asked(session, request)
    clock = request_clock(
        request.state,
        request.urgency,
        request.submitted_at,
        request.decided_at,
        request.paused_seconds,
    )
    _note_reading(session, actor, request, request.id)
    return RequestPage(
        id=request.id,
        frame=_frame(session, actor, registry, request, clock, None),
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


def read_panel(session: Session, actor: Actor, registry: Registry, panel_id: UUID) -> PanelPage:
    """The discussion with all around it; the reading is an audit event."""
    scope = find_panel(session, actor, panel_id, "case.summary")
    _note_reading(session, actor, scope.request, panel_id)
    page = panel_page(session, actor, registry, panel_id)
    if not may(actor, "case.read", scope.subject):
        return page
    entries = read_timeline(session, registry, scope, actor.user_id)
    return replace(page, entries=entries)


def panel_page(session: Session, actor: Actor, registry: Registry, panel_id: UUID) -> PanelPage:
    """The same without the discussion and without the event, for a page that records another."""
    scope = find_panel(session, actor, panel_id, "case.summary")
    panel = scope.panel
    members = read_members(session, panel_id)
    contributors = sum(one.contributions > 0 for one in members)
    outcome = newest_outcome(session, panel_id)
    is_judged = outcome is not None and outcome.state == "sign_off"
    state = signing_state(session, outcome) if outcome and is_judged else None
    asked = [one for one in state.members if one.role == "member"] if state else []
    silent = sum(one.position == "not answered" for one in asked)
    return PanelPage(
        id=panel_id,
        frame=panel_frame(session, actor, registry, scope),
        row_version=panel.row_version,
        entries=(),
        members=members,
        steps=_steps(panel.stage, members, contributors, outcome, silent),
        may=_granted(actor, scope),
        is_invited=Standing.INVITED in scope.subject.on_panel,
        guest_until=next((one.until for one in members if one.user_id == actor.user_id), None),
        has_acceptance=any(one.state == "accepted" and one.role != "lead" for one in members),
        contributors=contributors,
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


def read_members(session: Session, panel_id: UUID) -> tuple[MemberRow, ...]:
    """Everybody who was asked, also who declined or left, or whose time has ended."""
    given = (
        select(func.count())
        .where(Contribution.panel_id == panel_id, Contribution.author_id == PanelMember.user_id)
        .scalar_subquery()
    )
    rows = session.execute(
        select(
            *(PanelMember.user_id, PanelMember.role, PanelMember.state, PanelMember.until),
            *(User.name, exists().where(SecurityKey.user_id == User.id).label("has_key")),
            *(Hcp.name.label("centre"), Hcp.city, Country.name.label("country")),
            given.label("contributions"),
        )
        .join(User, User.id == PanelMember.user_id)
        .outerjoin(Hcp, Hcp.id == User.hcp_id)
        .outerjoin(Country, Country.id == Hcp.country_id)
        .where(PanelMember.panel_id == panel_id)
        .order_by(PanelMember.invited_at, PanelMember.id)
    )
    return tuple(
        MemberRow(
            user_id=row.user_id,
            name=row.name,
            initials=initials_of(row.name),
            centre=row.centre or "",
            city=row.city or "",
            country=row.country or "",
            role=row.role,
            state="ended" if row.state in _SEATED and is_over(row.until) else row.state,
            contributions=row.contributions,
            until=last_day(row.until) if row.until else None,
            has_key=bool(row.has_key),
        )
        for row in rows
    )


def panel_frame(session: Session, actor: Actor, registry: Registry, scope: PanelScope) -> Frame:
    panel, request = scope.panel, scope.request
    clock = PanelClock(
        stage=panel.stage,
        stage_at=panel.stage_at,
        urgency=request.urgency,
        submitted_at=request.submitted_at,
        paused_seconds=request.paused_seconds,
        first_response_at=panel.first_response_at,
        closed_at=panel.closed_at,
    ).read()
    return _frame(session, actor, registry, request, clock, panel)


def _frame(
    session: Session,
    actor: Actor,
    registry: Registry,
    request: ConsultationRequest,
    clock: Clock,
    panel: Panel | None,
) -> Frame:
    case_scope = find_case(session, actor, request.case_id, "case.summary")
    case, patient = case_scope.case, case_scope.case.patient
    areas = area_titles(session, registry, request.ern_id)
    return Frame(
        case_id=case.id,
        ern_id=request.ern_id,
        ern=session.get_one(Ern, request.ern_id).name,
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
        ball=_ball(session, panel) if panel else "",
        consents=tuple(
            (kind, has_consent(patient.consents, kind)) for kind in ("care", "face_photos")
        ),
        question=request.question,
        summary=_asked(session, request).get("summary", ""),
        may_open_case=may(actor, "case.read", case_scope.subject),
    )


def _ball(session: Session, panel: Panel) -> str:
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


def _asked(session: Session, request: ConsultationRequest) -> dict[str, str]:
    record: Record | None = newest(session, request.case_id, request_form.KEY)
    return dict(record.data) if record else {}


def _granted(actor: Actor, scope: PanelScope) -> frozenset[str]:
    asked = (
        *("case.read", "panel.invite", "panel.invite_guest", "panel.answer", "panel.contribute"),
        *("panel.steer", "outcome.judge", "outcome.sign"),
    )
    return frozenset(one for one in asked if may(actor, one, scope.subject))


def _steps(
    stage: str,
    members: tuple[MemberRow, ...],
    contributors: int,
    outcome: Outcome | None,
    silent: int,
) -> tuple[Step, ...]:
    seated = [one for one in members if one.is_seated]
    waiting = sum(one.state == "invited" for one in seated)
    countries = {one.country for one in members if one.contributions and one.country}
    is_drafted = bool(outcome and outcome.draft)
    is_put = stage in {Stage.SIGN_OFF, Stage.CLOSED, Stage.ARCHIVED}
    is_signed = stage in {Stage.CLOSED, Stage.ARCHIVED}
    given = words.plural(contributors, "contribution")
    # Guests of a panel work at no centre here.
    places = f" from {words.plural(len(countries), 'country', 'countries')}" if countries else ""
    lines = [
        (
            f"Panel of {len(seated)}, lead named",
            len(seated) > 1,
            f"{words.plural(waiting, 'invitation')} not answered yet" if waiting else "",
        ),
        (
            f"{given}{places}" if contributors else "Two contributions",
            contributors >= ENOUGH,
            "counts for the network's indicators" if contributors >= ENOUGH else "two are needed",
        ),
        ("Outcome drafted", is_drafted, ""),
        (
            "Members agree or remark",
            is_put and (not silent or is_signed),
            f"{words.plural(silent, 'answer')} missing" if silent and not is_signed else "",
        ),
        ("Lead signs with the security key", is_signed, ""),
    ]
    current = next((place for place, line in enumerate(lines) if not line[1]), -1)
    return tuple(
        Step(
            text=text,
            state="done" if done else "current" if place == current else "open",
            note=note,
        )
        for place, (text, done, note) in enumerate(lines)
    )


def _note_reading(
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
