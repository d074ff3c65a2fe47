"""What the quick workflow leaves with somebody: a panel to answer, or answers to read."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from cpms_core import words
from cpms_core.actor import Actor
from cpms_core.cases.models import Case
from cpms_core.directory.models import Ern, Hcp
from cpms_core.panels.home.waiting import Item
from cpms_core.panels.models import ConsultationRequest, Panel
from cpms_core.panels.panel_columns import clock_columns, clock_of, count_columns, patient_columns
from cpms_core.panels.stages import Stage
from cpms_core.patients.models import Patient
from cpms_core.patients.team import is_open_to

_MOST = 30


def about_quick_panels(session: Session, actor: Actor) -> Iterable[Item]:
    mine = or_(ConsultationRequest.submitted_by == actor.user_id, Case.created_by == actor.user_id)
    for row in _rows(session, Panel.stage == Stage.ANSWERED, mine, is_open_to(actor)):
        yield _item(
            row,
            f"Answered: {row.pseudonym}",
            f"{words.plural(row.answered, 'expert')} answered “{row.question}”",
            "Read and close",
        )
    for row in _rows(session, Panel.stage == Stage.OPEN, Panel.lead_id == actor.user_id):
        who = words.person(row.sex, row.birth_year, row.birth_month)
        yield _item(
            row,
            f"Open to the experts: {row.pseudonym}, {who}",
            f"“{row.question}”",
            "Answer, or invite who can",
        )


def _rows(session: Session, *where: Any) -> Iterable[Any]:
    return session.execute(
        select(
            *(Panel.id, ConsultationRequest.question, Ern.name.label("ern")),
            *clock_columns(),
            *patient_columns(),
            *count_columns(),
        )
        .join(ConsultationRequest, ConsultationRequest.id == Panel.request_id)
        .join(Case, Case.id == Panel.case_id)
        .join(Patient, Patient.id == Case.patient_id)
        .join(Hcp, Hcp.id == Case.hcp_id)
        .join(Ern, Ern.id == Panel.ern_id)
        .where(Panel.workflow == "quick", Case.withdrawn_at.is_(None), *where)
        .order_by(ConsultationRequest.submitted_at)
        .limit(_MOST)
    )


def _item(row: Any, title: str, text: str, action: str) -> Item:
    return Item(
        title=title,
        text=text,
        note=f"{row.ern} · {row.answered} of {row.asked} answered",
        action=action,
        href=f"/panels/{row.id}",
        clock=clock_of(row),
        is_urgent=row.urgency == "urgent",
    )
