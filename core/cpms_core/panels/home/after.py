"""What waits after an outcome: questions to who asked, and to who reopens; what became of it."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from cpms_core import words
from cpms_core.actor import Actor, Role
from cpms_core.cases.models import Case
from cpms_core.clock import clock
from cpms_core.directory.models import Ern
from cpms_core.identity.absence import absent_for
from cpms_core.identity.models import User
from cpms_core.panels.after.follow_up import SAID, Asked, asked_about
from cpms_core.panels.after.follow_up_plan import KINDS
from cpms_core.panels.after.models import FollowUp, FollowUpAnswer, Reopening
from cpms_core.panels.clock.clocks import Clock
from cpms_core.panels.home.waiting import Item
from cpms_core.panels.models import ConsultationRequest, Panel, PanelErn, PanelMember
from cpms_core.panels.outcome.versions import newest_signed
from cpms_core.panels.scope import is_in_time, is_shown_to_others
from cpms_core.panels.stages import Stage
from cpms_core.patients.models import Patient
from cpms_core.patients.team import is_open_to

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


def due_follow_ups(session: Session, actor: Actor) -> tuple[Due, ...]:
    """Of cases that the reader sent or answers for, or somebody whom the reader stands in for."""
    whose = {actor.user_id: "", **absent_for(session, actor)}
    found: dict[UUID, Due] = {}
    for row in _due(session, actor, list(whose)):
        follow_up, panel_id = row.FollowUp, row.FollowUp.panel_id
        if panel_id in found:
            continue  # an older question about the same patient
        owner = row.created_by if row.created_by in whose else row.submitted_by
        found[panel_id] = Due(
            pseudonym=row.pseudonym,
            ern=row.ern,
            number=row.number,
            whose=whose[owner],
            asked=asked_about(session, follow_up, newest_signed(session, panel_id)),
        )
    return tuple(found.values())


def about_reopenings(session: Session, actor: Actor) -> Iterable[Item]:
    """For the lead, and for whoever triages for the panel's networks."""
    shared = select(PanelErn.panel_id).where(
        PanelErn.ern_id.in_(actor.erns(Role.COORDINATOR, Role.DISPATCHER))
    )
    rows = session.execute(
        select(
            *(Reopening.reason, Reopening.asked_at, Panel.id, Panel.number),
            *(User.name, Ern.name.label("ern"), Patient.pseudonym),
        )
        .join(Panel, Panel.id == Reopening.panel_id)
        .join(User, User.id == Reopening.asked_by)
        .join(Ern, Ern.id == Panel.ern_id)
        .join(Case, Case.id == Panel.case_id)
        .join(Patient, Patient.id == Case.patient_id)
        .where(
            Reopening.state == "asked",
            Panel.stage == Stage.CLOSED,
            or_(Panel.lead_id == actor.user_id, Panel.id.in_(shared)),
            is_shown_to_others(),
        )
        .order_by(Reopening.asked_at)
        .limit(_MOST)
    )
    for row in rows:
        yield Item(
            title=f"Reopen the panel? {row.pseudonym}",
            text=f"“{row.reason}”",
            note=f"{row.name} has something new · {row.ern} · {row.number}",
            action="Decide",
            href=f"/panels/{row.id}/outcome#reopening",
            clock=Clock(state="soon", words=f"waiting {words.since(row.asked_at)}"),
        )


def what_became(session: Session, actor: Actor) -> tuple[Became, ...]:
    """Newest first, one line for each panel."""
    rows = session.execute(
        select(FollowUp, Patient.pseudonym, Ern.name.label("ern"))
        .join(Panel, Panel.id == FollowUp.panel_id)
        .join(Ern, Ern.id == Panel.ern_id)
        .join(Case, Case.id == Panel.case_id)
        .join(Patient, Patient.id == Case.patient_id)
        .join(PanelMember, PanelMember.panel_id == Panel.id)
        .where(
            FollowUp.answered_at.is_not(None),
            PanelMember.user_id == actor.user_id,
            PanelMember.state == "accepted",
            PanelMember.role != "observer",
            is_in_time(),
            is_shown_to_others(),
        )
        .order_by(FollowUp.answered_at.desc())
        .limit(3 * _MOST)
    ).all()
    newest = {row.FollowUp.panel_id: row for row in reversed(rows)}
    told = sorted(newest.values(), key=lambda row: row.FollowUp.answered_at, reverse=True)[:_MOST]
    summaries = _summaries(session, [row.FollowUp.id for row in told])
    return tuple(_became(row, summaries) for row in told)


def _due(session: Session, actor: Actor, whose: list[UUID]) -> Iterable[Any]:
    """Newest first."""
    return session.execute(
        select(
            *(FollowUp, Patient.pseudonym, Panel.number, Ern.name.label("ern")),
            *(Case.created_by, ConsultationRequest.submitted_by),
        )
        .join(Panel, Panel.id == FollowUp.panel_id)
        .join(ConsultationRequest, ConsultationRequest.id == Panel.request_id)
        .join(Ern, Ern.id == Panel.ern_id)
        .join(Case, Case.id == Panel.case_id)
        .join(Patient, Patient.id == Case.patient_id)
        .where(
            FollowUp.state == "planned",
            FollowUp.due_on <= clock.today(),
            Panel.stage == Stage.CLOSED,
            Case.withdrawn_at.is_(None),
            is_open_to(actor),
            or_(ConsultationRequest.submitted_by.in_(whose), Case.created_by.in_(whose)),
        )
        .order_by(FollowUp.due_on.desc())
        .limit(3 * _MOST)
    )


def _summaries(session: Session, ids: list[UUID]) -> dict[UUID, str]:
    said: dict[UUID, list[FollowUpAnswer]] = {}
    for one in session.scalars(
        select(FollowUpAnswer)
        .where(FollowUpAnswer.follow_up_id.in_(ids))
        .order_by(FollowUpAnswer.number)
    ):
        said.setdefault(one.follow_up_id, []).append(one)
    return {key: _in_words(answers) for key, answers in said.items()}


def _in_words(answers: list[FollowUpAnswer]) -> str:
    parts = []
    for key, title in SAID.items():
        those = [one for one in answers if one.said == key]
        why = "; ".join(one.why for one in those if one.why)
        if those:
            parts.append(f"{len(those)} {title.lower()}{f' ({why})' if why else ''}")
    return ", ".join(parts)


def _became(row: Any, summaries: dict[UUID, str]) -> Became:
    one = row.FollowUp
    return Became(
        panel_id=one.panel_id,
        pseudonym=row.pseudonym,
        ern=row.ern,
        told_at=one.answered_at,
        when=KINDS[one.kind],
        summary=summaries.get(one.id, ""),
        note=one.note,
    )
