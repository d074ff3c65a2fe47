"""Whom a question of a panel waits for: the centre that asked, or a lead who decides on waiting."""

from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, case, select
from sqlalchemy.orm import aliased

from cpms_core import me, words
from cpms_core.cases.models import Case
from cpms_core.directory.models import Ern, Hcp
from cpms_core.identity.models import User
from cpms_core.panels.clock.clocks import Clock
from cpms_core.panels.discussion.models import PanelQuestion
from cpms_core.panels.home.waiting import Item, Part, Reader
from cpms_core.panels.models import ConsultationRequest, Panel
from cpms_core.panels.scope import is_shown_to_others
from cpms_core.panels.stages import ENDED
from cpms_core.patients.models import Patient
from cpms_core.patients.team import is_open_to_me
from cpms_core.rows import AnyQuery

_MOST = 30


@cache
def _asked() -> AnyQuery:
    """First what a panel waits for, and what is asked of this very person."""
    return _open(is_open_to_me())


@cache
def _asking_to_wait() -> AnyQuery:
    return _open(
        Panel.lead_id == me.ID,
        PanelQuestion.asks_to_wait.is_(True),
        PanelQuestion.is_blocking.is_(False),
        is_shown_to_others(),
    )


def _open(*where: ColumnElement[bool]) -> AnyQuery:
    submitter = aliased(User)
    is_own = case((ConsultationRequest.submitted_by == me.ID, 1), else_=0)
    return (
        select(
            *(PanelQuestion.id, PanelQuestion.text, PanelQuestion.asked_at),
            *(PanelQuestion.is_blocking, Panel.id.label("panel_id"), Panel.case_id),
            *(ConsultationRequest.urgency, Ern.name.label("ern"), Patient.pseudonym),
            *(User.name.label("asker"), submitter.name.label("submitter"), is_own.label("is_own")),
        )
        .join(Panel, Panel.id == PanelQuestion.panel_id)
        .join(ConsultationRequest, ConsultationRequest.id == Panel.request_id)
        .join(Case, Case.id == Panel.case_id)
        .join(Patient, Patient.id == Case.patient_id)
        .join(Hcp, Hcp.id == Case.hcp_id)
        .join(Ern, Ern.id == Panel.ern_id)
        .join(User, User.id == PanelQuestion.asked_by)
        .join(submitter, submitter.id == ConsultationRequest.submitted_by)
        .where(
            PanelQuestion.state == "open",
            Panel.stage.not_in([str(stage) for stage in ENDED]),
            Case.withdrawn_at.is_(None),
            *where,
        )
        .order_by(is_own.desc(), PanelQuestion.is_blocking.desc(), PanelQuestion.asked_at)
        .limit(_MOST)
    )


def _question_item(row: Any, _: Reader) -> Item:
    whom = "you" if row.is_own else row.submitter
    waits = "The clock stands still until it is answered" if row.is_blocking else ""
    return Item(
        title=f"The panel asks {whom}: {row.pseudonym}",
        text=f"“{row.text}”",
        note=" · ".join(filter(None, (row.ern, row.asker, waits))),
        action="Answer",
        href=f"/cases/{row.case_id}#q-{row.id}",
        clock=_clock(row),
        is_urgent=row.urgency == "urgent" and row.is_blocking,
    )


def _waiting_item(row: Any, _: Reader) -> Item:
    return Item(
        title=f"{row.asker} would wait for the submitter: {row.pseudonym}",
        text=f"“{row.text}”",
        note=f"{row.ern} · the submitter has the question; the clock still runs",
        action="Decide",
        href=f"/panels/{row.panel_id}/questions#q-{row.id}",
        clock=_clock(row),
        is_urgent=row.urgency == "urgent",
    )


def _clock(row: Any) -> Clock:
    """Late it is for nobody: the time of the submitter is counted apart."""
    asked = f"asked {words.since(row.asked_at)} ago"
    return Clock(state="soon" if row.is_blocking else "", words=asked)


PARTS = (
    Part(_asked, _question_item, "question.answer"),
    Part(_asking_to_wait, _waiting_item, "panel.steer"),
)
