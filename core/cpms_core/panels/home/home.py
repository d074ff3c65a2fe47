"""The home page: what waits for a person, that person's cases, and the year so far."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct
from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session, aliased

from cpms_core import audit, words
from cpms_core.access import could
from cpms_core.actor import Actor
from cpms_core.audit import Event
from cpms_core.cases.models import Case
from cpms_core.clock import clock
from cpms_core.directory.areas import areas_everywhere
from cpms_core.directory.models import Ern, Hcp
from cpms_core.identity.access_request_queries import count_waiting, find_asked_back
from cpms_core.panels import stages
from cpms_core.panels.clock.clocks import Clock, request_clock
from cpms_core.panels.home.after import (
    Became,
    Due,
    about_reopenings,
    due_follow_ups,
    what_became,
)
from cpms_core.panels.home.consents import about_consents
from cpms_core.panels.home.invitations import about_invitations
from cpms_core.panels.home.late import with_late_panels
from cpms_core.panels.home.mentions import about_mentions
from cpms_core.panels.home.patients import about_patients
from cpms_core.panels.home.questions import about_questions
from cpms_core.panels.home.quick import about_quick_panels
from cpms_core.panels.home.waiting import Item, waiting_for
from cpms_core.panels.models import ConsultationRequest, Contribution, Panel, PanelErn
from cpms_core.panels.panel_columns import clock_columns, clock_of, count_columns, patient_columns
from cpms_core.patients.models import Patient
from cpms_core.patients.team import is_open_to
from cpms_core.registry import Registry

_MOST = 30


class MyCase(Struct, frozen=True, kw_only=True):
    href: str
    pseudonym: str
    person: str
    where: str
    stage: str
    badge: str
    clock: Clock
    answered: int
    asked: int


class MyYear(Struct, frozen=True, kw_only=True):
    contributions: int
    cases: int
    countries: int


class HomePage(Struct, frozen=True, kw_only=True):
    waiting: tuple[Item, ...]
    follow_ups: tuple[Due, ...]
    """Questions to the reader about advice that was given."""
    became: tuple[Became, ...]
    """What became of the reader's advice."""
    cases: tuple[MyCase, ...]
    year: MyYear


def read_home(
    session: Session, actor: Actor, registry: Registry, retention_years: int = 15
) -> HomePage:
    audit.record(session, actor, Event.HOME_READ)
    areas = {
        (ern_id, area.key): area.title
        for ern_id, known in areas_everywhere(session, registry).items()
        for area in known
    }
    return HomePage(
        waiting=(
            *about_patients(session, actor),
            *with_late_panels(
                session,
                actor,
                (
                    *about_questions(session, actor),
                    *about_quick_panels(session, actor),
                    *_late_first(
                        (
                            *waiting_for(session, actor),
                            *about_mentions(session, actor),
                            *about_invitations(session, actor, registry),
                            *about_reopenings(session, actor),
                            *_about_access(session, actor),
                            *about_consents(session, actor, retention_years),
                        )
                    ),
                ),
            ),
        ),
        follow_ups=due_follow_ups(session, actor),
        became=what_became(session, actor),
        cases=_my_cases(session, actor, areas),
        year=_my_year(session, actor),
    )


def _about_access(session: Session, actor: Actor) -> Iterable[Item]:
    """What is asked of this person's own request, and the requests of others to decide."""
    for asked in find_asked_back(session, actor):
        waits = f"asked {words.since(asked.since)} ago"
        yield Item(
            title="Your request for access",
            text=f"“{asked.question}”",
            note="It goes on with your answer",
            action="Answer",
            href=f"/access/{asked.id}",
            clock=Clock(state="late" if asked.is_late else "soon", words=waits),
        )
    waiting = count_waiting(session, actor) if could(actor, "access.queue") else None
    if waiting and waiting.since:
        late = f"{words.plural(waiting.late, 'person has', 'people have')} waited too long. "
        yield Item(
            title=f"{words.plural(waiting.count, 'request')} for access",
            text=f"{late if waiting.late else ''}Call each before you say yes.",
            note=f"waiting since {words.day(waiting.since)}",
            action="Decide",
            href="/access/queue",
            clock=Clock(
                state="late" if waiting.late else "", words=f"waiting {words.since(waiting.since)}"
            ),
        )


