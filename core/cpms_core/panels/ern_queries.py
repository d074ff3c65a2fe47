"""What an ERN's page shows: requests to triage, and its panels, fifty at a time.

Four statements whatever the page holds; columns only, no objects.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple
from uuid import UUID

from msgspec import Struct
from sqlalchemy import ColumnElement, Label, and_, case, distinct, func, or_, select
from sqlalchemy.orm import Session, aliased

from cpms_core import audit, words
from cpms_core.access import Subject, ensure
from cpms_core.actor import Actor, Role
from cpms_core.audit import Event
from cpms_core.cases.models import Case
from cpms_core.directory.models import Ern, Hcp
from cpms_core.errors import NotFoundError
from cpms_core.identity.models import User
from cpms_core.panels import stages
from cpms_core.panels.models import (
    ConsultationRequest,
    Contribution,
    Outcome,
    Panel,
    PanelMember,
    Position,
)
from cpms_core.panels.scope import is_shown_to_others
from cpms_core.panels.stages import Clock, PanelClock, Stage, request_clock
from cpms_core.patients.models import Patient
from cpms_core.registry import Registry

PAGE = 50
_MOST_TO_TRIAGE = 100
_ENDED = [str(stage) for stage in stages.ENDED]


class TriageRow(Struct, frozen=True, kw_only=True):
    id: UUID
    pseudonym: str
    person: str
    origin: str
    area: str
    question: str
    is_urgent: bool
    clock: Clock
    row_version: int


class PanelRow(Struct, frozen=True, kw_only=True):
    id: UUID
    number: str
    pseudonym: str
    person: str
    area: str
    origin: str
    stage: str
    badge: str
    ball: str
    waits_for_submitter: bool
    is_urgent: bool
    clock: Clock
    answered: int
    asked: int


class ErnPage(Struct, frozen=True, kw_only=True):
    id: str
    name: str
    scope: str
    to_triage: tuple[TriageRow, ...]
    panels: tuple[PanelRow, ...]
    open_count: int
    late_count: int
    found: int
    """Panels that fit the filter, on all pages."""
    page: int
    last: int


class Filter(NamedTuple):
    search: str = ""
    stage: str = ""
    only_late: bool = False


_ALL = Filter()


def my_erns(session: Session, actor: Actor) -> list[tuple[str, str]]:
    """(id, name) of the ERNs whose requests this person handles."""
    ids = actor.erns(Role.COORDINATOR, Role.DISPATCHER)
    rows = session.execute(select(Ern.id, Ern.name).where(Ern.id.in_(ids)).order_by(Ern.name))
    return [(key, name) for key, name in rows]


def read_ern_page(
    session: Session,
    actor: Actor,
    registry: Registry,
    ern_id: str,
    chosen: Filter = _ALL,
    page: int = 1,
) -> ErnPage:
    ern = session.execute(select(Ern.id, Ern.name, Ern.scope).where(Ern.id == ern_id)).one_or_none()
    if ern is None:
        raise NotFoundError
    ensure(actor, "ern.read", Subject(erns=frozenset({ern_id})))
    audit.record(session, actor, Event.ERN_READ, ern_id=ern_id, page=page)
    network = registry.networks.get(ern_id)
    areas = {area.key: area.title for area in network.areas} if network else {}
    running = _open_panels(session, ern_id)
    late = [key for key, clock in running.items() if clock.state == "late"]
    page = max(page, 1)
    where = _fitting(ern_id, chosen, areas, late)
    rows = _panel_rows(session, where, page)
    if not rows and page > 1:
        page, rows = 1, _panel_rows(session, where, 1)
    found = rows[0].found if rows else 0
    return ErnPage(
        id=ern.id,
        name=ern.name,
        scope=ern.scope,
        to_triage=_to_triage(session, ern_id, areas),
        panels=tuple(panel_row(row, areas) for row in rows),
        open_count=len(running),
        late_count=len(late),
        found=found,
        page=page,
        last=max(1, -(-found // PAGE)),
    )


def _to_triage(session: Session, ern_id: str, areas: Mapping[str, str]) -> tuple[TriageRow, ...]:
    request = ConsultationRequest
    rows = session.execute(
        select(
            *(request.id, request.area, request.question, request.urgency, request.state),
            *(request.submitted_at, request.decided_at, request.paused_seconds),
            request.row_version,
            *patient_columns(),
        )
        .join(Case, Case.id == request.case_id)
        .join(Patient, Patient.id == Case.patient_id)
        .join(Hcp, Hcp.id == Case.hcp_id)
        .where(request.ern_id == ern_id, request.state == "submitted", is_shown_to_others())
        .order_by(request.urgency.desc(), request.submitted_at)
        .limit(_MOST_TO_TRIAGE)
    )
    return tuple(triage_row(row, areas) for row in rows)


def triage_row(row: Any, areas: Mapping[str, str]) -> TriageRow:
    return TriageRow(
        id=row.id,
        pseudonym=row.pseudonym,
        person=words.person(row.sex, row.birth_year, row.birth_month),
        origin=origin_of(row),
        area=areas.get(row.area, row.area),
        question=row.question,
        is_urgent=row.urgency == "urgent",
        clock=request_clock(
            row.state, row.urgency, row.submitted_at, row.decided_at, row.paused_seconds
        ),
        row_version=row.row_version,
    )


def _open_panels(session: Session, ern_id: str) -> dict[UUID, Clock]:
    """Every open panel's clock: for the counts, and for who asks for the late ones."""
    rows = session.execute(
        select(Panel.id, *clock_columns())
        .join(ConsultationRequest, ConsultationRequest.id == Panel.request_id)
        .join(Case, Case.id == Panel.case_id)
        .where(Panel.ern_id == ern_id, Panel.stage.not_in(_ENDED), is_shown_to_others())
    )
    return {row.id: clock_of(row) for row in rows}


