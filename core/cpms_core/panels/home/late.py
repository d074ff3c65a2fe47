"""Late panels on Home: their lead's, once told, and after a while the coordinators' too."""

from collections.abc import Iterable
from functools import cache
from itertools import groupby
from typing import Any

from msgspec import structs
from sqlalchemy import and_, exists, or_, select

from cpms_core import me, words
from cpms_core.actor import Actor, Role
from cpms_core.cases.models import Case
from cpms_core.db import now
from cpms_core.directory.models import Ern, Hcp
from cpms_core.identity.models import User
from cpms_core.panels.clock.escalation import COORDINATORS, LEAD
from cpms_core.panels.home.waiting import Item
from cpms_core.panels.models import ConsultationRequest, Panel, PanelErn
from cpms_core.panels.panel_columns import clock_columns, clock_of, patient_columns
from cpms_core.panels.scope import is_shown_to_others
from cpms_core.patients.models import Patient
from cpms_core.rows import AnyQuery

_MOST, _MOST_EACH = 100, 3


def with_late_panels(actor: Actor, late: Iterable[Any], items: Iterable[Item]) -> tuple[Item, ...]:
    """The items, those about late panels of the actor's own marked; what else is late is on top.

    `late` are the rows of `late_panels`.
    """
    rows = {f"/panels/{row.id}": row for row in late}
    marked, told = [], set()
    for item in items:
        href = "/".join(item.href.split("/")[:3])
        is_late = href in rows and rows[href].lead_id == actor.user_id
        if is_late:
            told.add(href)
        marked.append(structs.replace(item, title=f"Late: {item.title}") if is_late else item)
    new = [row for href, row in rows.items() if href not in told]
    mine = [_item(actor, row) for row in new if row.lead_id == actor.user_id]
    ours = [row for row in new if row.lead_id != actor.user_id]
    return (*mine, *_of_networks(actor, ours), *marked)


def _of_networks(actor: Actor, rows: Iterable[Any]) -> Iterable[Item]:
    """One by one while they are few; else a coordinator's other work would not be seen."""
    mine = actor.erns(Role.COORDINATOR)
    for ern, group in groupby(sorted(rows, key=lambda row: row.ern), lambda row: row.ern):
        late = list(group)
        if len(late) <= _MOST_EACH:
            yield from (_item(actor, row) for row in late)
            continue
        first = late[0]
        so_many = words.plural(len(late), "panel")
        yield Item(
            title=f"Late: {'more than ' if len(late) == _MOST else ''}{so_many}",
            text="Their leads were told, and they are late still.",
            note=ern,
            action="Look at them",
            href=f"/erns/{first.ern_id}?late=1" if first.ern_id in mine else "/erns",
            clock=clock_of(first),
            is_urgent=any(row.urgency == "urgent" for row in late),
        )


@cache
def late_panels() -> AnyQuery:
    is_ours = exists().where(PanelErn.panel_id == Panel.id, PanelErn.ern_id.in_(me.COORDINATED))
    to_me = and_(Panel.lead_id == me.ID, Panel.escalated >= LEAD)
    to_us = and_(is_ours, Panel.escalated >= COORDINATORS)
    return (
        select(
            *(Panel.id, Panel.number, Panel.lead_id, User.name.label("lead_name")),
            *(ConsultationRequest.question, Panel.ern_id, Ern.name.label("ern")),
            *(*clock_columns(), *patient_columns()),
        )
        .join(ConsultationRequest, ConsultationRequest.id == Panel.request_id)
        .join(Case, Case.id == Panel.case_id)
        .join(Patient, Patient.id == Case.patient_id)
        .join(Hcp, Hcp.id == Case.hcp_id)
        .join(Ern, Ern.id == Panel.ern_id)
        .join(User, User.id == Panel.lead_id)
        .where(Panel.due_at <= now(), or_(to_me, to_us), is_shown_to_others())
        .order_by(Panel.due_at)
        .limit(_MOST)
    )


def _item(actor: Actor, row: Any) -> Item:
    is_lead = row.lead_id == actor.user_id
    who = "You lead this panel" if is_lead else f"{row.lead_name} leads it and has been told"
    return Item(
        title=f"Late: {row.pseudonym}, " + words.person(row.sex, row.birth_year, row.birth_month),
        text=f"“{row.question}”",
        note=f"{row.ern} · {row.number} · {who}",
        action="Open the panel",
        href=f"/panels/{row.id}",
        clock=clock_of(row),
        is_urgent=row.urgency == "urgent",
    )
