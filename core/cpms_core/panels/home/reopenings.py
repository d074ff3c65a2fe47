"""Closed panels that a submitter asks to take up again: for the lead, and for who triages there."""

from functools import cache
from typing import Any

from sqlalchemy import exists, or_, select

from cpms_core import me, words
from cpms_core.cases.models import Case
from cpms_core.directory.models import Ern
from cpms_core.identity.models import User
from cpms_core.panels.after.models import Reopening
from cpms_core.panels.clock.clocks import Clock
from cpms_core.panels.home.waiting import Item, Part, Reader
from cpms_core.panels.models import Panel, PanelErn
from cpms_core.panels.scope import is_shown_to_others
from cpms_core.panels.stages import Stage
from cpms_core.patients.models import Patient
from cpms_core.rows import AnyQuery

_MOST = 10


@cache
def _asked_to_reopen() -> AnyQuery:
    shared = exists().where(PanelErn.panel_id == Panel.id, PanelErn.ern_id.in_(me.TRIAGED))
    return (
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
            or_(Panel.lead_id == me.ID, shared),
            is_shown_to_others(),
        )
        .order_by(Reopening.asked_at)
        .limit(_MOST)
    )


def _reopening_item(row: Any, _: Reader) -> Item:
    return Item(
        title=f"Reopen the panel? {row.pseudonym}",
        text=f"“{row.reason}”",
        note=f"{row.name} has something new · {row.ern} · {row.number}",
        action="Decide",
        href=f"/panels/{row.id}/outcome#reopening",
        clock=Clock(state="soon", words=f"waiting {words.since(row.asked_at)}"),
    )


PARTS = (Part(_asked_to_reopen, _reopening_item, "panel.reopen"),)
