"""What waits after an outcome: questions to who asked, and what became of the advice."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from msgspec import Struct
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from cpms_core import me
from cpms_core.cases.models import Case
from cpms_core.db import this_day
from cpms_core.directory.models import Ern
from cpms_core.identity.absence import is_mine_now
from cpms_core.panels.after.follow_up import SAID, Answers, Asked, answers_to, asked_about
from cpms_core.panels.after.follow_up_plan import KINDS
from cpms_core.panels.after.models import FollowUp, FollowUpAnswer
from cpms_core.panels.home.waiting import Reader
from cpms_core.panels.models import ConsultationRequest, Panel, PanelMember
from cpms_core.panels.outcome.versions import newest_signed_each
from cpms_core.panels.scope import is_in_time, is_shown_to_others
from cpms_core.panels.stages import Stage
from cpms_core.patients.models import Patient
from cpms_core.patients.team import is_open_to_me
from cpms_core.rows import AnyQuery

_MOST = 10


class Due(Struct, frozen=True, kw_only=True):
    """A question to the submitter of a closed panel."""

    pseudonym: str
    ern: str
    number: str
    whose: str
    """For whom the reader stands in; empty if it is the reader's own."""
    asked: Asked


class Became(Struct, frozen=True, kw_only=True):
    """What became of the advice of a panel that the reader was on."""

    panel_id: UUID
    pseudonym: str
    ern: str
    told_at: datetime
    when: str
    summary: str
    """`2 done, 1 not done: no MRI here`."""
    note: str


def read_after(
    session: Session, reader: Reader, due: Sequence[Any], told: Sequence[Any]
) -> tuple[tuple[Due, ...], tuple[Became, ...]]:
    """Of the rows of `due_follow_ups` and `told_follow_ups`: the newest of each panel."""
    due, told = _newest(due), _newest(told)[:_MOST]
    if not due and not told:
        return (), ()
    answers = answers_to(session, [row.id for row in (*due, *told)])
    return _due(session, reader, due, answers), tuple(_became(row, answers) for row in told)


@cache
def due_follow_ups() -> AnyQuery:
    """Newest first; of cases that I sent or answer for, or somebody whom I stand in for."""
    return (
        select(
            *(FollowUp.id, FollowUp.panel_id, FollowUp.kind, FollowUp.due_on, FollowUp.state),
            *(FollowUp.note, Patient.pseudonym, Panel.number, Ern.name.label("ern")),
            *(Case.created_by, ConsultationRequest.submitted_by),
        )
        .join(Panel, Panel.id == FollowUp.panel_id)
        .join(ConsultationRequest, ConsultationRequest.id == Panel.request_id)
        .join(Ern, Ern.id == Panel.ern_id)
        .join(Case, Case.id == Panel.case_id)
        .join(Patient, Patient.id == Case.patient_id)
        .where(
            FollowUp.state == "planned",
            FollowUp.due_on <= this_day(),
            Panel.stage == Stage.CLOSED,
            Case.withdrawn_at.is_(None),
            is_open_to_me(),
            or_(is_mine_now(ConsultationRequest.submitted_by), is_mine_now(Case.created_by)),
        )
        .order_by(FollowUp.due_on.desc())
        .limit(3 * _MOST)
    )


@cache
def told_follow_ups() -> AnyQuery:
    """Newest first; of panels whose advice is mine, too."""
    return (
        select(
            *(FollowUp.id, FollowUp.panel_id, FollowUp.kind, FollowUp.answered_at, FollowUp.note),
            *(Patient.pseudonym, Ern.name.label("ern")),
        )
        .join(Panel, Panel.id == FollowUp.panel_id)
        .join(Ern, Ern.id == Panel.ern_id)
        .join(Case, Case.id == Panel.case_id)
        .join(Patient, Patient.id == Case.patient_id)
        .join(PanelMember, PanelMember.panel_id == Panel.id)
        .where(
            FollowUp.answered_at.is_not(None),
            PanelMember.user_id == me.ID,
            PanelMember.state == "accepted",
            PanelMember.role != "observer",
            is_in_time(),
            is_shown_to_others(),
        )
        .order_by(FollowUp.answered_at.desc())
        .limit(3 * _MOST)
    )


def _newest(rows: Iterable[Any]) -> list[Any]:
    """The first of each panel."""
    found: dict[UUID, Any] = {}
    for row in rows:
        found.setdefault(row.panel_id, row)
    return list(found.values())


def _due(
    session: Session, reader: Reader, rows: Sequence[Any], answers: Answers
) -> tuple[Due, ...]:
    outcomes = newest_signed_each(session, [row.panel_id for row in rows]) if rows else {}
    return tuple(
        Due(
            pseudonym=row.pseudonym,
            ern=row.ern,
            number=row.number,
            whose=reader.for_whom(row.created_by, row.submitted_by) or "",
            asked=asked_about(row, outcomes.get(row.panel_id), answers),
        )
        for row in rows
    )


def _became(row: Any, answers: Answers) -> Became:
    return Became(
        panel_id=row.panel_id,
        pseudonym=row.pseudonym,
        ern=row.ern,
        told_at=row.answered_at,
        when=KINDS[row.kind],
        summary=_in_words(answers.get(row.id, ())),
        note=row.note,
    )


def _in_words(answers: Iterable[FollowUpAnswer]) -> str:
    ordered = sorted(answers, key=lambda one: one.number)
    parts = []
    for key, title in SAID.items():
        those = [one for one in ordered if one.said == key]
        why = "; ".join(one.why for one in those if one.why)
        if those:
            parts.append(f"{len(those)} {title.lower()}{f' ({why})' if why else ''}")
    return ", ".join(parts)