def _late_first(items: Iterable[Item]) -> Iterable[Item]:
    """After what is urgent; else in the order they come in."""
    return sorted(items, key=lambda item: (not item.is_urgent, item.clock.state != "late"))


def _my_cases(
    session: Session, actor: Actor, areas: Mapping[tuple[str, str], str]
) -> tuple[MyCase, ...]:
    """Cases this person opened or sent, with each request's panel."""
    request = ConsultationRequest
    source, by, other = aliased(ConsultationRequest), aliased(Ern), aliased(PanelErn)
    shared = (
        select(func.min(by.name))
        .join(other, other.ern_id == by.id)
        .where(other.panel_id == Panel.id, other.ern_id != request.ern_id)
        .correlate(Panel, request)
        .scalar_subquery()
    )
    rows = session.execute(
        select(
            *(Panel.id.label("panel_id"), request.state, request.area, request.ern_id),
            *(request.decided_at, Ern.name.label("ern"), request.due_at.label("triage_due_at")),
            *(by.name.label("forwarded_by"), shared.label("shared_with")),
            *clock_columns(),
            *(Case.id.label("case_id"), *patient_columns()),
            *count_columns(),
        )
        .select_from(Case)
        .join(request, request.case_id == Case.id)
        .join(Ern, Ern.id == request.ern_id)
        .join(Patient, Patient.id == Case.patient_id)
        .join(Hcp, Hcp.id == Case.hcp_id)
        .outerjoin(source, and_(source.id == request.forwarded_from, source.state == "forwarded"))
        .outerjoin(by, by.id == source.ern_id)
        .outerjoin(PanelErn, PanelErn.request_id == request.id)
        .outerjoin(Panel, Panel.id == PanelErn.panel_id)
        .where(
            or_(Case.created_by == actor.user_id, request.submitted_by == actor.user_id),
            request.state != "forwarded",  # its successor is told of instead
            or_(Panel.id.is_(None), Panel.request_id == request.id),  # a shared panel once
            is_open_to(actor),
        )
        .order_by(request.submitted_at.desc())
        .limit(_MOST)
    )
    return tuple(_my_case(row, areas) for row in rows)


def _my_case(row: Any, areas: Mapping[tuple[str, str], str]) -> MyCase:
    area = areas.get((row.ern_id, row.area), row.area)
    return MyCase(
        href=_href(row),
        pseudonym=row.pseudonym,
        person=words.person(row.sex, row.birth_year, row.birth_month),
        where=" · ".join(filter(None, (*_networks(row), area))),
        stage=stages.title(row.stage) if row.stage else words.words(row.state),
        badge=stages.badge(row.stage) if row.stage else "plain",
        clock=clock_of(row)
        if row.stage
        else request_clock(row.state, row.triage_due_at, row.decided_at),
        answered=row.answered,
        asked=row.asked,
    )


def _networks(row: Any) -> Iterable[str]:
    yield f"{row.ern} with {row.shared_with}" if row.shared_with else row.ern
    yield f"forwarded by {row.forwarded_by}" if row.forwarded_by else ""


def _href(row: Any) -> str:
    """What has just become of it: the signed outcome, the discussion, or the case itself."""
    if row.panel_id is None:
        return f"/cases/{row.case_id}"
    return f"/panels/{row.panel_id}" + ("/outcome" if row.closed_at else "")


def _my_year(session: Session, actor: Actor) -> MyYear:
    since = _new_year(clock.now())
    row = session.execute(
        select(
            func.count(Contribution.id),
            func.count(Panel.case_id.distinct()),
            func.count(Hcp.country_id.distinct()),
        )
        .join(Panel, Panel.id == Contribution.panel_id)
        .join(Case, Case.id == Panel.case_id)
        .join(Hcp, Hcp.id == Case.hcp_id)
        .where(Contribution.author_id == actor.user_id, Contribution.given_at >= since)
    ).one()
    return MyYear(contributions=row[0], cases=row[1], countries=row[2])


def _new_year(now: datetime) -> datetime:
    return now.replace(month=1, day=1, hour=0, minute=0, second=0, microsecond=0)