def _fitting(
    ern_id: str, chosen: Filter, areas: Mapping[str, str], late: list[UUID]
) -> ColumnElement[bool]:
    wanted: list[ColumnElement[bool]] = [Panel.ern_id == ern_id, is_shown_to_others()]
    if chosen.stage in set(Stage):
        wanted.append(Panel.stage == chosen.stage)
    if chosen.only_late:
        wanted.append(Panel.id.in_(late))
    for word in chosen.search.split()[:8]:
        lowered = word.casefold()
        keys = [key for key, name in areas.items() if lowered in name.casefold()]
        texts = (Patient.pseudonym, Panel.number, Hcp.code, Hcp.city, Hcp.name)
        wanted.append(
            or_(
                *(func.lower(text).contains(lowered, autoescape=True) for text in texts),
                ConsultationRequest.area.in_(keys),
            )
        )
    return and_(*wanted)


def _panel_rows(session: Session, where: ColumnElement[bool], page: int) -> list[Any]:
    """Open ones first, the oldest on top; then those that ended, the newest on top."""
    lead, lead_hcp = aliased(User), aliased(Hcp)
    ended = case((Panel.stage.in_(_ENDED), 1), else_=0)
    since = case((Panel.stage.in_(_ENDED), None), else_=ConsultationRequest.submitted_at)
    statement = (
        select(
            *(Panel.id, Panel.number, ConsultationRequest.area),
            *clock_columns(),
            *patient_columns(),
            lead_hcp.city.label("lead_city"),
            lead.name.label("lead_name"),
            *count_columns(),
            func.count().over().label("found"),
        )
        .join(ConsultationRequest, ConsultationRequest.id == Panel.request_id)
        .join(Case, Case.id == Panel.case_id)
        .join(Patient, Patient.id == Case.patient_id)
        .join(Hcp, Hcp.id == Case.hcp_id)
        .join(lead, lead.id == Panel.lead_id)
        .outerjoin(lead_hcp, lead_hcp.id == lead.hcp_id)
        .where(where)
        .order_by(ended, since, Panel.closed_at.desc(), Panel.id)
        .limit(PAGE)
        .offset((page - 1) * PAGE)
    )
    return list(session.execute(statement))


