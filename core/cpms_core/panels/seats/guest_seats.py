"""The guests of a network's panels, for its coordinators: no role of theirs tells who they are."""

from datetime import date, timedelta
from uuid import UUID

from msgspec import Struct
from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session, selectinload

from cpms_core.actor import Actor, Role
from cpms_core.cases.models import Case
from cpms_core.clock import clock
from cpms_core.identity.models import User
from cpms_core.identity.people import has_key
from cpms_core.panels.models import Panel, PanelMember
from cpms_core.panels.scope import is_over, is_shown_to_others, last_day

_SHOWN_AFTER_ITS_END = timedelta(days=30)


class GuestSeat(Struct, frozen=True, kw_only=True):
    """One person on one panel; somebody on two of them is there twice."""

    name: str
    email: str
    panel_id: UUID
    number: str
    """Of the panel."""
    last_day: date
    is_over: bool
    has_key: bool
    is_disabled: bool


def list_guests(session: Session, actor: Actor, search: str = "") -> tuple[GuestSeat, ...]:
    """Of the networks that the actor coordinates, those whose time ends first before the others.

    Also some weeks after the end, for a guest can be given more time.
    """
    wanted = (
        select(PanelMember, Panel.number, User)
        .join(Panel, Panel.id == PanelMember.panel_id)
        .join(Case, Case.id == Panel.case_id)
        .join(User, User.id == PanelMember.user_id)
        .where(
            Panel.ern_id.in_(actor.erns(Role.COORDINATOR)),
            PanelMember.until > clock.now() - _SHOWN_AFTER_ITS_END,
            PanelMember.state.in_(("invited", "accepted")),
            is_shown_to_others(),
        )
        .options(selectinload(User.keys))
        .order_by(PanelMember.until, func.lower(User.name))
    )
    if search:
        named = User.name.icontains(search, autoescape=True)
        wanted = wanted.where(or_(named, User.email.contains(search.casefold(), autoescape=True)))
    return tuple(
        GuestSeat(
            name=user.name,
            email=user.email,
            panel_id=seat.panel_id,
            number=number,
            last_day=last_day(seat.until),
            is_over=is_over(seat.until),
            has_key=has_key(user),
            is_disabled=user.disabled_at is not None,
        )
        for seat, number, user in session.execute(wanted)
        if seat.until is not None
    )
