"""Guests of one panel: invited for a set time, with an account that holds no role.

A guest reads, contributes and judges like any member and sees nothing else of the site. When the
time ends, so does all that the guest sees, at that second.
"""

from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.orm import Session

from cpms_core import audit
from cpms_core.actor import Actor, Role
from cpms_core.audit import Event
from cpms_core.clock import clock
from cpms_core.errors import InvalidError, NotFoundError
from cpms_core.identity.managing import grants_held
from cpms_core.identity.models import User
from cpms_core.identity.people import Invitee, Ticket, find_invitee, ticket_for
from cpms_core.identity.spelling import normal_email, normal_name
from cpms_core.keys import SiteKey
from cpms_core.panels.models import Panel, PanelMember
from cpms_core.panels.moves import ensure_open
from cpms_core.panels.scope import PanelScope, find_member, find_panel, renew_share
from cpms_core.panels.seats.members import ROLES, invite_expert, note, seat
from cpms_core.words import day

USUAL, LONGEST = timedelta(days=14), timedelta(days=90)


class NewGuest(Struct, frozen=True, kw_only=True):
    name: str
    email: str
    role: str
    until: date | None
    """The last day."""


class InvitedGuest(Struct, frozen=True):
    user: User
    ticket: Ticket
    """Empty for whoever has a key, or a link that is not ours to make anew."""
    is_expert: bool = False
    """Whether the person holds a professional role, and so was invited without an end."""


def invite_guest(
    session: Session, actor: Actor, key: SiteKey, panel_id: UUID, new: NewGuest
) -> InvitedGuest:
    """Seat somebody from outside, with an account if there is none.

    Inviting a guest once more changes the role and the end, and makes another link as long as no
    key is enrolled.
    """
    scope = find_panel(session, actor, panel_id, "panel.invite_guest")
    ensure_open(scope)
    until = _checked(new)
    invitee = find_invitee(session, new.name, new.email)
    user = invitee.user
    held = {grant.role for grant in grants_held(user)}
    if Role.PROFESSIONAL in held:
        invite_expert(session, actor, panel_id, user.id, new.role)
        return InvitedGuest(user, _no_ticket(user), is_expert=True)
    if held - {Role.GUEST}:
        raise InvalidError(
            "This person has another role on this site and takes part in no panel.",
            {"email": "This person takes part in no panel."},
        )
    if user.id == scope.request.submitted_by:
        raise InvalidError("The submitter takes part as such and need not be invited.")
    seat(session, actor, scope, user, new.role, until)
    if not invitee.is_known:
        audit.record(
            session,
            actor,
            Event.PERSON_INVITED,
            subject_id=user.id,
            ern_id=scope.panel.ern_id,
            role=Role.GUEST,
        )
    note(session, actor, scope, Event.GUEST_INVITED, user.id, role=new.role, until=until)
    return InvitedGuest(user, _ticket(session, actor, key, scope, invitee))


def extend_guest(
    session: Session, actor: Actor, panel_id: UUID, user_id: UUID, last: date | None
) -> None:
    """Another end, sooner or later; it also brings back a guest whose time has ended."""
    scope = find_panel(session, actor, panel_id, "panel.invite_guest")
    ensure_open(scope)
    member = find_member(session, panel_id, user_id)
    if member is None or member.until is None or member.state not in {"invited", "accepted"}:
        raise NotFoundError("This person is no guest of the panel.")
    if wrong := _wrong_day(last):
        raise InvalidError(wrong, {"until": wrong})
    member.until = _end_of(last)
    renew_share(session, scope.case.id, user_id)
    note(session, actor, scope, Event.GUEST_EXTENDED, user_id, until=member.until)


def _ticket(
    session: Session, actor: Actor, key: SiteKey, scope: PanelScope, invitee: Invitee
) -> Ticket:
    """Whoever holds a link can become its person: none is made to what others have opened."""
    user = invitee.user
    elsewhere = (
        select(PanelMember.id)
        .join(Panel, Panel.id == PanelMember.panel_id)
        .where(PanelMember.user_id == user.id, Panel.ern_id != scope.panel.ern_id)
    )
    if user.roles or session.scalar(elsewhere.limit(1)):
        return _no_ticket(user)
    return ticket_for(session, key, invitee, by=actor.user_id)


def _no_ticket(user: User) -> Ticket:
    return Ticket(user.id, "", "")


def _checked(new: NewGuest) -> datetime:
    """When the guest's time ends; every problem is said at once."""
    wrong: dict[str, str] = {}
    for normal, text in ((normal_name, new.name), (normal_email, new.email)):
        try:
            normal(text)
        except InvalidError as error:
            wrong |= error.fields
    if new.role not in ROLES:
        wrong["role"] = "Choose member or observer."
    if problem := _wrong_day(new.until):
        wrong["until"] = problem
    if wrong:
        raise InvalidError("The guest is not invited yet.", wrong)
    return _end_of(new.until)


def _wrong_day(last: date | None) -> str:
    today = clock.today()
    if last is not None and today <= last <= today + LONGEST:
        return ""
    return f"Choose a day from today to {day(today + LONGEST)}."


def _end_of(last: date | None) -> datetime:
    assert last is not None  # _wrong_day has looked
    return datetime.combine(last + timedelta(days=1), time(), UTC)
