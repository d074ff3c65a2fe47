"""Who was spoken to by name in a discussion, and has not looked at it since."""

from functools import cache
from typing import Any

from sqlalchemy import and_, or_, select

from cpms_core import me, words
from cpms_core.cases.models import Case
from cpms_core.directory.models import Ern
from cpms_core.identity.models import User
from cpms_core.panels.clock.clocks import Clock
from cpms_core.panels.discussion.models import Mention, PanelLook
from cpms_core.panels.home.waiting import Item, Part, Reader
from cpms_core.panels.models import Contribution, Panel, PanelMember
from cpms_core.panels.scope import is_seated, is_shown_to_others
from cpms_core.patients.models import Patient
from cpms_core.rows import AnyQuery

_MOST = 30
_SAID = 200


@cache
def _mentions() -> AnyQuery:
    """The newest first; of a panel that I still sit on."""
    mine = and_(PanelMember.panel_id == Panel.id, PanelMember.user_id == me.ID)
    look = and_(PanelLook.panel_id == Panel.id, PanelLook.user_id == me.ID)
    return (
        select(
            *(Contribution.id, Contribution.panel_id, Contribution.text, Contribution.reply_to),
            *(Mention.at, User.name, Patient.pseudonym, Ern.name.label("ern")),
        )
        .join(Mention, Mention.contribution_id == Contribution.id)
        .join(User, User.id == Contribution.author_id)
        .join(Panel, Panel.id == Contribution.panel_id)
        .join(Ern, Ern.id == Panel.ern_id)
        .join(PanelMember, mine)
        .join(Case, Case.id == Panel.case_id)
        .join(Patient, Patient.id == Case.patient_id)
        .outerjoin(PanelLook, look)
        .where(
            Mention.user_id == me.ID,
            or_(PanelLook.seen_at.is_(None), PanelLook.seen_at < Mention.at),
            is_seated(),
            is_shown_to_others(),
        )
        .order_by(Mention.at.desc())
        .limit(_MOST)
    )


def _mention_item(row: Any, _: Reader) -> Item:
    said = row.text if len(row.text) <= _SAID else f"{row.text[:_SAID]}…"
    return Item(
        title=f"You are mentioned: {row.pseudonym}",
        text=f"“{said}”",
        note=f"{row.name} · {row.ern}",
        action="Read it",
        href=f"/panels/{row.panel_id}?at={row.reply_to or row.id}#c-{row.id}",
        clock=Clock(state="", words=f"{words.since(row.at)} ago"),
    )


PARTS = (Part(_mentions, _mention_item),)
