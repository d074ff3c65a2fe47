"""Panels for reports: as values, and as rows of a store."""

import itertools
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from cpms_core import AdviceCount, Aggregates, PanelTimes
from cpms_core.actor import Actor
from cpms_core.panels.models import ConsultationRequest, Contribution, Panel, PanelErn
from tests.factories import make_case, make_user

MONDAY = datetime(2026, 3, 2, 8, tzinfo=UTC)
_numbers = itertools.count(1)


class Counted(Aggregates):
    """What core would lend: these panels, looked at on a day."""

    def __init__(
        self,
        *panels: PanelTimes,
        now: datetime = MONDAY,
        advice: Sequence[AdviceCount] = (),
        reasons: Mapping[str, int] | None = None,
    ) -> None:
        self._panels = panels
        self._now = now
        self._advice = advice
        self._reasons = reasons or {}

    def now(self) -> datetime:
        return self._now

    def panels(self) -> Sequence[PanelTimes]:
        return self._panels

    def coded_counts(self, dataset: str, field: str) -> Mapping[tuple[str, str], int]:
        raise AssertionError((dataset, field))

    def advice(self) -> Sequence[AdviceCount]:
        return self._advice

    def advice_reasons(self) -> Mapping[str, int]:
        return self._reasons


def panel(
    stage: str = "assessment",
    *,
    triage: float | None = None,
    answer: float | None = None,
    outcome: float | None = None,
    paused: float = 0,
    **values: Any,
) -> PanelTimes:
    """A panel submitted on Monday; the times are days from then."""
    submitted_at = values.pop("submitted_at", MONDAY)

    def after(days: float | None) -> datetime | None:
        return None if days is None else submitted_at + timedelta(days=days)

    values = {
        "number": f"ITH-2026-{next(_numbers):04d}",
        "ern": "ERN ITHACA",
        "urgency": "routine",
        "contributors": 0,
        "countries": 0,
        **values,
    }
    values.setdefault("networks", (values["ern"],))
    return PanelTimes(
        stage=stage,
        submitted_at=submitted_at,
        triaged_at=after(triage),
        first_response_at=after(answer),
        closed_at=after(outcome),
        paused_seconds=int(paused * 86_400),
        **values,
    )


def store_panel(
    session: Session,
    lead: Actor,
    stage: str = "assessment",
    *,
    authors: Sequence[Actor] = (),
    closed_after: float | None = None,
    answered_after: float | None = None,
    urgency: str = "routine",
    ern: str = "ithaca",
    submitted_at: datetime = MONDAY,
    **values: Any,
) -> Panel:
    """The same as rows, with a submitter and a case of their own; the times are days."""
    submitter = make_user(session, hcp="CZ01")
    case = make_case(session, _as_actor(submitter), hcp="CZ01")
    request = ConsultationRequest(
        case_id=case.id,
        ern_id=ern,
        question="Which test next?",
        urgency=urgency,
        state="accepted",
        submitted_by=submitter.id,
        submitted_at=submitted_at,
    )
    session.add(request)
    session.flush()

    def after(days: float | None) -> datetime | None:
        return None if days is None else submitted_at + timedelta(days=days)

    row = Panel(
        number=values.pop("number", f"ITH-2026-{next(_numbers):04d}"),
        request_id=request.id,
        case_id=case.id,
        ern_id=ern,
        lead_id=lead.user_id,
        stage=stage,
        stage_at=submitted_at + timedelta(days=1),
        triaged_at=submitted_at + timedelta(hours=6),
        first_response_at=after(answered_after),
        closed_at=after(closed_after),
        **values,
    )
    session.add(row)
    session.flush()
    session.add(PanelErn(panel_id=row.id, ern_id=ern, request_id=request.id))
    for author in (_as_actor(submitter), *authors):
        session.add(Contribution(panel_id=row.id, author_id=author.user_id, text="KBG, I think."))
    session.flush()
    return row


def _as_actor(user: Any) -> Actor:
    return Actor(user_id=user.id, name=user.name, email=user.email, grants=frozenset())
