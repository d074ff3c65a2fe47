"""What the quick workflow leaves with somebody: a panel to answer, or answers to read."""

from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, or_, select

from cpms_core import me, words
from cpms_core.cases.models import Case
from cpms_core.directory.models import Ern, Hcp
from cpms_core.panels.home.waiting import Item, Part, Reader
from cpms_core.panels.models import ConsultationRequest, Panel
from cpms_core.panels.panel_columns import clock_columns, clock_of, count_columns, patient_columns
from cpms_core.panels.stages import Stage
from cpms_core.patients.models import Patient
from cpms_core.patients.team import is_open_to_me
from cpms_core.rows import AnyQuery

_MOST = 30


@cache
def _answered() -> AnyQuery:
    mine = or_(ConsultationRequest.submitted_by == me.ID, Case.created_by == me.ID)
    return _quick(Panel.stage == Stage.ANSWERED, mine, is_open_to_me())


@cache
def _to_answer() -> AnyQuery:
    return _quick(Panel.stage == Stage.OPEN, Panel.lead_id == me.ID)


def _quick(*where: ColumnElement[bool]) -> AnyQuery:
    return (
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


def _answered_item(row: Any, _: Reader) -> Item:
    return _item(
        row,
        f"Answered: {row.pseudonym}",
        f"{words.plural(row.answered, 'expert')} answered “{row.question}”",
        "Read and close",
    )


def _open_item(row: Any, _: Reader) -> Item:
    who = words.person(row.sex, row.birth_year, row.birth_month)
    return _item(
        row,
        f"Open to the experts: {row.pseudonym}, {who}",
        f"“{row.question}”",
        "Answer, or invite who can",
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


PARTS = (Part(_answered, _answered_item, "case.submit"), Part(_to_answer, _open_item))