def panel_row(row: Any, areas: Mapping[str, str]) -> PanelRow:
    return PanelRow(
        id=row.id,
        number=row.number,
        pseudonym=row.pseudonym,
        person=words.person(row.sex, row.birth_year, row.birth_month),
        area=areas.get(row.area, row.area),
        origin=origin_of(row),
        stage=stages.title(row.stage),
        badge=stages.badge(row.stage),
        ball=ball_of(row),
        waits_for_submitter=row.stage == Stage.DATA_COMPLETION,
        is_urgent=row.urgency == "urgent",
        clock=clock_of(row),
        answered=row.answered,
        asked=row.asked,
    )


# --- columns and words that other pages' tables share ---


def patient_columns() -> tuple[Any, ...]:
    return (
        Case.id.label("case_id"),
        Patient.pseudonym,
        Patient.sex,
        Patient.birth_year,
        Patient.birth_month,
        Hcp.code,
        Hcp.city,
        Hcp.name.label("centre"),
    )


def clock_columns() -> tuple[Any, ...]:
    return (
        Panel.stage,
        Panel.stage_at,
        ConsultationRequest.urgency,
        ConsultationRequest.submitted_at,
        ConsultationRequest.paused_seconds,
        Panel.first_response_at,
        Panel.closed_at,
    )


def count_columns() -> tuple[Label[int], ...]:
    """Contributors, members that are asked, those invited and silent, positions still open."""
    of_panel = PanelMember.panel_id == Panel.id
    answered = select(func.count(distinct(Contribution.author_id))).where(
        Contribution.panel_id == Panel.id
    )
    members = select(func.count()).select_from(PanelMember).where(of_panel)
    asked = members.where(
        PanelMember.state.in_(("invited", "accepted")), PanelMember.role != "observer"
    )
    invited = members.where(PanelMember.state == "invited")
    judges = members.where(PanelMember.state == "accepted", PanelMember.role == "member")
    judged = (
        select(func.count(Position.id))
        .join(Outcome, Outcome.id == Position.outcome_id)
        .where(Outcome.panel_id == Panel.id, Outcome.state == "sign_off")
    )
    return (
        answered.correlate(Panel).scalar_subquery().label("answered"),
        asked.correlate(Panel).scalar_subquery().label("asked"),
        invited.correlate(Panel).scalar_subquery().label("invited"),
        judges.correlate(Panel).scalar_subquery().label("judges"),
        judged.correlate(Panel).scalar_subquery().label("judged"),
    )


def clock_of(row: Any) -> Clock:
    return PanelClock(
        stage=row.stage,
        stage_at=row.stage_at,
        urgency=row.urgency,
        submitted_at=row.submitted_at,
        paused_seconds=row.paused_seconds,
        first_response_at=row.first_response_at,
        closed_at=row.closed_at,
    ).read()


def origin_of(row: Any) -> str:
    """`FR30 Rennes`."""
    return f"{row.code} {row.city or row.centre}"


def ball_of(row: Any) -> str:
    """With whom the next step lies."""
    lead = f"lead, {row.lead_city or row.lead_name}"
    match Stage(row.stage):
        case Stage.PANEL_SELECTION if row.invited:
            return f"{words.plural(row.invited, 'expert')} invited"
        case Stage.DATA_COMPLETION:
            return f"submitter, {words.since(row.stage_at)}"
        case Stage.SIGN_OFF if row.judges > row.judged:
            return words.plural(row.judges - row.judged, "member")
        case Stage.CLOSED | Stage.ARCHIVED | Stage.WITHDRAWN:
            return "–"  # noqa: RUF001 - the sign tables show for nothing
        case _:
            return lead
