"""Guests of one panel: invite somebody from outside for a set time, and change that time."""

from uuid import UUID

from cpms_core import Answer, Redirect, route
from cpms_core.audit import Event
from cpms_core.errors import InvalidError
from cpms_core.http.visit import PageVisit
from cpms_core.panels.seats.guests import InvitedGuest, NewGuest, extend_guest, invite_guest
from cpms_core.words import day
from cpms_web.pages_members import GUEST_TITLES, members_page
from cpms_web.pages_people import ticket_page
from cpms_web.typed import in_order, read_date, typed_in

_GUESTS = "/panels/{panel_id:uuid}/guests"


@route(
    "POST",
    _GUESTS,
    permission="panel.invite_guest",
    event=Event.GUEST_INVITED,
    or_event=Event.EXPERT_INVITED,
    step_up="invite a guest",
)
def invite(visit: PageVisit, panel_id: UUID) -> Answer:
    typed = typed_in(visit, GUEST_TITLES, max_length=300)
    problems: dict[str, str] = {}
    new = NewGuest(
        name=typed["name"],
        email=typed["email"],
        role=typed["as"],
        until=read_date(typed["until"], "until", problems),
    )
    try:
        with visit.session.begin_nested():  # the account with its seat, or nothing
            invited = invite_guest(visit.session, visit.actor, visit.site.key, panel_id, new)
    except InvalidError as error:
        wrong = in_order({**_fields(error), **problems}, GUEST_TITLES)
        said = "" if wrong else str(error)
        return members_page(visit, panel_id, wrong=said, typed=typed, problems=wrong)
    back = f"/panels/{panel_id}/members"
    if invited.ticket.token:
        again = "Invite the same address again; the old one ends"
        return ticket_page(visit, invited.ticket, is_new=True, back=back, again=again)
    return Redirect(back, _said(invited))


@route(
    "POST",
    _GUESTS + "/{guest_id:uuid}/until",
    permission="panel.invite_guest",
    event=Event.GUEST_EXTENDED,
    step_up="change until when a guest stays",
)
def change_end(visit: PageVisit, panel_id: UUID, guest_id: UUID) -> Answer:
    problems: dict[str, str] = {}
    last = read_date(visit.field("until", max_length=20), "until", problems)
    try:
        extend_guest(visit.session, visit.actor, panel_id, guest_id, last)
    except InvalidError as error:
        return members_page(visit, panel_id, wrong=f"The end was not changed. {error}")
    assert last is not None  # extend_guest has looked
    return Redirect(f"/panels/{panel_id}/members", f"The guest stays until {day(last)}.")


def _fields(error: InvalidError) -> dict[str, str]:
    """The service calls it role; the page has another form with that name."""
    return {"as" if name == "role" else name: problem for name, problem in error.fields.items()}


def _said(invited: InvitedGuest) -> str:
    name = invited.user.name
    if invited.is_expert:
        return (
            f"{name} is a health professional on this site, so this is an ordinary invitation "
            "without an end. It waits on their Home."
        )
    if invited.user.keys:
        return f"{name} is invited, and finds it on Home: this person has a security key already."
    return (
        f"{name} is invited. Others have made this person's account, and the link they passed on "
        "is for this panel too."
    )


ROUTES = (invite, change_end)
